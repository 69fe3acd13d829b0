import type { Activity } from '../audit/activity-store.js'
import type { ChosenVault } from '../vault/chosen-vault.js'

/**
 * What is recorded of an import: counts, the provider and the vault. No reference, name or key; and no row for each
 * secret, whose key is mostly the remote name (decision 0024).
 */
export function importActivity(
  verb: 'previewed' | 'completed',
  { id, companyId, provider }: ChosenVault,
  counts: Record<string, number>
): Activity {
  return {
    companyId,
    action: `secret.remote_import.${verb}`,
    entityType: 'secret_provider_config',
    entityId: id,
    metadata: { provider, providerConfigId: id, ...counts }
  }
}
