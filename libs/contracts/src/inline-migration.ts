import { type Static, Type } from 'typebox'
import { CompanyParams, NullableUuid } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { defineRoute } from './route.js'

const Target = { targetType: Type.Enum(['agent', 'project']), targetId: Uuid }
const Count = Type.Integer({ minimum: 0 })
const Cursor = Type.String({ minLength: 1, maxLength: limits.cursorCharsMax })

/** Plans (`apply: false`) or does it, for as many environments as one request may; `cursor` goes on after them. */
export const MigrateInline = Type.Object(
  { apply: Type.Boolean(), cursor: Type.Optional(Cursor) },
  { additionalProperties: false }
)
export type MigrateInline = Static<typeof MigrateInline>

/** One inline value, by its place; the secret it lies in now, or nulls while it is only planned. */
export const InlineValue = Type.Object(
  {
    ...Target,
    name: Type.String({ maxLength: limits.environmentNameCharsMax }),
    secretId: NullableUuid,
    secretKey: Type.Union([Type.String({ maxLength: limits.keyCharsMax }), Type.Null()])
  },
  { additionalProperties: false }
)
export type InlineValue = Static<typeof InlineValue>

/** An environment that was left as it is, and why. */
export const UnmovedEnvironment = Type.Object(
  { ...Target, code: Type.String({ maxLength: 64 }) },
  { additionalProperties: false }
)
export type UnmovedEnvironment = Static<typeof UnmovedEnvironment>

/**
 * What one request found or did: `targets` environments with `values` inline values, each named once in `entries`.
 * `remaining`: environments that hold plain values and were not looked at yet; with any, `nextCursor` leads on.
 */
export const InlineMigrationReport = Type.Object(
  {
    applied: Type.Boolean(),
    targets: Count,
    values: Count,
    entries: Type.Array(InlineValue, { maxItems: limits.inlineValuesMax + limits.environmentEntriesMax }),
    failures: Type.Array(UnmovedEnvironment, { maxItems: limits.inlineTargetsMax }),
    remaining: Count,
    nextCursor: Type.Union([Cursor, Type.Null()])
  },
  { additionalProperties: false }
)
export type InlineMigrationReport = Static<typeof InlineMigrationReport>

export const migrateInlineEnvironments = defineRoute({
  operationId: 'migrateInlineEnvironments',
  summary: 'Plans, or makes, a secret and a reference of every inline value that is sensitive.',
  method: 'POST',
  path: '/companies/:companyId/env/migrate-inline',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'admin' },
  schema: { params: CompanyParams, body: MigrateInline, response: { 200: InlineMigrationReport } },
  problems: [
    'company_forbidden',
    'read_only_role',
    'invalid_cursor',
    'company_shredded',
    'master_key_unavailable'
  ]
})
