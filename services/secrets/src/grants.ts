import type { Grants } from '@paperclip/db'

/** The role the service runs as: it cannot alter tables, nor change or remove what was recorded. */
export const runtimeRole = 'paperclip_secrets'

/** Exactly what the runtime role may do with each table. */
export const grants: Grants = {
  master_keys: ['select', 'insert', 'update'],
  master_key_holders: ['select', 'insert', 'update', 'delete'],
  company_keys: ['select', 'insert', 'update'],
  company_secrets: ['select', 'insert', 'update'],
  company_secret_versions: ['select', 'insert', 'update'],
  company_secret_provider_configs: ['select', 'insert', 'update'],
  remote_deletions: ['select', 'insert', 'update'],
  remote_previews: ['select', 'insert', 'update', 'delete'],
  environments: ['select', 'insert', 'update', 'delete'],
  company_secret_bindings: ['select', 'insert', 'delete'],
  secret_access_events: ['select', 'insert'],
  activity_log: ['select', 'insert'],
  applied_outbox_items: ['select', 'insert'],
  request_nonces: ['select', 'insert', 'delete'],
  instance_settings: ['select']
}
