import type { Activity } from '../audit/activity-store.js'
import type { VaultRow } from './vault-store.js'

type Verb = 'created' | 'updated' | 'disabled' | 'default_set' | 'health_checked'

/** What is recorded of a vault: which one it is and its state. Never its config, nor what a check found. */
export function vaultActivity(
  verb: Verb,
  vault: VaultRow,
  facts: Record<string, string | null> = {}
): Activity {
  return {
    companyId: vault.company_id,
    action: `secret_provider_config.${verb}`,
    entityType: 'secret_provider_config',
    entityId: vault.id,
    metadata: {
      provider: vault.provider,
      displayName: vault.display_name,
      status: vault.status,
      isDefault: vault.is_default,
      ...facts
    }
  }
}
