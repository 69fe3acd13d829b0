import {
  type CreateVault,
  newId,
  type UpdateVault,
  type VaultConfig,
  vaultRoutingMembers
} from '@paperclip/contracts'
import { type Db, type Tx, transaction } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { insertActivity } from '../audit/activity-store.js'
import { type Caller, requireRole, visibleCompanies } from '../auth/caller.js'
import type { SecretsDatabase } from '../database.js'
import { refuseShredded } from '../keyring/shredded.js'
import { claimNonce } from '../nonce/nonce-store.js'
import type { OwnCredentials } from '../secret/own-credentials.js'
import { vaultActivity } from './vault-activity.js'
import {
  initialStatus,
  isUsable,
  parseDisplayName,
  parseVaultConfig,
  requireStatus,
  requireUsableDefault
} from './vault-input.js'
import {
  clearDefault,
  countDependants,
  findVault,
  insertVault,
  lockVault,
  lockVaults,
  updateVault,
  type VaultRow,
  type VaultState
} from './vault-store.js'

/** The rules of provider vaults. */
export interface VaultService {
  create(caller: Caller, companyId: string, input: CreateVault): Promise<VaultRow>
  /** Finds a vault the caller may see; foreign and absent are the same `vault_not_found`. */
  get(caller: Caller, id: string): Promise<VaultRow>
  /** As `get`, for whoever may change it. */
  getForChange(caller: Caller, id: string): Promise<VaultRow>
  update(caller: Caller, id: string, input: UpdateVault): Promise<VaultRow>
  /** Disables it; one that is disabled stays as it is. */
  disable(caller: Caller, id: string): Promise<VaultRow>
  setDefault(caller: Caller, id: string): Promise<VaultRow>
}

/** Lost races (a deadlock, a serialisation failure) are run again from the start this often. */
const attemptsMax = 3

/** Makes the service over its database. What a vault is called and says goes to its provider, and is no secret. */
export function createVaultService({
  db,
  ownCredentials
}: {
  db: Db<SecretsDatabase>
  ownCredentials: Pick<OwnCredentials, 'refuse'>
}): VaultService {
  async function get(caller: Caller, id: string, reader: Db<SecretsDatabase> = db): Promise<VaultRow> {
    const row = await findVault(reader, id, visibleCompanies(caller.actor))
    if (row === undefined) throw new AppError('vault_not_found')
    return row
  }

  async function getForChange(caller: Caller, id: string, reader = db): Promise<VaultRow> {
    const row = await get(caller, id, reader)
    requireRole(caller.actor, row.company_id, 'admin')
    return row
  }

  /** Runs a change of one vault: alone among those of its company and provider, with its nonce. */
  function changing(
    caller: Caller,
    id: string,
    work: (tx: Tx<SecretsDatabase>, vault: VaultRow) => Promise<VaultRow>
  ): Promise<VaultRow> {
    return transaction(
      db,
      async (tx) => {
        await claimNonce(tx, caller)
        const { company_id: companyId, provider } = await getForChange(caller, id, tx)
        await lockVaults(tx, { companyId, provider })
        const vault = await lockVault(tx, { companyId, id })
        if (vault === undefined) throw new AppError('vault_not_found')
        return work(tx, vault)
      },
      { attemptsMax }
    )
  }

  return {
    get: (caller, id) => get(caller, id),
    getForChange: (caller, id) => getForChange(caller, id),

    create(caller, companyId, input) {
      const row = newVaultRow(caller, companyId, input)
      ownCredentials.refuse([row.display_name, ...Object.values(input.config ?? {})].join('|'))
      return transaction(
        db,
        async (tx) => {
          await claimNonce(tx, caller)
          await refuseShredded(tx, companyId)
          const { id, provider } = row
          await lockVaults(tx, { companyId, provider })
          const replaced = row.is_default ? await clearDefault(tx, { companyId, provider, except: id }) : null
          const vault = await insertVault(tx, row)
          await insertActivity(tx, caller, vaultActivity('created', vault, replacedFact(replaced)))
          return vault
        },
        { attemptsMax }
      )
    },

    update: (caller, id, input) =>
      changing(caller, id, async (tx, vault) => {
        ownCredentials.refuse([input.displayName, ...Object.values(input.config ?? {})].join('|'))
        const state = changedState(vault, input)
        await requireFreeToMove(tx, vault, state.config)
        return write(tx, caller, { vault, state, changed: Object.keys(input) })
      }),

    disable: (caller, id) =>
      changing(caller, id, async (tx, vault) => {
        if (vault.status === 'disabled') return vault
        const state = { ...stateOf(vault), status: 'disabled', isDefault: false } as const
        return write(tx, caller, { vault, state, changed: ['status'] })
      }),

    setDefault: (caller, id) =>
      changing(caller, id, async (tx, vault) => {
        if (!isUsable(vault.status))
          throw new AppError('vault_inactive', {
            detail: `A vault that is ${vault.status} cannot be the default.`
          })
        if (vault.is_default) return vault
        const { company_id: companyId, provider } = vault
        const replaced = await clearDefault(tx, { companyId, provider, except: id })
        const set = await updateVault(tx, { companyId, id }, { ...stateOf(vault), isDefault: true })
        await insertActivity(tx, caller, vaultActivity('default_set', set, replacedFact(replaced)))
        return set
      })
  }
}

function newVaultRow({ actor }: Caller, companyId: string, input: CreateVault) {
  const { provider, status = initialStatus(provider), isDefault = false } = input
  const config = parseVaultConfig(provider, input.config ?? {})
  requireStatus(provider, status)
  if (isDefault) requireUsableDefault(status)
  return {
    id: newId(),
    company_id: companyId,
    provider,
    display_name: parseDisplayName(input.displayName),
    status,
    is_default: isDefault,
    config: JSON.stringify(config),
    disabled_at: status === 'disabled' ? new Date() : null,
    created_by_user_id: actor.userId,
    created_by_agent_id: actor.agentId
  }
}

function stateOf(vault: VaultRow): VaultState {
  return {
    displayName: vault.display_name,
    status: vault.status,
    isDefault: vault.is_default,
    config: vault.config
  }
}

/** What a change would leave: a vault that stops being usable stops being the default as well. */
function changedState(vault: VaultRow, input: UpdateVault): VaultState {
  const status = input.status ?? vault.status
  requireStatus(vault.provider, status)
  if (input.isDefault) requireUsableDefault(status)
  return {
    displayName: input.displayName === undefined ? vault.display_name : parseDisplayName(input.displayName),
    status,
    isDefault: (input.isDefault ?? vault.is_default) && isUsable(status),
    config: input.config === undefined ? vault.config : parseVaultConfig(vault.provider, input.config)
  }
}

/** Values that lie somewhere would no longer be found there. */
async function requireFreeToMove(
  tx: Tx<SecretsDatabase>,
  vault: VaultRow,
  config: VaultConfig
): Promise<void> {
  const moved = vaultRoutingMembers.filter((name) => config[name] !== vault.config[name])
  if (moved.length === 0) return
  const dependants = await countDependants(tx, { companyId: vault.company_id, id: vault.id })
  if (dependants === 0) return
  const [secrets, depend] = dependants === 1 ? ['secret', 'depends'] : ['secrets', 'depend']
  throw new AppError('in_use', {
    detail: `${dependants} ${secrets} ${depend} on this vault, so ${moved.join(', ')} cannot change. Make another vault instead.`
  })
}

async function write(
  tx: Tx<SecretsDatabase>,
  caller: Caller,
  { vault, state, changed }: { vault: VaultRow; state: VaultState; changed: readonly string[] }
): Promise<VaultRow> {
  const { company_id: companyId, provider, id } = vault
  const replaced =
    state.isDefault && !vault.is_default ? await clearDefault(tx, { companyId, provider, except: id }) : null
  const written = await updateVault(tx, { companyId, id }, state)
  const verb = state.status === 'disabled' && vault.status !== 'disabled' ? 'disabled' : 'updated'
  const facts = { changed: changed.join(', '), ...replacedFact(replaced) }
  await insertActivity(tx, caller, vaultActivity(verb, written, facts))
  return written
}

/** Whose place as the default was taken. */
function replacedFact(replaced: string | null): Record<string, string> {
  return replaced === null ? {} : { replacedDefaultId: replaced }
}
