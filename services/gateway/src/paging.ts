import { isUuid, limits } from '@paperclip/contracts'
import { AppError, type CursorCodec, nextPageLink } from '@paperclip/server'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Where a page starts and how long it is, for a list that is ordered by id, or by user id, newest first. */
export interface PageRequest {
  rowsMax: number
  /** Rows before this id; undefined for the first page. */
  before: string | undefined
}

/** Turns a list's query into {@link PageRequest}, and its rows into a page with a `Link` to the next. */
export interface Paging {
  read(request: FastifyRequest, of: string): PageRequest
  send<T extends { id: string } | { userId: string }>(
    request: FastifyRequest,
    reply: FastifyReply,
    page: { of: string; rowsMax: number; rows: T[] }
  ): T[]
}

type PageQuery = { limit?: number; cursor?: string }

/** Makes the paging of lists. `of` names whose list it is, and a cursor is good for that list alone. */
export function createPaging(cursors: CursorCodec): Paging {
  const scopeOf = (request: FastifyRequest, of: string) => ({
    list: request.routeOptions.config.operationId ?? '',
    of
  })
  return {
    read(request, of) {
      const { limit = limits.pageRowsDefault, cursor } = request.query as PageQuery
      if (cursor === undefined) return { rowsMax: limit, before: undefined }
      const before = cursors.decode(scopeOf(request, of), cursor)
      if (!isUuid(before)) throw new AppError('invalid_cursor')
      return { rowsMax: limit, before }
    },
    send(request, reply, { of, rowsMax, rows }) {
      const page = rows.slice(0, rowsMax)
      const last = page.at(-1)
      if (rows.length > rowsMax && last !== undefined) {
        const cursor = cursors.encode(scopeOf(request, of), 'id' in last ? last.id : last.userId)
        const [path = ''] = request.url.split('?')
        reply.header('link', nextPageLink(path, request.query as PageQuery, cursor))
      }
      return page
    }
  }
}
