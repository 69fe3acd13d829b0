import type { CliAccess, CompanyRole, OpenedBy, OutboxItem } from '@paperclip/contracts'
import type { ColumnType, Generated } from 'kysely'
import type { Static } from 'typebox'

type OutboxItemValue = Static<typeof OutboxItem>
/** Set by the database when a row is made. */
type CreatedAt = ColumnType<Date, Date | undefined, never>
type UpdatedAt = ColumnType<Date, Date | undefined, Date>

export interface CompanyTable {
  id: string
  name: string
  status: Generated<'active' | 'archived'>
  created_at: CreatedAt
  updated_at: UpdatedAt
}

export interface CompanyMembershipTable {
  company_id: string
  principal_type: 'user'
  principal_id: string
  role: CompanyRole
  status: Generated<'active' | 'suspended'>
  created_at: CreatedAt
  updated_at: UpdatedAt
}

export interface ProjectTable {
  id: string
  company_id: string
  name: string
  created_at: CreatedAt
  updated_at: UpdatedAt
}

export type AgentStatus = 'active' | 'paused' | 'terminated'

export interface AgentTable {
  id: string
  company_id: string
  name: string
  adapter_type: string
  status: Generated<AgentStatus>
  created_at: CreatedAt
  updated_at: UpdatedAt
}

export interface PendingAgentEnvironmentTable {
  agent_id: string
  company_id: string
  created_at: CreatedAt
}

export interface AgentKeyTable {
  id: string
  company_id: string
  agent_id: string
  name: string
  key_hash: Buffer
  created_at: CreatedAt
  last_used_at: Date | null
  revoked_at: Date | null
  expires_at: Date | null
}

export type RunStatus = 'running' | 'succeeded' | 'failed' | 'cancelled' | 'expired'

export interface RunTable {
  id: string
  company_id: string
  agent_id: string
  project_id: string | null
  status: Generated<RunStatus>
  opened_by_actor_type: OpenedBy['actorType']
  opened_by_actor_id: string
  opened_by_credential_kind: OpenedBy['credentialKind']
  opened_by_credential_id: string | null
  lease_seconds: number | null
  lease_expires_at: Date | null
  expires_at: Date
  started_at: CreatedAt
  finished_at: Date | null
}

export interface OutboxTable {
  seq: Generated<number>
  id: string
  company_id: string | null
  item: ColumnType<OutboxItemValue, string, never>
  attempts: Generated<number>
  not_before: Date | null
  created_at: CreatedAt
}

export interface OutboxLeaseTable {
  id: number
  holder: string | null
  lease_until: Date
}

export interface InstanceSettingsTable {
  id: number
  cursor_key: Buffer
  claimed_at: Date | null
  claimed_by_user_id: string | null
  created_at: CreatedAt
}

export interface InstanceUserRoleTable {
  user_id: string
  role: 'instance_admin'
  created_at: CreatedAt
}

/** Of Better Auth, which writes it; the gateway reads names and e-mails, and deletes. */
export interface AuthUserTable {
  id: string
  name: string
  email: string
  createdAt: CreatedAt
}

/** Of Better Auth, which writes it; the gateway looks up and deletes. */
export interface AuthSessionTable {
  id: string
  userId: string
  token: string
  ipAddress: string | null
  userAgent: string | null
  expiresAt: Date
  createdAt: CreatedAt
}

/** Of Better Auth, which does not use it yet; the gateway clears away what has expired. */
export interface AuthVerificationTable {
  id: string
  expiresAt: Date
}

export interface BoardKeyTable {
  id: string
  user_id: string
  name: string
  key_hash: Buffer
  company_id: string | null
  instance_admin: boolean
  created_at: CreatedAt
  last_used_at: Date | null
  revoked_at: Date | null
  expires_at: Date | null
}

export interface BoardClaimTable {
  id: string
  token_hash: Buffer
  code_hash: Buffer
  created_at: CreatedAt
  expires_at: Date
}

export interface CliAuthChallengeTable {
  id: string
  token_hash: Buffer
  key_hash: Buffer
  command: string
  client_name: string | null
  requested_access: CliAccess
  requested_company_id: string | null
  status: Generated<'pending' | 'approved' | 'cancelled'>
  created_at: CreatedAt
  expires_at: Date
}

export interface CompanyInviteTable {
  id: string
  company_id: string
  role: CompanyRole
  token_hash: Buffer
  created_by_user_id: string
  created_at: CreatedAt
  expires_at: Date
  accepted_at: Date | null
  accepted_by_user_id: string | null
  revoked_at: Date | null
}

export interface RateLimitTable {
  key: Buffer
  hits: number
  window_ends_at: Date
}

/** Schema `gateway`. */
export interface GatewayDatabase {
  instance_settings: InstanceSettingsTable
  instance_user_roles: InstanceUserRoleTable
  authUsers: AuthUserTable
  authSessions: AuthSessionTable
  authVerifications: AuthVerificationTable
  board_api_keys: BoardKeyTable
  board_claims: BoardClaimTable
  cli_auth_challenges: CliAuthChallengeTable
  company_invites: CompanyInviteTable
  companies: CompanyTable
  company_memberships: CompanyMembershipTable
  projects: ProjectTable
  agents: AgentTable
  pending_agent_environments: PendingAgentEnvironmentTable
  agent_api_keys: AgentKeyTable
  runs: RunTable
  outbox: OutboxTable
  outbox_lease: OutboxLeaseTable
  rate_limits: RateLimitTable
}
