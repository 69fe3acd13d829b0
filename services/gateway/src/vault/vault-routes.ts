import { getSecretUsage, type Route, resolveRunEnvironment, routes } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { mount, type Server } from '@paperclip/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { GatewayDatabase } from '../database.js'
import type { ForwardService } from './forward-service.js'
import type { HopReply } from './secrets-hop.js'
import { labelTargets } from './usage.js'

interface VaultRoutesDeps {
  db: Db<GatewayDatabase>
  forwarder: ForwardService
}

/** The routes whose rows the secrets service holds, but for the one with a way of its own. */
export const forwardedRoutes: readonly Route[] = routes.filter(
  ({ config }) =>
    config.owner === 'secrets' &&
    config.visibility === 'public' &&
    config.operationId !== resolveRunEnvironment.config.operationId
)

/** What of a reply is passed on. Everything else is about the private hop. */
const passedHeaders = ['content-type', 'content-disposition', 'link', 'retry-after', 'cache-control'] as const

/** Serves every contract of the secrets service by handing it on; the contract says who may call. */
export function vaultRoutes(app: Server, { db, forwarder }: VaultRoutesDeps): void {
  for (const route of forwardedRoutes)
    app.route({
      ...mount('/api', route),
      handler: async (request, reply) => {
        const answer = await forwarder.forward(route, {
          actor: request.actor,
          requestId: request.id,
          params: request.params as Record<string, string>,
          query: request.query as Record<string, unknown>,
          body: bodyOf(request)
        })
        if (route.config.operationId === getSecretUsage.config.operationId && answer.status === 200)
          return await labelTargets(db, { actor: request.actor, body: answer.body })
        return passOn(reply, answer)
      }
    })
}

function bodyOf({ body, bodyBytes }: FastifyRequest): Buffer | null {
  // Members that are all optional may be left out body and all; the other side then needs none either.
  return body === undefined || body === null || bodyBytes === null || bodyBytes.length === 0
    ? null
    : bodyBytes
}

function passOn(reply: FastifyReply, { status, headers, body }: HopReply): FastifyReply {
  for (const name of passedHeaders) {
    const value = headers[name]
    if (value !== undefined) reply.header(name, value)
  }
  if (status >= 400) reply.header('cache-control', 'no-store')
  return reply.code(status).send(body)
}
