import type { Grants } from '@paperclip/db'

const all = ['select', 'insert', 'update', 'delete'] as const

/** What the gateway's runtime role may do; what is missing here it may not. */
export const gatewayGrants: Grants = {
  instance_settings: ['select'],
  instance_user_roles: all,
  companies: ['select', 'insert', 'update'],
  company_memberships: all,
  projects: all,
  agents: all,
  // UPDATE is what locking rows asks for.
  pending_agent_environments: all,
  agent_api_keys: all,
  runs: all,
  outbox: all,
  outbox_lease: ['select', 'update']
}
