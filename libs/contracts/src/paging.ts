import { Type } from 'typebox'
import { limits } from './limits.js'

/** Query members of every list. Pages follow each other through the `Link` header. */
export const pageQuery = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: limits.pageRowsMax, description: 'Rows a page; 100 when absent.' })
  ),
  cursor: Type.Optional(Type.String({ minLength: 1, maxLength: limits.cursorCharsMax }))
}

/** The query of a list without filters. */
export const PageQuery = Type.Object(pageQuery, { additionalProperties: false })

/** A list on the wire: an array of at most one page. */
export const pageOf = <T extends import('typebox').TSchema>(row: T) =>
  Type.Array(row, { maxItems: limits.pageRowsMax })
