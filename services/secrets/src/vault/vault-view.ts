import type { VaultView } from '@paperclip/contracts'
import type { VaultRow } from './vault-store.js'

/** A vault as it is shown: every column by name, so that a new one is never shown by accident. */
export function toVaultView(row: VaultRow): VaultView {
  return {
    id: row.id,
    companyId: row.company_id,
    provider: row.provider,
    displayName: row.display_name,
    status: row.status,
    isDefault: row.is_default,
    config: row.config,
    healthStatus: row.health_status,
    healthCheckedAt: row.health_checked_at?.toISOString() ?? null,
    healthMessage: row.health_message,
    healthDetails: row.health_details,
    disabledAt: row.disabled_at?.toISOString() ?? null,
    createdByAgentId: row.created_by_agent_id,
    createdByUserId: row.created_by_user_id,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString()
  }
}
