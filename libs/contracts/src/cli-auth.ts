import { type Static, Type } from 'typebox'
import { CompanyRole, UserId } from './actor.js'
import { IdParams, NullableUuid, Time, UrlToken } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { defineRoute } from './route.js'

export const CliAccess = Type.Enum(['board', 'instance_admin_required'])
export type CliAccess = Static<typeof CliAccess>

export const CreateCliChallenge = Type.Object(
  {
    command: Type.String({ minLength: 1, maxLength: 240, pattern: '\\S' }),
    clientName: Type.Optional(Type.String({ minLength: 1, maxLength: 120, pattern: '\\S' })),
    requestedAccess: Type.Optional(CliAccess),
    requestedCompanyId: Type.Optional(Uuid)
  },
  { additionalProperties: false }
)
export type CreateCliChallenge = Static<typeof CreateCliChallenge>

/**
 * `token` asks for the state; `boardApiToken` becomes a board key when the challenge is approved. `approvalPath` and
 * `pollPath` begin at the origin; `pollPath` takes the token as `?token=`.
 */
export const CliChallengeCreated = Type.Object(
  {
    id: Uuid,
    token: Type.String({ maxLength: 200 }),
    boardApiToken: Type.String({ maxLength: 200 }),
    approvalPath: Type.String({ maxLength: 400 }),
    approvalUrl: Type.String({ maxLength: 800 }),
    pollPath: Type.String({ maxLength: 400 }),
    expiresAt: Time,
    suggestedPollIntervalMs: Type.Integer({ minimum: 1 })
  },
  { additionalProperties: false }
)
export type CliChallengeCreated = Static<typeof CliChallengeCreated>

export const CliChallengeView = Type.Object(
  {
    id: Uuid,
    status: Type.Enum(['pending', 'approved', 'cancelled', 'expired']),
    command: Type.String({ maxLength: 240 }),
    clientName: Type.Union([Type.String({ maxLength: 120 }), Type.Null()]),
    requestedAccess: CliAccess,
    requestedCompanyId: NullableUuid,
    expiresAt: Time
  },
  { additionalProperties: false }
)
export type CliChallengeView = Static<typeof CliChallengeView>

/**
 * What terminal and page both show of a challenge, so that a person sees that they approve their own: the last 32
 * random bits of its id. It is no secret and proves nothing by itself.
 */
export function confirmationCode(challengeId: string): string {
  const digits = challengeId.slice(-8).toUpperCase()
  return `${digits.slice(0, 4)}-${digits.slice(4)}`
}

const TokenBody = Type.Object({ token: UrlToken }, { additionalProperties: false })

export const createCliChallenge = defineRoute({
  operationId: 'createCliChallenge',
  summary: 'Begins a sign-in of the CLI, to be approved in a browser within 10 minutes.',
  method: 'POST',
  path: '/cli-auth/challenges',
  auth: { actors: ['anon', 'board'] },
  limit: 'challenges',
  schema: { body: CreateCliChallenge, response: { 201: CliChallengeCreated } },
  noStore: true,
  problems: ['rate_limited']
})

export const getCliChallenge = defineRoute({
  operationId: 'getCliChallenge',
  summary: 'Shows a challenge to whoever holds its token.',
  method: 'GET',
  path: '/cli-auth/challenges/:id',
  auth: { actors: ['anon', 'board'] },
  limit: 'challengePolls',
  schema: {
    params: IdParams,
    querystring: Type.Object(
      { token: Type.Optional(Type.String({ maxLength: 200 })) },
      { additionalProperties: false }
    ),
    response: { 200: CliChallengeView }
  },
  noStore: true,
  problems: ['not_found', 'rate_limited']
})

export const approveCliChallenge = defineRoute({
  operationId: 'approveCliChallenge',
  summary:
    'Approves a challenge: its board key then works, limited to what was asked. Says the state otherwise.',
  method: 'POST',
  path: '/cli-auth/challenges/:id/approve',
  auth: { actors: ['board'], credentials: ['session'] },
  schema: { params: IdParams, body: TokenBody, response: { 200: CliChallengeView } },
  problems: ['not_found', 'forbidden', 'company_forbidden', 'key_limit']
})

export const cancelCliChallenge = defineRoute({
  operationId: 'cancelCliChallenge',
  summary: 'Cancels a challenge that nobody has approved. Says the state otherwise.',
  method: 'POST',
  path: '/cli-auth/challenges/:id/cancel',
  auth: { actors: ['anon', 'board'] },
  limit: 'challengePolls',
  schema: { params: IdParams, body: TokenBody, response: { 200: CliChallengeView } },
  problems: ['not_found', 'rate_limited']
})

export const CliMe = Type.Object(
  {
    user: Type.Union([
      Type.Object(
        { id: UserId, name: Type.String({ maxLength: 200 }), email: Type.String({ maxLength: 320 }) },
        { additionalProperties: false }
      ),
      Type.Null()
    ]),
    userId: UserId,
    isInstanceAdmin: Type.Boolean(),
    companyIds: Type.Array(Uuid, { maxItems: limits.membershipsMax }),
    memberships: Type.Array(
      Type.Object({ companyId: Uuid, role: CompanyRole }, { additionalProperties: false }),
      { maxItems: limits.membershipsMax }
    ),
    source: Type.String({ maxLength: 64 }),
    keyId: NullableUuid
  },
  { additionalProperties: false }
)
export type CliMe = Static<typeof CliMe>

export const getCliMe = defineRoute({
  operationId: 'getCliMe',
  summary: 'Tells a person, or the CLI for one, who it is and where it may go.',
  method: 'GET',
  path: '/cli-auth/me',
  auth: { actors: ['board'] },
  schema: { response: { 200: CliMe } }
})

export const revokeCurrentBoardKey = defineRoute({
  operationId: 'revokeCurrentBoardKey',
  summary: 'Revokes the board key that the request came with.',
  method: 'POST',
  path: '/cli-auth/revoke-current',
  auth: { actors: ['board'], credentials: ['board_key'] },
  schema: {
    response: {
      200: Type.Object({ revoked: Type.Literal(true), keyId: Uuid }, { additionalProperties: false })
    }
  },
  problems: ['forbidden']
})
