import { type CreateSecret, newId, type RotateSecret, type SecretView } from '@paperclip/contracts'
import { type Db, isUniqueViolation, type Tx, transaction } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { insertActivity } from '../audit/activity-store.js'
import { type Caller, requireRole, visibleCompanies } from '../auth/caller.js'
import type { SecretsDatabase } from '../database.js'
import { claimNonce } from '../nonce/nonce-store.js'
import type { ProviderRegistry, SecretProvider } from '../provider/provider.js'
import { destroyVersions, insertVersion, retireCurrentVersion } from '../version/version-store.js'
import { checkNewSecret, checkRotation } from './secret-input.js'
import {
  type CountedSecretRow,
  countBindings,
  findSecret,
  insertSecret,
  lockSecret,
  markSecretDeleted,
  type SecretRow,
  updateLatestVersion
} from './secret-store.js'
import { toSecretView } from './secret-view.js'

interface SecretServiceDeps {
  db: Db<SecretsDatabase>
  providers: ProviderRegistry
  defaultProvider: 'local_encrypted' | 'aws_secrets_manager' | 'gcp_secret_manager' | 'vault'
}

/** The rules of creating, rotating and deleting secrets. */
export interface SecretService {
  create(caller: Caller, companyId: string, input: CreateSecret): Promise<SecretView>
  /** Finds a row the caller may see with at least a role; foreign and absent are the same `secret_not_found`. */
  get(caller: Caller, id: string, options?: { deleted: 'shown' | 'hidden' }): Promise<CountedSecretRow>
  rotate(caller: Caller, id: string, input: RotateSecret): Promise<SecretView>
  delete(caller: Caller, id: string, options: { force: boolean }): Promise<void>
}

/** Lost races (a deadlock, a serialisation failure) are run again from the start this often. */
const attemptsMax = 3

/** Makes the service over its database and providers. */
export function createSecretService({ db, providers, defaultProvider }: SecretServiceDeps): SecretService {
  async function get(
    caller: Caller,
    id: string,
    { deleted, reader = db }: { deleted: 'shown' | 'hidden'; reader?: Db<SecretsDatabase> } = {
      deleted: 'hidden'
    }
  ): Promise<CountedSecretRow> {
    const row = await findSecret(reader, id, { companies: visibleCompanies(caller.actor), deleted })
    if (row === undefined) throw new AppError('secret_not_found')
    return row
  }

  async function getForChange(
    caller: Caller,
    id: string,
    reader: Db<SecretsDatabase> = db
  ): Promise<CountedSecretRow> {
    const row = await get(caller, id, { deleted: 'hidden', reader })
    requireRole(caller.actor, row.company_id, 'operator')
    return row
  }

  return {
    get,

    async create(caller, companyId, input) {
      const { name, key, description, provider, value } = checkNewSecret(input, defaultProvider)
      const [secretId, versionId] = [newId(), newId()]
      // Slow work first: the transaction below only writes.
      const place = { companyId, secretId, versionId }
      const stored = await providerOf(providers, provider).writeVersion(place, value)
      const author = authorOf(caller)
      const row = await changing(db, caller, async (tx) => {
        const secret = await insertSecret(tx, {
          id: secretId,
          company_id: companyId,
          key,
          name,
          provider,
          status: 'active',
          managed_mode: 'paperclip_managed',
          external_ref: null,
          provider_config_id: null,
          provider_metadata: input.providerMetadata == null ? null : JSON.stringify(input.providerMetadata),
          latest_version: 1,
          description,
          ...author
        })
        await insertVersion(tx, { place, version: 1, stored, author })
        await insertActivity(tx, caller, activityOf('secret.created', secret))
        return secret
      })
      return toSecretView({ ...row, reference_count: 0 })
    },

    async rotate(caller, id, input) {
      const found = await getForChange(caller, id)
      requireActive(found)
      const value = checkRotation(input)
      const place = { companyId: found.company_id, secretId: id, versionId: newId() }
      const stored = await providerOf(providers, found.provider).writeVersion(place, value)
      const row = await changing(db, caller, async (tx) => {
        const secret = await lockSecret(tx, { companyId: place.companyId, id })
        if (secret === undefined) throw new AppError('secret_not_found')
        requireActive(secret)
        requireExpectedVersion(secret, input.expectedLatestVersion)
        const version = secret.latest_version + 1
        await retireCurrentVersion(tx, place)
        await insertVersion(tx, { place, version, stored, author: authorOf(caller) })
        await insertActivity(tx, caller, activityOf('secret.rotated', secret, { version }))
        return updateLatestVersion(tx, { companyId: place.companyId, id, version })
      })
      return toSecretView(row)
    },

    async delete(caller, id, { force }) {
      await changing(db, caller, async (tx) => {
        // After the nonce was taken: a replay is then told so, and not that the secret is gone.
        const { company_id: companyId } = await getForChange(caller, id, tx)
        const secret = await lockSecret(tx, { companyId, id })
        if (secret === undefined) throw new AppError('secret_not_found')
        const bindings = await countBindings(tx, { companyId, id })
        if (bindings > 0 && !force)
          throw new AppError('in_use', {
            detail: `${bindings} environment ${bindings === 1 ? 'entry refers' : 'entries refer'} to this secret. Unbind it first, or delete with force=true.`
          })
        await destroyVersions(tx, { companyId, secretId: id })
        await markSecretDeleted(tx, { companyId, id })
        await insertActivity(tx, caller, activityOf('secret.deleted', secret, { force, bindings }))
      })
    }
  }
}

/** Runs a change with its nonce, and turns a taken name or key into its problem. */
async function changing<T>(
  db: Db<SecretsDatabase>,
  caller: Caller,
  work: (tx: Tx<SecretsDatabase>) => Promise<T>
): Promise<T> {
  try {
    return await transaction(
      db,
      async (tx) => {
        await claimNonce(tx, caller)
        return work(tx)
      },
      { attemptsMax }
    )
  } catch (error) {
    if (isUniqueViolation(error, 'company_secrets_name_taken'))
      throw new AppError('name_taken', { detail: 'Another secret of this company has this name.' })
    if (isUniqueViolation(error, 'company_secrets_key_taken'))
      throw new AppError('key_taken', { detail: 'Another secret of this company has this key.' })
    throw error
  }
}

function providerOf(providers: ProviderRegistry, id: SecretRow['provider']): SecretProvider {
  const provider = providers.find(id)
  if (provider === undefined)
    throw new AppError('provider_unsupported', { detail: `The provider ${id} cannot be used yet.` })
  return provider
}

function authorOf({ actor }: Caller): {
  created_by_user_id: string | null
  created_by_agent_id: string | null
} {
  return { created_by_user_id: actor.userId, created_by_agent_id: actor.agentId }
}

function requireActive(secret: SecretRow): void {
  if (secret.status !== 'active')
    throw new AppError('secret_inactive', {
      detail: `The secret is ${secret.status}; activate it before rotating.`
    })
}

function requireExpectedVersion(secret: SecretRow, expected: number | undefined): void {
  if (expected !== undefined && expected !== secret.latest_version)
    throw new AppError('version_conflict', { detail: `Version ${secret.latest_version} is the latest.` })
}

function activityOf(action: string, secret: SecretRow, facts: Record<string, number | boolean> = {}) {
  return {
    companyId: secret.company_id,
    action,
    entityType: 'secret',
    entityId: secret.id,
    metadata: { key: secret.key, provider: secret.provider, ...facts }
  }
}
