import { type TSchema, Type } from 'typebox'
import { Uuid } from './ids.js'
import { limits } from './limits.js'

/** A time on the wire: ISO 8601 in UTC with milliseconds. */
export const Time = Type.String({ maxLength: 30, description: 'ISO 8601, UTC, milliseconds' })
/**
 * A time as it is sent: RFC 3339 with its offset. The pattern leaves out what the format allows and a `Date` cannot
 * hold: leap seconds and other spellings.
 */
export const Instant = Type.String({
  format: 'date-time',
  maxLength: 40,
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-]\\d{2}:\\d{2})$'
})
export const NullableTime = Type.Union([Time, Type.Null()])
export const NullableUuid = Type.Union([Uuid, Type.Null()])

/** Text that is trimmed by the service and must then not be empty, nor look like a credential: both are 400. */
export const ShortName = Type.String({ minLength: 1, maxLength: limits.shortNameCharsMax, pattern: '\\S' })

/** A token in a path: 256 random bits as base64url, with whatever prefix its kind has. */
export const UrlToken = Type.String({ minLength: 1, maxLength: 120, pattern: '^[A-Za-z0-9_-]+$' })

export const CompanyParams = Type.Object({ companyId: Uuid }, { additionalProperties: false })
export const IdParams = Type.Object({ id: Uuid }, { additionalProperties: false })
export const Ok = Type.Object({ ok: Type.Literal(true) }, { additionalProperties: false })

/**
 * A map on the wire, with names of at most `nameCharsMax` characters. The pattern takes every character: the one
 * that a plain string schema gives stops at a line break, and what it does not match would pass unchecked.
 */
export const mapOf = <T extends TSchema>(
  member: T,
  { nameCharsMax, membersMax }: { nameCharsMax: number; membersMax: number }
) =>
  Type.Record(Type.String({ pattern: `^[\\s\\S]{0,${nameCharsMax}}$` }), member, {
    additionalProperties: false,
    maxProperties: membersMax
  })
