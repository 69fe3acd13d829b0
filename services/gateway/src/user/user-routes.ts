import { deleteUser, demoteUser, endUserSessions, listUsers, promoteUser } from '@paperclip/contracts'
import { mount, type Server } from '@paperclip/server'
import type { Paging } from '../paging.js'
import type { UserService } from './user-service.js'

/** The people of the instance. */
export function userRoutes(app: Server, { users, paging }: { users: UserService; paging: Paging }): void {
  app.route({
    ...mount('/api', listUsers),
    handler: async (request, reply) => {
      const of = 'instance'
      const page = paging.read(request, of)
      const rows = await users.list(page)
      return paging.send(request, reply, { of, rowsMax: page.rowsMax, rows })
    }
  })
  app.route({
    ...mount('/api', promoteUser),
    handler: (request) => users.promote(request.actor, request.params.id)
  })
  app.route({
    ...mount('/api', demoteUser),
    handler: (request) => users.demote(request.actor, request.params.id)
  })
  app.route({
    ...mount('/api', deleteUser),
    handler: async (request) => {
      await users.delete(request.actor, request.params.id)
      return { ok: true as const }
    }
  })
  app.route({
    ...mount('/api', endUserSessions),
    handler: async (request) => {
      await users.endSessions(request.actor, request.params.id)
      return { ok: true as const }
    }
  })
}
