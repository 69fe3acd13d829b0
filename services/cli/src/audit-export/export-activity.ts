import { ClientError, type GatewayClient } from '@paperclip/client'
import { limits, listActivity, listInstanceActivity } from '@paperclip/contracts'
import { type CliIo, note } from '../cli-io.js'
import type { ActivityFilter } from '../input/activity-filter.js'
import { type ExportFormat, exportHead, formatActivity } from './format-activity.js'
import { UnfinishedExport } from './unfinished-export.js'

/** After so many rows the person is told how far it is. */
const progressRows = 5_000

/** What to export, and to where. */
export interface ActivityExport {
  readonly output: string
  readonly format: ExportFormat
  /** Null: the instance's own stream. */
  readonly companyId: string | null
  readonly filter: ActivityFilter
  /** Forget what an earlier one left unfinished. */
  readonly restart: boolean
}

/**
 * Writes every row to a file, newest first, page by page; gives how many there are.
 *
 * Rows that come in meanwhile are not in it. Cut off at any moment, by a kill too, the same call goes on after the last
 * page that was written whole.
 */
export async function exportActivity(
  io: CliIo,
  client: GatewayClient,
  { output, format, companyId, filter, restart }: ActivityExport
): Promise<number> {
  const subject = JSON.stringify([client.address, companyId, format, filter])
  const unfinished = await UnfinishedExport.open(output, { subject, restart })
  if (unfinished.state.rows > 0) note(io, `going on after ${unfinished.state.rows} rows`)
  try {
    do {
      const { cursor, rows: before } = unfinished.state
      const query = { limit: limits.pageRowsMax, ...filter, ...(cursor === null ? {} : { cursor }) }
      const page =
        companyId === null
          ? await client.page(listInstanceActivity, { query })
          : await client.page(listActivity, { params: { companyId }, query })
      // A server that hands out the same cursor again would fill the disk.
      if (page.cursor !== null && page.cursor === cursor)
        throw new ClientError('bad_reply', `${client.address} repeats a page of the record`)
      const head = cursor === null ? exportHead(format) : ''
      await unfinished.append(head + formatActivity(page.rows, format), {
        rows: page.rows.length,
        cursor: page.cursor
      })
      const { rows } = unfinished.state
      if (Math.trunc(rows / progressRows) > Math.trunc(before / progressRows)) note(io, `${rows} rows …`)
    } while (unfinished.state.cursor !== null)
    await unfinished.finish()
    return unfinished.state.rows
  } catch (error) {
    const { rows } = unfinished.state
    if (rows > 0) note(io, `${rows} rows are kept in ${unfinished.path}: the same command goes on from there`)
    throw error
  } finally {
    await unfinished.close()
  }
}
