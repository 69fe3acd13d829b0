import { type Static, Type } from 'typebox'
import { UserId } from './actor.js'
import { Ok, Time } from './common.js'
import { PageQuery, pageOf } from './paging.js'
import { defineRoute } from './route.js'

const UserParams = Type.Object({ id: UserId }, { additionalProperties: false })

export const UserView = Type.Object(
  {
    id: UserId,
    name: Type.String({ maxLength: 200 }),
    email: Type.String({ maxLength: 320 }),
    isInstanceAdmin: Type.Boolean(),
    createdAt: Time
  },
  { additionalProperties: false }
)
export type UserView = Static<typeof UserView>

const adminOnly = { actors: ['board'], instanceAdmin: true } as const

export const listUsers = defineRoute({
  operationId: 'listUsers',
  summary: 'Lists the people of the instance, newest first.',
  method: 'GET',
  path: '/admin/users',
  auth: adminOnly,
  schema: { querystring: PageQuery, response: { 200: pageOf(UserView) } },
  problems: ['forbidden', 'invalid_cursor']
})

export const promoteUser = defineRoute({
  operationId: 'promoteUser',
  summary: 'Makes a user an instance admin.',
  method: 'POST',
  path: '/admin/users/:id/promote',
  auth: adminOnly,
  schema: { params: UserParams, response: { 200: UserView } },
  problems: ['forbidden', 'not_found']
})

export const demoteUser = defineRoute({
  operationId: 'demoteUser',
  summary: 'Takes instance administration from a user, except from the last one who has it.',
  method: 'POST',
  path: '/admin/users/:id/demote',
  auth: adminOnly,
  schema: { params: UserParams, response: { 200: UserView } },
  problems: ['forbidden', 'not_found', 'last_admin']
})

export const deleteUser = defineRoute({
  operationId: 'deleteUser',
  summary: 'Deletes a user with sessions, accounts, memberships and keys; audit rows keep the bare id.',
  method: 'DELETE',
  path: '/admin/users/:id',
  auth: adminOnly,
  schema: { params: UserParams, response: { 200: Ok } },
  problems: ['forbidden', 'not_found', 'user_is_admin', 'last_owner']
})

export const endUserSessions = defineRoute({
  operationId: 'endUserSessions',
  summary: 'Ends every session of a user; holds from the next request.',
  method: 'DELETE',
  path: '/admin/users/:id/sessions',
  auth: { actors: ['board'], instanceAdmin: 'or_self', selfParam: 'id' },
  schema: { params: UserParams, response: { 200: Ok } },
  problems: ['forbidden', 'not_found']
})
