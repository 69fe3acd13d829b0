import { type Static, Type } from 'typebox'
import { UserId } from './actor.js'
import { Time, UrlToken } from './common.js'
import { defineRoute } from './route.js'

const ClaimParams = Type.Object({ token: UrlToken }, { additionalProperties: false })

export const BoardClaimView = Type.Object(
  {
    status: Type.Enum(['available', 'claimed', 'expired']),
    requiresSignIn: Type.Literal(true),
    expiresAt: Time,
    claimedByUserId: Type.Union([UserId, Type.Null()])
  },
  { additionalProperties: false }
)
export type BoardClaimView = Static<typeof BoardClaimView>

export const BoardClaimed = Type.Object(
  { claimed: Type.Literal(true), userId: UserId },
  { additionalProperties: false }
)
export type BoardClaimed = Static<typeof BoardClaimed>

export const getBoardClaim = defineRoute({
  operationId: 'getBoardClaim',
  summary: 'Says whether the instance can still be claimed with a token and code of the start-up log.',
  method: 'GET',
  path: '/board-claim/:token',
  auth: { actors: ['anon', 'board', 'agent_key', 'run'] },
  limit: 'claims',
  schema: {
    params: ClaimParams,
    querystring: Type.Object(
      { code: Type.Optional(Type.String({ maxLength: 64 })) },
      { additionalProperties: false }
    ),
    response: { 200: BoardClaimView }
  },
  noStore: true,
  problems: ['not_found', 'rate_limited']
})

export const claimBoard = defineRoute({
  operationId: 'claimBoard',
  summary: 'Makes the signed-in caller the first instance admin, and owner of the companies there are.',
  method: 'POST',
  path: '/board-claim/:token/claim',
  auth: { actors: ['board'], credentials: ['session'] },
  limit: 'claims',
  schema: {
    params: ClaimParams,
    body: Type.Object(
      { code: Type.String({ minLength: 1, maxLength: 64 }) },
      { additionalProperties: false }
    ),
    response: { 200: BoardClaimed }
  },
  problems: ['not_found', 'already_claimed', 'claim_expired', 'rate_limited']
})
