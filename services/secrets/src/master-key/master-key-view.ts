import type { MasterKeyProcess, MasterKeyView } from '@paperclip/contracts'
import { activeKeyOf, type MasterKeyRow } from '../keyring/keyring-store.js'
import type { HolderRow } from '../keyring/master-key-holder-store.js'
import { holds } from './master-key-target.js'

/** Shows master keys: the newest first, those that wait before all. */
export function viewKeys(
  keys: readonly MasterKeyRow[],
  { holders, wrapped }: { holders: readonly HolderRow[]; wrapped: ReadonlyMap<string, number> }
): MasterKeyView[] {
  const activeId = activeKeyOf(keys)?.id
  const views = keys.map((key) => {
    const state = stateOf(key, activeId)
    const companyKeys = wrapped.get(key.id) ?? 0
    return {
      id: key.id,
      state,
      createdAt: key.created_at.toISOString(),
      activatedAt: key.activated_at?.toISOString() ?? null,
      retiredAt: key.retired_at?.toISOString() ?? null,
      companyKeys,
      heldBy: holders.filter((holder) => holds(holder, key.id)).length,
      safeToRemove: companyKeys === 0 && (state === 'former' || state === 'retired')
    }
  })
  return [
    ...views.filter(({ state }) => state === 'waiting'),
    ...views.filter(({ state }) => state !== 'waiting')
  ]
}

function stateOf(
  { id, activated_at, retired_at }: MasterKeyRow,
  activeId: string | undefined
): MasterKeyView['state'] {
  if (retired_at !== null) return 'retired'
  if (activated_at === null) return 'waiting'
  return id === activeId ? 'active' : 'former'
}

/** Shows a live process. */
export function viewProcess({
  process_id,
  host,
  pid,
  keys,
  started_at,
  lease_until
}: HolderRow): MasterKeyProcess {
  return {
    id: process_id,
    host,
    pid,
    startedAt: started_at.toISOString(),
    leaseUntil: lease_until.toISOString(),
    keys: keys.map(({ id, source }) => ({ id, source }))
  }
}
