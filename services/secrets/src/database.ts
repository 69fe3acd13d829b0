import type {
  ActivityMetadata,
  OpenedBy,
  ProviderId,
  TargetType,
  VaultConfig,
  VaultHealthDetails,
  VaultHealthStatus,
  VaultStatus
} from '@paperclip/contracts'
import type { ColumnType, Generated, JSONColumnType } from 'kysely'

type Time = ColumnType<Date, Date | undefined, Date>
type NullableTime = ColumnType<Date | null, Date | null | undefined, Date | null>

export interface MasterKeyTable {
  id: string
  salt: Buffer
  iterations: number
  created_at: Time
  activated_at: NullableTime
  retired_at: NullableTime
}

export interface MasterKeyHolderTable {
  process_id: string
  host: string
  pid: number
  keys: JSONColumnType<{ id: string; source: string }[]>
  started_at: Time
  lease_until: Time
}

export interface CompanyKeyTable {
  id: string
  company_id: string
  master_key_id: string | null
  wrapped: Buffer | null
  created_at: Time
  shredded_at: NullableTime
}

export interface SecretTable {
  id: string
  company_id: string
  key: string
  name: string
  provider: ProviderId
  status: 'active' | 'disabled' | 'archived' | 'deleted'
  managed_mode: 'paperclip_managed' | 'external_reference'
  external_ref: string | null
  provider_config_id: string | null
  provider_metadata: JSONColumnType<Record<string, string | number | boolean | null>> | null
  latest_version: number
  description: string | null
  last_resolved_at: NullableTime
  last_rotated_at: NullableTime
  deleted_at: NullableTime
  created_by_agent_id: string | null
  created_by_user_id: string | null
  created_at: Time
  updated_at: Time
}

export interface VersionTable {
  id: string
  company_id: string
  secret_id: string
  version: number | null
  status: 'pending' | 'failed' | 'current' | 'previous' | 'disabled' | 'destroyed'
  sealed: Buffer | null
  fingerprint: Buffer | null
  external_ref: string | null
  provider_version_ref: string | null
  /** The vault it was written to; null: the configuration of the deployment. */
  provider_config_id: string | null
  lease_until: NullableTime
  /** Of the version that made its remote secret: whether the provider took the tags. */
  tagged: boolean | null
  created_by_agent_id: string | null
  created_by_user_id: string | null
  created_at: Time
}

export interface VaultTable {
  id: string
  company_id: string
  provider: ProviderId
  display_name: string
  status: VaultStatus
  is_default: boolean
  config: JSONColumnType<VaultConfig>
  health_status: VaultHealthStatus | null
  health_checked_at: NullableTime
  health_message: string | null
  health_details: JSONColumnType<VaultHealthDetails> | null
  disabled_at: NullableTime
  created_by_agent_id: string | null
  created_by_user_id: string | null
  created_at: Time
  updated_at: Time
}

export interface RemoteDeletionTable {
  id: string
  company_id: string
  secret_id: string
  provider: ProviderId
  external_ref: string
  remote_name: string
  attempts: Generated<number>
  next_attempt_at: Time
  last_code: string | null
  deletion_date: NullableTime
  done_at: NullableTime
  created_at: Time
}

export interface RemotePreviewTable {
  provider_config_id: string
  search: Buffer
  lease_until: Time
}

export interface EnvironmentTable {
  company_id: string
  target_type: TargetType
  target_id: string
  revision_id: string
  names: string[]
  plain: string
  sealed: Buffer | null
  updated_at: Time
}

export interface BindingTable {
  id: string
  company_id: string
  secret_id: string
  target_type: TargetType
  target_id: string
  config_path: string
  version: number | null
  created_at: Time
}

export interface AccessEventTable {
  company_id: string
  resolve_id: string
  ordinal: number
  secret_id: string | null
  secret_key: string | null
  version: number | null
  provider: ProviderId | null
  actor_type: 'user' | 'agent' | 'service'
  actor_id: string
  opened_by: JSONColumnType<OpenedBy> | null
  target_type: TargetType | null
  target_id: string | null
  config_path: string | null
  run_id: string | null
  outcome: 'success' | 'denied' | 'failure'
  code: string | null
  follows_event_id: string | null
  request_id: string
  created_at: Time
  written_in: Generated<string>
}

export interface ActivityTable {
  id: string
  company_id: string | null
  action: string
  actor_type: 'user' | 'agent' | 'system' | 'service'
  actor_id: string
  entity_type: string
  entity_id: string
  run_id: string | null
  metadata: JSONColumnType<ActivityMetadata>
  timestamp: Time
  written_in: Generated<string>
}

export interface RequestNonceTable {
  key_id: string
  nonce: string
  expires_at: Date
}

/** The tables of schema `secrets`. Nothing outside `*-store.ts` names a column. */
export interface SecretsDatabase {
  master_keys: MasterKeyTable
  master_key_holders: MasterKeyHolderTable
  company_keys: CompanyKeyTable
  company_secrets: SecretTable
  company_secret_versions: VersionTable
  company_secret_provider_configs: VaultTable
  remote_deletions: RemoteDeletionTable
  remote_previews: RemotePreviewTable
  environments: EnvironmentTable
  company_secret_bindings: BindingTable
  secret_access_events: AccessEventTable
  activity_log: ActivityTable
  applied_outbox_items: { id: string; applied_at: Time }
  request_nonces: RequestNonceTable
  instance_settings: { only_row: Generated<boolean>; cursor_key: Buffer }
}
