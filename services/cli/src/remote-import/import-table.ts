import type { ImportCandidate, ImportResult } from '@paperclip/contracts'
import type { Column } from '../output/print.js'

/** How people see what could be imported. */
export const candidateColumns: readonly Column<ImportCandidate>[] = [
  ['status', (row) => row.status],
  ['remote name', (row) => row.remoteName],
  ['name', (row) => row.name],
  ['key', (row) => row.key || null],
  ['conflicts', (row) => row.conflicts.map(({ type }) => type).join(' ') || null],
  ['reference', (row) => row.externalRef]
]

/** How people see what became of each row. */
export const resultColumns: readonly Column<ImportResult>[] = [
  ['status', (row) => row.status],
  ['name', (row) => row.name || null],
  ['key', (row) => row.key || null],
  ['reason', (row) => row.reason],
  ['secret', (row) => row.secretId],
  ['reference', (row) => row.externalRef]
]
