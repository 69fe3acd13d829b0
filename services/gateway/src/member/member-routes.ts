import { listMembers, removeMember, setMemberRole } from '@paperclip/contracts'
import { mount, type Server } from '@paperclip/server'
import type { Paging } from '../paging.js'
import type { MemberService } from './member-service.js'

/** The people of a company. */
export function memberRoutes(
  app: Server,
  { members, paging }: { members: MemberService; paging: Paging }
): void {
  app.route({
    ...mount('/api', listMembers),
    handler: async (request, reply) => {
      const of = request.params.companyId
      const page = paging.read(request, of)
      const rows = await members.list(of, page)
      return paging.send(request, reply, { of, rowsMax: page.rowsMax, rows })
    }
  })
  app.route({
    ...mount('/api', setMemberRole),
    handler: (request) => members.setRole(request.actor, request.params, request.body.role)
  })
  app.route({
    ...mount('/api', removeMember),
    handler: async (request) => {
      await members.remove(request.actor, request.params)
      return { ok: true as const }
    }
  })
}
