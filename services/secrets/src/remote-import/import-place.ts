import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import type { FindReferenceRules, ReferenceRules } from '../provider/reference-rules.js'
import { type ChosenVault, chooseVault } from '../vault/chosen-vault.js'

/** The only provider whose inventory is imported from. */
const importedProvider = 'aws_secrets_manager'

/** The vault that is imported from, and what holds for references there. */
export interface ImportPlace {
  readonly vault: ChosenVault
  readonly rules: ReferenceRules
}

/**
 * Finds the vault of an import. Throws `vault_not_found` also for a vault of another company, `vault_inactive`,
 * `vault_mismatch` for another provider's, and `provider_unsupported` where this installation has none.
 */
export async function chooseImportPlace(
  { db, findRules }: { db: Db<SecretsDatabase>; findRules: FindReferenceRules },
  companyId: string,
  providerConfigId: string
): Promise<ImportPlace> {
  const vault = await chooseVault(db, companyId, { id: providerConfigId, provider: undefined })
  if (vault === null) throw new TypeError('an import names its vault')
  if (vault.provider !== importedProvider)
    throw new AppError('vault_mismatch', {
      detail: `Imports go through a vault of ${importedProvider}; this one is of ${vault.provider}.`
    })
  const rules = findRules(vault.provider)
  if (rules === null) throw unsupported(vault)
  return { vault, rules }
}

/** The problem of a provider that cannot be used here. */
export function unsupported({ provider }: ChosenVault): AppError {
  return new AppError('provider_unsupported', {
    detail: `The provider ${provider} cannot be imported from by this installation.`
  })
}
