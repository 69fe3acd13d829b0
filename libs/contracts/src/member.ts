import { type Static, Type } from 'typebox'
import { CompanyRole, UserId } from './actor.js'
import { CompanyParams, Ok, Time } from './common.js'
import { Uuid } from './ids.js'
import { PageQuery, pageOf } from './paging.js'
import { defineRoute } from './route.js'

const MemberParams = Type.Object({ companyId: Uuid, userId: UserId }, { additionalProperties: false })

export const MemberView = Type.Object(
  {
    userId: UserId,
    name: Type.String({ maxLength: 200 }),
    email: Type.String({ maxLength: 320 }),
    role: CompanyRole,
    createdAt: Time
  },
  { additionalProperties: false }
)
export type MemberView = Static<typeof MemberView>

export const listMembers = defineRoute({
  operationId: 'listMembers',
  summary: 'Lists the people of a company.',
  method: 'GET',
  path: '/companies/:companyId/members',
  auth: { actors: ['board'], role: 'viewer' },
  schema: { params: CompanyParams, querystring: PageQuery, response: { 200: pageOf(MemberView) } },
  problems: ['company_forbidden', 'invalid_cursor']
})

export const setMemberRole = defineRoute({
  operationId: 'setMemberRole',
  summary: 'Changes the role of a member. An admin cannot make, change or remove owners; only an owner can.',
  method: 'PUT',
  path: '/companies/:companyId/members/:userId',
  auth: { actors: ['board'], role: 'admin' },
  schema: {
    params: MemberParams,
    body: Type.Object({ role: CompanyRole }, { additionalProperties: false }),
    response: { 200: MemberView }
  },
  problems: ['company_forbidden', 'read_only_role', 'not_found', 'last_owner', 'owner_required']
})

export const removeMember = defineRoute({
  operationId: 'removeMember',
  summary: 'Takes a person out of a company; holds from the next request.',
  method: 'DELETE',
  path: '/companies/:companyId/members/:userId',
  auth: { actors: ['board'], role: 'admin' },
  schema: { params: MemberParams, response: { 200: Ok } },
  problems: ['company_forbidden', 'read_only_role', 'not_found', 'last_owner', 'owner_required']
})
