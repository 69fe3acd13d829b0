import { createHash, createHmac, type KeyObject, timingSafeEqual } from 'node:crypto'
import { AppError } from './app-error.js'

const version = 1
const macBytes = 16

/** Names the list a cursor belongs to: the operation, its company or row, and its filters. */
export interface CursorScope {
  list: string
  of: string
  filters?: Record<string, unknown>
}

/** Writes and reads cursors of keyset pages. */
export interface CursorCodec {
  encode(scope: CursorScope, position: string): string
  /** Gives the position back, or throws `invalid_cursor`. */
  decode(scope: CursorScope, cursor: string): string
}

/**
 * Makes the codec. A cursor is the position and a MAC (HMAC-SHA256, 128 bits) over it and its list's scope,
 * so that one that was edited, or belongs to another list, company or filter, is refused.
 */
export function createCursorCodec(key: KeyObject): CursorCodec {
  function mac(scope: CursorScope, position: string): Buffer {
    const filters = Object.entries(scope.filters ?? {})
      .filter(([name, value]) => value !== undefined && name !== 'cursor' && name !== 'limit')
      .sort(([a], [b]) => (a < b ? -1 : 1))
    const scopeHash = createHash('sha256')
      .update(JSON.stringify([scope.list, scope.of, filters]))
      .digest()
    return createHmac('sha256', key).update(scopeHash).update(position).digest().subarray(0, macBytes)
  }
  return {
    encode: (scope, position) =>
      Buffer.concat([Buffer.of(version), mac(scope, position), Buffer.from(position)]).toString('base64url'),
    decode(scope, cursor) {
      const bytes = Buffer.from(cursor, 'base64url')
      const position = bytes.subarray(1 + macBytes).toString()
      const canonical = bytes.toString('base64url') === cursor && bytes.length > 1 + macBytes
      if (
        !canonical ||
        bytes[0] !== version ||
        !timingSafeEqual(bytes.subarray(1, 1 + macBytes), mac(scope, position))
      )
        throw new AppError('invalid_cursor', {
          detail: 'The cursor is not one of this list. Start again without it.',
          errors: [{ pointer: '?cursor', message: 'not a cursor of this list' }]
        })
      return position
    }
  }
}

/** Builds the `Link` header of the next page (RFC 8288), relative to the public origin. */
export function nextPageLink(publicPath: string, query: Record<string, unknown>, cursor: string): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && name !== 'cursor') search.set(name, String(value))
  search.set('cursor', cursor)
  return `<${publicPath}?${search}>; rel="next"`
}
