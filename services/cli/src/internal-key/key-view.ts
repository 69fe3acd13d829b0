import type { InternalKey } from '@paperclip/instance'
import type { Column } from '../output/print.js'
import { isExpired } from './key-rules.js'

/** A key as it is shown: everything but the secret. */
export type InternalKeyView = Omit<InternalKey, 'secret'>

/** Leaves the secret out, and whatever else may be in the entry. */
export function viewKey({ id, caller, scopes, companies, notAfter }: InternalKey): InternalKeyView {
  return { id, caller, scopes, companies, notAfter }
}

/** How people see keys. */
export const internalKeyColumns: readonly Column<InternalKeyView>[] = [
  ['id', (row) => row.id],
  ['caller', (row) => row.caller],
  ['scopes', (row) => row.scopes.join(' ')],
  ['companies', (row) => (row.companies === null ? 'all' : row.companies.join(' '))],
  ['ends', (row) => row.notAfter],
  ['state', (row) => (isExpired(row, Date.now()) ? 'ended' : 'active')]
]
