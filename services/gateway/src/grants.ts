import type { Grants } from '@paperclip/db'

const all = ['select', 'insert', 'update', 'delete'] as const

/** What the gateway's runtime role may do; what is missing here it may not. */
export const gatewayGrants: Grants = {
  // UPDATE is also what claimants lock its row with.
  instance_settings: ['select', 'update'],
  instance_user_roles: all,
  companies: all,
  company_memberships: all,
  projects: all,
  agents: all,
  // UPDATE is what locking rows asks for.
  pending_agent_environments: all,
  agent_api_keys: all,
  runs: all,
  authUsers: all,
  authSessions: all,
  authAccounts: all,
  authVerifications: all,
  authRateLimits: all,
  board_api_keys: all,
  board_claims: all,
  cli_auth_challenges: all,
  company_invites: all,
  outbox: all,
  outbox_lease: ['select', 'update'],
  rate_limits: all
}
