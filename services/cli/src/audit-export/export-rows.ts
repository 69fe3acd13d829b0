import { ClientError } from '@paperclip/client'
import { limits } from '@paperclip/contracts'
import { type CliIo, hint, note } from '../cli-io.js'
import { type ExportFormat, type ExportTable, exportHead, formatRows } from './format-rows.js'
import { UnfinishedExport } from './unfinished-export.js'

/** After so many rows the person is told how far it is. */
const progressRows = 5_000

/** What to export, and to where. */
export interface RowsExport<Row> {
  readonly output: string
  readonly format: ExportFormat
  readonly table: ExportTable<Row>
  /** Which record of which gateway, and which of its rows, as one text: another export must not go on with this one. */
  readonly subject: string
  /** Forget what an earlier one left unfinished. */
  readonly restart: boolean
  /** Asks for one page, newest first. */
  readonly page: (query: {
    limit: number
    cursor?: string
  }) => Promise<{ readonly rows: readonly Row[]; readonly cursor: string | null }>
}

/**
 * Writes every row to a file, newest first, page by page; gives how many there are.
 *
 * Rows that come in meanwhile are not in it. Cut off at any moment, by a kill too, the same call goes on after the last
 * page that was written whole.
 */
export async function exportRows<Row>(
  io: CliIo,
  { output, format, table, subject, restart, page }: RowsExport<Row>
): Promise<number> {
  const unfinished = await UnfinishedExport.open(output, { subject: `${format} ${subject}`, restart })
  if (unfinished.state.rows > 0) {
    note(io, `going on after ${unfinished.state.rows} rows`)
    hint(io, 'what came in since it was begun is not in it; --restart begins anew')
  }
  try {
    do {
      const { cursor, rows: before } = unfinished.state
      const found = await page({ limit: limits.pageRowsMax, ...(cursor === null ? {} : { cursor }) })
      // A server that hands out the same cursor again would fill the disk.
      if (found.cursor !== null && found.cursor === cursor)
        throw new ClientError('bad_reply', 'the gateway repeats a page of the record')
      const head = cursor === null ? exportHead(table, format) : ''
      await unfinished.append(head + formatRows(found.rows, { table, format }), {
        rows: found.rows.length,
        cursor: found.cursor
      })
      const { rows } = unfinished.state
      if (Math.trunc(rows / progressRows) > Math.trunc(before / progressRows)) note(io, `${rows} rows …`)
    } while (unfinished.state.cursor !== null)
    await unfinished.finish()
    return unfinished.state.rows
  } catch (error) {
    const { rows, cursor } = unfinished.state
    // Without a cursor all of it is there, and only its name is taken.
    if (cursor !== null)
      note(io, `${rows} rows are kept in ${unfinished.path}: the same command goes on from there`)
    throw error
  } finally {
    await unfinished.close()
  }
}
