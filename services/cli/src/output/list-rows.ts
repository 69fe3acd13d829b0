import { limits } from '@paperclip/contracts'
import { type Command, InvalidArgumentError } from 'commander'
import { type CliIo, hint } from '../cli-io.js'

const rowsMax = 100_000

/** Reads `--limit`. */
export function parseLimit(text: string): number {
  const limit = Number(text)
  if (/^\d{1,6}$/.test(text) && limit >= 1 && limit <= rowsMax) return limit
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${rowsMax}.`)
}

/** How many rows to ask for at once when `limit` are wanted: one more shows whether there are more. */
export function pageSize(limit: number): number {
  return Math.min(limit + 1, limits.pageRowsMax)
}

/** Collects pages up to `limit` rows, and says on stderr when there are more. */
export async function collectRows<T>(
  io: CliIo,
  pages: AsyncIterable<readonly T[]>,
  limit: number
): Promise<T[]> {
  const rows: T[] = []
  for await (const page of pages) {
    rows.push(...page)
    if (rows.length <= limit) continue
    hint(io, `showing the newest ${limit}; --limit shows more`)
    return rows.slice(0, limit)
  }
  return rows
}

/** The query of a list of which every row is wanted: as few pages as the gateway allows. */
export const wholePages = { limit: limits.pageRowsMax } as const

/** Collects every row. For lists that one installation can only have so many of: people, companies, keys. */
export async function allRows<T>(pages: AsyncIterable<readonly T[]>): Promise<T[]> {
  const rows: T[] = []
  for await (const page of pages) rows.push(...page)
  return rows
}

/** Adds `--limit`, which has a default so that a long history does not flood a terminal. */
export function withLimitFlag(command: Command, rowsDefault: number): Command {
  return command.option('--limit <rows>', 'show at most this many, newest first', parseLimit, rowsDefault)
}

/** The default of lists that people keep in their head: companies, agents, secrets. */
export const listRowsDefault = 1_000

/** The default of histories. */
export const historyRowsDefault = 100
