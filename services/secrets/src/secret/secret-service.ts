import {
  type CreateSecret,
  type DeletedSecret,
  newId,
  type RotatedSecret,
  type RotateSecret,
  type SecretView,
  type UpdateSecret
} from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { insertActivity } from '../audit/activity-store.js'
import type { Caller } from '../auth/caller.js'
import type { SecretsDatabase } from '../database.js'
import type { CompanyKeyring } from '../keyring/company-keyring.js'
import { refuseShredded } from '../keyring/shredded.js'
import { isSealedHere, type ProviderRegistry, type SecretProvider } from '../provider/provider.js'
import type { RemoteDeletionService } from '../remote-deletion/remote-deletion-service.js'
import type { RemoteWriteService } from '../remote-write/remote-write-service.js'
import { chooseVault, holdChosenVault } from '../vault/chosen-vault.js'
import { isVaultDisabled } from '../vault/vault-store.js'
import {
  destroyVersions,
  findVersion,
  insertVersion,
  retireCurrentVersion
} from '../version/version-store.js'
import type { OwnCredentials } from './own-credentials.js'
import { pinWarnings } from './pin-warning.js'
import { createRemotely, rotateRemotely } from './remotely-kept.js'
import { activityOf, authorOf, changing, getForChange, getSecretOf, lockForChange } from './secret-change.js'
import { checkNewSecret } from './secret-input.js'
import { storeMaterial } from './secret-material.js'
import { planRotation } from './secret-rotation.js'
import {
  type CountedSecretRow,
  countBindings,
  insertSecret,
  lockSecret,
  markSecretDeleted,
  type SecretRow,
  updateLatestVersion,
  updateSecret
} from './secret-store.js'
import { planUpdate } from './secret-update.js'
import { toSecretView } from './secret-view.js'
import { takingName } from './unfinished-secret.js'

interface SecretServiceDeps {
  db: Db<SecretsDatabase>
  providers: ProviderRegistry
  companyKeys: CompanyKeyring
  remoteWrites: RemoteWriteService
  remoteDeletions: Pick<RemoteDeletionService, 'enqueueSecrets' | 'attempt'>
  ownCredentials: OwnCredentials
  defaultProvider: 'local_encrypted' | 'aws_secrets_manager' | 'gcp_secret_manager' | 'vault'
}

/** What became of the value at a remote provider when its secret was deleted. */
export type RemoteOutcome = DeletedSecret['remote']

/** The rules of creating, changing, rotating and deleting secrets. */
export interface SecretService {
  create(caller: Caller, companyId: string, input: CreateSecret): Promise<SecretView>
  /** Finds a row the caller may see with at least a role; foreign and absent are the same `secret_not_found`. */
  get(caller: Caller, id: string, options?: { deleted: 'shown' | 'hidden' }): Promise<CountedSecretRow>
  /** Changes what no value depends on; what repeats the present state is not recorded as a change. */
  update(caller: Caller, id: string, input: UpdateSecret): Promise<SecretView>
  rotate(caller: Caller, id: string, input: RotateSecret): Promise<RotatedSecret>
  /** Once it is deleted here, no failure of the provider fails the call: the outbox goes on. */
  delete(caller: Caller, id: string, options: { force: boolean }): Promise<RemoteOutcome>
}

/** Makes the service over its database and providers. */
export function createSecretService(deps: SecretServiceDeps): SecretService {
  const { db, providers, remoteDeletions, ownCredentials, defaultProvider } = deps
  return {
    get: (caller, id, options) => getSecretOf(db, caller, id, options),

    async create(caller, companyId, input) {
      const { name, key, description, material } = checkNewSecret(input)
      if ('value' in material) ownCredentials.refuse(material.value)
      const { externalRef, providerVersionRef, providerMetadata = null } = input
      const facts = [externalRef, providerVersionRef, JSON.stringify(providerMetadata)]
      ownCredentials.refuse([name, key, description, ...facts].join('|'))
      const named = { id: input.providerConfigId, provider: input.provider }
      const vault = await chooseVault(db, companyId, named)
      const provider = input.provider ?? vault?.provider ?? defaultProvider
      const [secretId, versionId] = [newId(), newId()]
      const place = { companyId, secretId, versionId }
      const author = authorOf(caller)
      const row = {
        id: secretId,
        company_id: companyId,
        key,
        name,
        provider,
        status: 'active',
        managed_mode: 'value' in material ? 'paperclip_managed' : 'external_reference',
        provider_metadata: input.providerMetadata == null ? null : JSON.stringify(input.providerMetadata),
        description,
        ...author
      } as const
      const home = providerOf(providers, provider)
      const taking = <T>(work: () => Promise<T>) => takingName(deps, () => ({ companyId, name, key }), work)
      if (home.storage.kind === 'remote' && 'value' in material) {
        const remote = { place, storage: home.storage, vault, value: material.value, row }
        return toSecretView(await taking(() => createRemotely(deps, caller, remote)))
      }
      // Slow work first: the transaction below only writes.
      const stored = await storeMaterial(home, { place, material, vault })
      const made = await taking(() =>
        changing(db, caller, async (tx) => {
          await refuseShredded(tx, companyId)
          await holdChosenVault(tx, vault)
          const { externalRef, providerConfigId } = stored
          const secret = await insertSecret(tx, {
            ...row,
            external_ref: externalRef,
            provider_config_id: providerConfigId,
            latest_version: 1
          })
          await insertVersion(tx, { place, version: 1, stored, author })
          await insertActivity(tx, caller, activityOf('secret.created', secret))
          return secret
        })
      )
      return toSecretView({ ...made, reference_count: 0 })
    },

    async update(caller, id, input) {
      ownCredentials.refuse([input.name, input.key, input.description, input.externalRef].join('|'))
      let wanted: { companyId: string; name: string; key: string } | null = null
      const row = await takingName(
        deps,
        () => wanted,
        () =>
          changing(db, caller, async (tx) => {
            const secret = await lockForChange(tx, caller, id)
            const { changes, deletes } = planUpdate(secret, input)
            const { company_id: companyId, name, key } = secret
            wanted = { companyId, name: changes.name ?? name, key: changes.key ?? key }
            const changed = Object.keys(changes).join(', ')
            const updated =
              changed === ''
                ? await getSecretOf(tx, caller, id)
                : await updateSecret(tx, { companyId, id }, changes)
            if (changed !== '')
              await insertActivity(tx, caller, activityOf('secret.updated', updated, { changed }))
            return deletes ? deleteLocked(tx, caller, updated, { force: false }) : updated
          })
      )
      return toSecretView(row)
    },

    async rotate(caller, id, input) {
      const found = await getForChange(db, caller, id)
      requireActive(found)
      const provider = providerOf(providers, found.provider)
      const place = { companyId: found.company_id, secretId: id, versionId: newId() }
      const latest = await findVersion(db, { ...place, version: found.latest_version })
      const { material, vaultId } = planRotation(input, {
        secret: found,
        providerVersionRef: latest?.provider_version_ref ?? null,
        descriptor: provider.descriptor
      })
      if ('value' in material) ownCredentials.refuse(material.value)
      else ownCredentials.refuse(Object.values(material.reference).join('|'))
      const vault = await chooseVault(db, found.company_id, { id: vaultId, provider: found.provider })
      const judge = (secret: SecretRow) => {
        requireActive(secret)
        requireExpectedVersion(secret, input.expectedLatestVersion)
        // What was left out came from the version it follows: another one in between would be undone unseen.
        if ('reference' in material || secret.provider_config_id !== found.provider_config_id)
          requireExpectedVersion(secret, found.latest_version)
      }
      const { storage } = provider
      if (storage.kind === 'remote' && 'value' in material) {
        const { value } = material
        const rotated = await rotateRemotely(deps, caller, { place, storage, vault, value, judge })
        return { ...toSecretView(rotated), ...(await pinWarnings(db, rotated)) }
      }
      const stored = await storeMaterial(provider, { place, material, vault })
      const row = await changing(db, caller, async (tx) => {
        await holdChosenVault(tx, vault)
        const secret = await lockSecret(tx, { companyId: place.companyId, id })
        if (secret === undefined) throw new AppError('secret_not_found')
        judge(secret)
        const version = secret.latest_version + 1
        await retireCurrentVersion(tx, place)
        await insertVersion(tx, { place, version, stored, author: authorOf(caller) })
        await insertActivity(tx, caller, activityOf('secret.rotated', secret, { version }))
        return updateLatestVersion(tx, { companyId: place.companyId, id }, { version, place: stored })
      })
      return toSecretView(row)
    },

    async delete(caller, id, { force }) {
      const { ids, remote } = await changing(db, caller, async (tx) => {
        const deleted = await deleteLocked(tx, caller, await lockForChange(tx, caller, id), { force })
        const { company_id: companyId, provider_config_id: vaultId } = deleted
        const { ids, leftAlone } = await remoteDeletions.enqueueSecrets(tx, {
          companyId,
          secretIds: [id],
          firstAttempt: 'caller'
        })
        const isKept =
          leftAlone > 0 ||
          deleted.managed_mode === 'external_reference' ||
          (isSealedHere(deleted) && (await isVaultDisabled(tx, { companyId, id: vaultId })))
        return { ids, remote: isKept ? ('kept' as const) : ('none' as const) }
      })
      return ids.length > 0 ? remoteDeletions.attempt(ids) : remote
    }
  }
}

/** Deletes a locked secret: `in_use` while it is bound, unless forced. Its material goes, its history stays. */
async function deleteLocked(
  tx: Tx<SecretsDatabase>,
  caller: Caller,
  secret: SecretRow,
  { force }: { force: boolean }
): Promise<CountedSecretRow> {
  const place = { companyId: secret.company_id, id: secret.id }
  const bindings = await countBindings(tx, place)
  if (bindings > 0 && !force)
    throw new AppError('in_use', {
      detail: `${bindings} environment ${bindings === 1 ? 'entry refers' : 'entries refer'} to this secret. Unbind it first, or delete with force=true.`
    })
  await destroyVersions(tx, { companyId: place.companyId, secretId: place.id })
  const deleted = await markSecretDeleted(tx, place)
  await insertActivity(tx, caller, activityOf('secret.deleted', secret, { force, bindings }))
  return deleted
}

function providerOf(providers: ProviderRegistry, id: SecretRow['provider']): SecretProvider {
  const provider = providers.find(id)
  if (provider === undefined)
    throw new AppError('provider_unsupported', { detail: `The provider ${id} cannot be used yet.` })
  return provider
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
