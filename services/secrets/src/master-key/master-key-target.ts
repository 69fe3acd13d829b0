import { AppError } from '@paperclip/server'
import { activeKeyOf, type MasterKeyRow } from '../keyring/keyring-store.js'
import { type HolderRow, leaseSeconds } from '../keyring/master-key-holder-store.js'

/** Processes named in a refusal; of more, their number. */
const namedMax = 5

/** Says whether a process holds a key. */
export function holds({ keys }: HolderRow, masterKeyId: string): boolean {
  return keys.some(({ id }) => id === masterKeyId)
}

/**
 * Chooses what a rotation makes active: the key that is named, else the one that waits, else the active one again.
 *
 * A former key becomes active again only by its name, so that a call which goes on with a rotation can never take
 * it back. Throws `not_found`, and `state_conflict` for a retired key or when several wait.
 */
export function chooseTarget(
  keys: readonly MasterKeyRow[],
  holders: readonly HolderRow[],
  named: string | undefined
): MasterKeyRow {
  if (named !== undefined) return namedKey(keys, named)
  const waiting = keys.filter(
    ({ id, activated_at, retired_at }) =>
      activated_at === null && retired_at === null && holders.some((holder) => holds(holder, id))
  )
  if (waiting.length > 1)
    throw new AppError('state_conflict', {
      detail: `Several master keys wait: ${waiting.map(({ id }) => id).join(', ')}. Name the one to rotate to.`
    })
  const target = waiting[0] ?? activeKeyOf(keys)
  if (target === undefined) throw new AppError('state_conflict', { detail: 'No master key is active.' })
  return target
}

function namedKey(keys: readonly MasterKeyRow[], id: string): MasterKeyRow {
  const key = keys.find((row) => row.id === id)
  if (key === undefined) throw new AppError('not_found', { detail: 'The instance has no such master key.' })
  if (key.retired_at !== null)
    throw new AppError('state_conflict', { detail: 'This master key is retired and never wraps again.' })
  return key
}

/** Refuses, with `state_conflict`, while a live process could not open what the key is going to wrap. */
export function requireHeldByAll(holders: readonly HolderRow[], masterKeyId: string): void {
  const lacking = holders.filter((holder) => !holds(holder, masterKeyId))
  if (lacking.length === 0) return
  const named = lacking.slice(0, namedMax).map(({ host, pid }) => `${host} (process ${pid})`)
  const more = lacking.length > namedMax ? ` and ${lacking.length - namedMax} more` : ''
  throw new AppError('state_conflict', {
    detail:
      `Master key ${masterKeyId} is not held by every live secrets process: restart ${named.join(', ')}${more} with it. ` +
      `A process that was killed counts as live for ${leaseSeconds} seconds.`
  })
}
