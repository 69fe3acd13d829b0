import { type Static, Type } from 'typebox'
import { UserId } from './actor.js'
import { Instant, NullableTime, NullableUuid, Ok, ShortName, Time } from './common.js'
import { Uuid } from './ids.js'
import { PageQuery, pageOf } from './paging.js'
import { defineRoute } from './route.js'

const boardKeyFacts = {
  id: Uuid,
  name: Type.String({ maxLength: 120 }),
  companyId: NullableUuid,
  instanceAdmin: Type.Boolean(),
  createdAt: Time,
  expiresAt: NullableTime
}
export const BoardKeyView = Type.Object(
  { ...boardKeyFacts, lastUsedAt: NullableTime, revokedAt: NullableTime },
  { additionalProperties: false }
)
export type BoardKeyView = Static<typeof BoardKeyView>

/** `expiresAt`: 30 days from now when absent, never when null. `companyId`: the key enters that company only. */
export const CreateBoardKey = Type.Object(
  {
    name: ShortName,
    expiresAt: Type.Optional(Type.Union([Instant, Type.Null()])),
    companyId: Type.Optional(Uuid)
  },
  { additionalProperties: false }
)
export type CreateBoardKey = Static<typeof CreateBoardKey>

export const BoardKeyCreated = Type.Object(
  { ...boardKeyFacts, token: Type.String({ maxLength: 200 }) },
  { additionalProperties: false }
)
export type BoardKeyCreated = Static<typeof BoardKeyCreated>

export const listBoardKeys = defineRoute({
  operationId: 'listBoardKeys',
  summary: "Lists the caller's own board keys, newest first.",
  method: 'GET',
  path: '/board-api-keys',
  auth: { actors: ['board'] },
  schema: { querystring: PageQuery, response: { 200: pageOf(BoardKeyView) } },
  problems: ['invalid_cursor']
})

export const createBoardKey = defineRoute({
  operationId: 'createBoardKey',
  summary: 'Makes a board key for the caller; its token is shown this once.',
  method: 'POST',
  path: '/board-api-keys',
  auth: { actors: ['board'], credentials: ['session', 'local_operator'] },
  limit: 'keyCreation',
  schema: { body: CreateBoardKey, response: { 201: BoardKeyCreated } },
  noStore: true,
  problems: ['company_forbidden', 'key_limit', 'rate_limited']
})

export const revokeBoardKey = defineRoute({
  operationId: 'revokeBoardKey',
  summary: "Revokes one of the caller's own board keys.",
  method: 'DELETE',
  path: '/board-api-keys/:keyId',
  auth: { actors: ['board'] },
  schema: {
    params: Type.Object({ keyId: Uuid }, { additionalProperties: false }),
    response: { 200: Ok }
  },
  problems: ['not_found']
})

/**
 * For whoever must shut a person out. The key that the request came with stays, so that an admin who revokes the keys
 * of everybody can go on to the end, and then revoke that one too.
 */
export const revokeUserKeys = defineRoute({
  operationId: 'revokeUserKeys',
  summary: 'Revokes every board key of a user, but not the one that the request came with.',
  method: 'DELETE',
  path: '/admin/users/:id/board-api-keys',
  auth: { actors: ['board'], instanceAdmin: true },
  schema: {
    params: Type.Object({ id: UserId }, { additionalProperties: false }),
    response: {
      200: Type.Object({ revoked: Type.Integer({ minimum: 0 }) }, { additionalProperties: false })
    }
  },
  problems: ['forbidden', 'not_found']
})
