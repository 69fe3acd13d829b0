import type { SecretView } from '@paperclip/contracts'
import type { CountedSecretRow } from './secret-store.js'

/** A secret as it is shown: every column by name, so that a new one is never shown by accident. */
export function toSecretView(row: CountedSecretRow): SecretView {
  return {
    id: row.id,
    companyId: row.company_id,
    key: row.key,
    name: row.name,
    provider: row.provider,
    status: row.status,
    managedMode: row.managed_mode,
    externalRef: row.external_ref,
    providerConfigId: row.provider_config_id,
    providerMetadata: row.provider_metadata,
    latestVersion: row.latest_version,
    description: row.description,
    referenceCount: row.reference_count,
    lastResolvedAt: row.last_resolved_at?.toISOString() ?? null,
    lastRotatedAt: row.last_rotated_at?.toISOString() ?? null,
    deletedAt: row.deleted_at?.toISOString() ?? null,
    createdByAgentId: row.created_by_agent_id,
    createdByUserId: row.created_by_user_id,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString()
  }
}
