import { type ImportResult, newId } from '@paperclip/contracts'
import type { Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Caller } from '../auth/caller.js'
import type { SecretsDatabase } from '../database.js'
import { authorOf } from '../secret/secret-change.js'
import type { ImportPlace } from './import-place.js'
import { type CheckedRow, importedRow, type SoundRow, skippedRow } from './import-plan.js'
import { createOccupiedPlaces } from './occupied-places.js'
import { findTaken, insertFirstVersions, insertNewSecrets } from './remote-import-store.js'

/** How often rows are tried whose names somebody else takes at the same moment; each time only those are left. */
const roundsMax = 5

interface Linking {
  readonly caller: Caller
  readonly place: ImportPlace
  readonly checked: readonly CheckedRow[]
}

/**
 * Makes secrets of the sound rows that collide with nothing, and gives each row its result, in the order in which they
 * came. Called under the lock of the company's imports; names and keys may still be taken by whoever creates a secret.
 */
export async function linkRows(
  tx: Tx<SecretsDatabase>,
  { caller, place, checked }: Linking
): Promise<ImportResult[]> {
  const results = new Map<number, ImportResult>()
  let waiting: [index: number, row: SoundRow][] = []
  checked.forEach((row, index) => {
    if (row.sound === null) results.set(index, row.refused)
    else waiting.push([index, row.sound])
  })
  for (let round = 0; waiting.length > 0; round++) {
    if (round === roundsMax)
      throw new AppError('state_conflict', {
        detail: 'These names are taken and freed at this moment. Try again.'
      })
    const planned = await planRound(tx, place, waiting)
    const added = await addSecrets(tx, { caller, place, planned: planned.ready })
    for (const [index, result] of planned.settled) results.set(index, result)
    for (const { index, row, secretId } of planned.ready)
      if (added.has(secretId)) results.set(index, importedRow(row, secretId))
    // Where a name was taken since it was looked at, rows that gave way to its row are looked at anew as well.
    if (added.size < planned.ready.length) for (const [index] of planned.settled) results.delete(index)
    waiting = waiting.filter(([index]) => !results.has(index))
  }
  return checked.map((_, index) => {
    const result = results.get(index)
    if (result === undefined) throw new TypeError('a row came to no result')
    return result
  })
}

interface PlannedRow {
  readonly index: number
  readonly row: SoundRow
  readonly secretId: string
}

/** Decides row by row, so that of two that want the same the first one gets it. */
async function planRound(
  tx: Tx<SecretsDatabase>,
  { vault, rules }: ImportPlace,
  waiting: readonly (readonly [index: number, row: SoundRow])[]
): Promise<{ ready: PlannedRow[]; settled: [index: number, result: ImportResult][] }> {
  const rows = waiting.map(([, row]) => row)
  const taken = await findTaken(tx, {
    companyId: vault.companyId,
    vaultId: vault.id,
    names: rows.map(({ name }) => name),
    keys: rows.map(({ key }) => key),
    remoteNames: rows.map(({ externalRef }) => rules.spellingsOf(externalRef).at(-1) ?? externalRef)
  })
  const occupied = createOccupiedPlaces(taken, rules)
  const ready: PlannedRow[] = []
  const settled: [number, ImportResult][] = []
  for (const [index, row] of waiting) {
    const conflicts = occupied.conflictsOf(row)
    if (conflicts.length > 0) {
      settled.push([index, skippedRow(row, conflicts)])
      continue
    }
    const secretId = newId()
    occupied.take(row, secretId)
    ready.push({ index, row, secretId })
  }
  return { ready, settled }
}

/** Adds secrets with their one version, which holds nothing but where the value lies; gives the ids of those added. */
async function addSecrets(
  tx: Tx<SecretsDatabase>,
  {
    caller,
    place: { vault },
    planned
  }: Pick<Linking, 'caller' | 'place'> & { planned: readonly PlannedRow[] }
): Promise<ReadonlySet<string>> {
  const author = authorOf(caller)
  const added = await insertNewSecrets(
    tx,
    planned.map(({ row, secretId }) => ({
      id: secretId,
      company_id: vault.companyId,
      key: row.key,
      name: row.name,
      provider: vault.provider,
      status: 'active',
      managed_mode: 'external_reference',
      external_ref: row.externalRef,
      provider_config_id: vault.id,
      provider_metadata: row.providerMetadata === null ? null : JSON.stringify(row.providerMetadata),
      latest_version: 1,
      description: row.description,
      ...author
    }))
  )
  await insertFirstVersions(
    tx,
    planned
      .filter(({ secretId }) => added.has(secretId))
      .map(({ row, secretId }) => ({
        id: newId(),
        company_id: vault.companyId,
        secret_id: secretId,
        version: 1,
        status: 'current',
        sealed: null,
        fingerprint: null,
        external_ref: row.externalRef,
        provider_version_ref: row.providerVersionRef,
        provider_config_id: vault.id,
        ...author
      }))
  )
  return added
}
