import type { ProviderId, VaultConfig } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import { isUsable } from './vault-input.js'
import { findVault, holdVaultRow, type VaultRow } from './vault-store.js'

/** A vault that a value is about to be written to. Null elsewhere: the configuration of the deployment. */
export interface ChosenVault {
  readonly id: string
  readonly companyId: string
  readonly provider: ProviderId
  readonly config: VaultConfig
}

/**
 * Finds the vault that a request names, before its value is written there. `provider`: what the secret's is, when
 * that is settled. Throws `vault_not_found` also for a vault of another company, `vault_inactive`, `vault_mismatch`.
 */
export async function chooseVault(
  db: Db<SecretsDatabase>,
  companyId: string,
  { id, provider }: { id: string | null | undefined; provider: ProviderId | undefined }
): Promise<ChosenVault | null> {
  if (id == null) return null
  const vault = await findVault(db, id.toLowerCase(), [companyId])
  if (vault === undefined) throw new AppError('vault_not_found')
  requireUsable(vault)
  if (provider !== undefined && provider !== vault.provider)
    throw new AppError('vault_mismatch', {
      detail: `The vault is of the provider ${vault.provider}, the secret of ${provider}.`
    })
  return { id: vault.id, companyId, provider: vault.provider, config: vault.config }
}

/**
 * Keeps a chosen vault as it is until the transaction that names it ends. Throws when it was disabled since it was
 * chosen, or leads elsewhere.
 */
export async function holdChosenVault(tx: Tx<SecretsDatabase>, chosen: ChosenVault | null): Promise<void> {
  if (chosen === null) return
  const vault = await holdVaultRow(tx, chosen)
  if (vault === undefined) throw new AppError('vault_not_found')
  requireUsable(vault)
  if (JSON.stringify(vault.config) !== JSON.stringify(chosen.config))
    throw new AppError('state_conflict', { detail: 'The vault was changed meanwhile. Try again.' })
}

function requireUsable({ status }: VaultRow): void {
  if (!isUsable(status))
    throw new AppError('vault_inactive', { detail: `The vault is ${status} and takes no values.` })
}
