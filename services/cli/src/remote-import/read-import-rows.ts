import { type ImportRow, limits } from '@paperclip/contracts'
import { MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import { readJson } from '../input/read-json.js'

/** Rows with long references take half a kilobyte; this is some tens of thousands of them. */
const rowsBytesMax = 16 * 1024 * 1024

const rowsHint = 'give an array of {"externalRef": …}, or what `import preview --json` prints'

/** What a row may say; anything else is a slip that had better be told before something is linked. */
const members = ['externalRef', 'name', 'key', 'description', 'providerVersionRef', 'providerMetadata']

/**
 * Reads the rows of an import: a JSON array of them, an object with `secrets`, or what `import preview --json` prints,
 * of which those that are ready are taken. Throws without repeating any of it.
 */
export async function readImportRows(io: CliIo, file: string | undefined): Promise<ImportRow[]> {
  const rows = rowsIn(await readJson(io, { file, what: 'the rows', bytesMax: rowsBytesMax, hint: rowsHint }))
  for (const [index, row] of rows.entries()) requireRow(row, index + 1)
  return rows as ImportRow[]
}

function rowsIn(given: unknown): unknown[] {
  if (Array.isArray(given)) return given
  const { secrets, candidates } = (given ?? {}) as { secrets?: unknown; candidates?: unknown }
  if (Array.isArray(secrets)) return secrets
  if (Array.isArray(candidates)) return candidates.filter(isImportable).map(toImportRow)
  throw new MisuseError('the JSON holds no rows', rowsHint)
}

function isImportable(candidate: unknown): boolean {
  return (candidate as { importable?: unknown } | null)?.importable === true
}

/** A candidate as a row: what only a preview says is left out. */
export function toImportRow(candidate: unknown): ImportRow {
  const { externalRef, name, key, providerMetadata } = candidate as ImportRow
  return { externalRef, name, key, providerMetadata } as ImportRow
}

function requireRow(row: unknown, number: number): void {
  const isObject = typeof row === 'object' && row !== null && !Array.isArray(row)
  const { externalRef } = (row ?? {}) as { externalRef?: unknown }
  if (!isObject || typeof externalRef !== 'string' || externalRef === '' || isTooLong(externalRef))
    throw new MisuseError(`row ${number} has no externalRef`, rowsHint)
  if (!Object.keys(row).every((name) => members.includes(name)))
    throw new MisuseError(`row ${number} has a member that is not known`, `a row has ${members.join(', ')}`)
}

function isTooLong(externalRef: string): boolean {
  return externalRef.length > limits.externalRefCharsMax
}
