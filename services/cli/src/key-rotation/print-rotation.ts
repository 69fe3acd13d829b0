import type { CliIo } from '../cli-io.js'
import { type Column, printJson, printRows } from '../output/print.js'
import type { KeyProgress, PlannedKey } from './rotation-ledger.js'

type Shown = PlannedKey & Partial<KeyProgress>

const columns: readonly Column<Shown>[] = [
  ['company', (row) => row.company],
  ['agent', (row) => row.agent],
  ['key', (row) => row.name],
  ['old id', (row) => row.keyId],
  ['last used', (row) => row.lastUsedAt]
]

/** Prints the keys of a rotation, each with the file of its successor once there is one. */
export function printRotated(
  io: CliIo,
  { json, keys, more }: { json: boolean; keys: readonly Shown[]; more: Record<string, unknown> }
): void {
  if (!json) {
    const isDone = keys.some(({ step }) => step !== undefined)
    printRows(io, {
      json,
      rows: keys,
      columns: isDone ? [...columns, ['new key in', (row) => row.file]] : columns
    })
    return
  }
  const rows = keys.map(({ step: _, file = null, newKeyId = null, ...key }) => ({ ...key, newKeyId, file }))
  printJson(io, { ...more, keys: rows })
}
