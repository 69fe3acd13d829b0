import { limits } from '@paperclip/contracts'
import { type CursorCodec, type CursorScope, nextPageLink } from '@paperclip/server'
import type { FastifyReply } from 'fastify'

interface PageRequest<Row> {
  cursors: CursorCodec
  scope: Omit<CursorScope, 'filters'>
  query: { limit?: number; cursor?: string } & Record<string, unknown>
  /** The path a client asks for the next page, from the gateway's `/api` on. */
  publicPath: string
  /** Gives at most `rowsMax` rows after a position. */
  load: (after: string | null, rowsMax: number) => Promise<Row[]>
  positionOf: (row: Row) => string
}

/**
 * Loads one keyset page and sets the `Link` of the next one. One row more than asked for is read: whether there is
 * a next page is then known without counting.
 */
export async function loadPage<Row>(reply: FastifyReply, request: PageRequest<Row>): Promise<Row[]> {
  const { cursors, query, positionOf } = request
  const scope = { ...request.scope, filters: query }
  const rowsMax = query.limit ?? limits.pageRowsDefault
  const after = query.cursor === undefined ? null : cursors.decode(scope, query.cursor)
  const rows = await request.load(after, rowsMax + 1)
  const page = rows.slice(0, rowsMax)
  const last = page.at(-1)
  if (rows.length > rowsMax && last !== undefined)
    reply.header('link', nextPageLink(request.publicPath, query, cursors.encode(scope, positionOf(last))))
  return page
}
