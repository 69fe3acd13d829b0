import { type Static, Type } from 'typebox'
import { CompanyRole } from './actor.js'
import { CompanyParams, Ok, Time, UrlToken } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { PageQuery, pageOf } from './paging.js'
import { defineRoute } from './route.js'

const inviteFacts = { id: Uuid, role: CompanyRole, expiresAt: Time, createdAt: Time }
const TokenParams = Type.Object({ token: UrlToken }, { additionalProperties: false })

/** An invite that nobody has accepted yet. */
export const InviteView = Type.Object(inviteFacts, { additionalProperties: false })
export type InviteView = Static<typeof InviteView>

export const CreateInvite = Type.Object(
  {
    role: CompanyRole,
    expiresInHours: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.inviteHoursMax }))
  },
  { additionalProperties: false }
)
export type CreateInvite = Static<typeof CreateInvite>

export const InviteCreated = Type.Object(
  { ...inviteFacts, token: Type.String({ maxLength: 200 }), url: Type.String({ maxLength: 800 }) },
  { additionalProperties: false }
)
export type InviteCreated = Static<typeof InviteCreated>

/** What the holder of a token may know before signing in. */
export const InviteOffer = Type.Object(
  { companyId: Uuid, companyName: Type.String({ maxLength: 120 }), role: CompanyRole, expiresAt: Time },
  { additionalProperties: false }
)
export type InviteOffer = Static<typeof InviteOffer>

export const InviteAccepted = Type.Object(
  { companyId: Uuid, role: CompanyRole },
  { additionalProperties: false }
)
export type InviteAccepted = Static<typeof InviteAccepted>

export const listInvites = defineRoute({
  operationId: 'listInvites',
  summary: 'Lists the open invites of a company, newest first.',
  method: 'GET',
  path: '/companies/:companyId/invites',
  auth: { actors: ['board'], role: 'admin' },
  schema: { params: CompanyParams, querystring: PageQuery, response: { 200: pageOf(InviteView) } },
  problems: ['company_forbidden', 'read_only_role', 'invalid_cursor']
})

export const createInvite = defineRoute({
  operationId: 'createInvite',
  summary: 'Makes an invite for one person; its token and address are shown this once.',
  method: 'POST',
  path: '/companies/:companyId/invites',
  auth: { actors: ['board'], role: 'admin' },
  limit: 'inviteCreation',
  schema: { params: CompanyParams, body: CreateInvite, response: { 201: InviteCreated } },
  noStore: true,
  problems: ['company_forbidden', 'read_only_role', 'owner_required', 'company_archived', 'rate_limited']
})

export const revokeInvite = defineRoute({
  operationId: 'revokeInvite',
  summary: 'Takes an open invite back.',
  method: 'DELETE',
  path: '/companies/:companyId/invites/:inviteId',
  auth: { actors: ['board'], role: 'admin' },
  schema: {
    params: Type.Object({ companyId: Uuid, inviteId: Uuid }, { additionalProperties: false }),
    response: { 200: Ok }
  },
  problems: ['company_forbidden', 'read_only_role', 'not_found']
})

export const getInvite = defineRoute({
  operationId: 'getInvite',
  summary: 'Shows what an invite offers to whoever holds its token.',
  method: 'GET',
  path: '/invites/:token',
  auth: { actors: ['anon', 'board'] },
  limit: 'invites',
  schema: { params: TokenParams, response: { 200: InviteOffer } },
  noStore: true,
  problems: ['not_found', 'invite_closed', 'rate_limited']
})

export const acceptInvite = defineRoute({
  operationId: 'acceptInvite',
  summary: 'Makes the signed-in caller a member; works once.',
  method: 'POST',
  path: '/invites/:token/accept',
  auth: { actors: ['board'], credentials: ['session'] },
  limit: 'invites',
  schema: { params: TokenParams, response: { 200: InviteAccepted } },
  problems: ['not_found', 'invite_closed', 'already_member', 'membership_limit', 'rate_limited']
})
