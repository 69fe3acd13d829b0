import { acceptInvite, createInvite, getInvite, listInvites, revokeInvite } from '@paperclip/contracts'
import { mount, type Server } from '@paperclip/server'
import type { Paging } from '../paging.js'
import { type AddressRule, publicAddressOf } from '../public-address.js'
import type { InviteService } from './invite-service.js'

interface InviteRoutesDeps {
  invites: InviteService
  paging: Paging
  address: AddressRule
}

/** Invites to companies. */
export function inviteRoutes(app: Server, { invites, paging, address }: InviteRoutesDeps): void {
  app.route({
    ...mount('/api', listInvites),
    handler: async (request, reply) => {
      const of = request.params.companyId
      const page = paging.read(request, of)
      const rows = await invites.list(of, page)
      return paging.send(request, reply, { of, rowsMax: page.rowsMax, rows })
    }
  })
  app.route({
    ...mount('/api', createInvite),
    handler: async (request, reply) => {
      const invite = await invites.create(request.actor, request.params.companyId, request.body)
      const url = new URL(`/invites/${invite.token}`, publicAddressOf(address, request)).href
      return reply.code(201).send({ ...invite, url })
    }
  })
  app.route({
    ...mount('/api', revokeInvite),
    handler: async (request) => {
      await invites.revoke(request.actor, request.params)
      return { ok: true as const }
    }
  })
  app.route({ ...mount('/api', getInvite), handler: (request) => invites.offer(request.params.token) })
  app.route({
    ...mount('/api', acceptInvite),
    handler: (request) => invites.accept(request.actor, request.params.token)
  })
}
