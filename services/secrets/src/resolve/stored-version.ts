import type { StoredVersion } from '../provider/provider.js'
import type { ResolveRow } from './resolve-store.js'

/** The columns of a version that say where its value lies. */
export type StoredVersionRow = Pick<
  ResolveRow,
  | 'key'
  | 'managed_mode'
  | 'sealed'
  | 'external_ref'
  | 'provider_version_ref'
  | 'provider_config_id'
  | 'vault_config'
>

/** A row as its provider takes it. */
export function storedVersionOf(row: StoredVersionRow): StoredVersion {
  const { provider_config_id: id, vault_config: config } = row
  return {
    sealed: row.sealed,
    externalRef: row.external_ref,
    providerVersionRef: row.provider_version_ref,
    vault: id === null || config === null ? null : { id, config },
    key: row.key,
    managedMode: row.managed_mode
  }
}
