import { getHealth, getMe, getOpenApi, openApiDocument, routes } from '@paperclip/contracts'
import { AppError, mount, type Server } from '@paperclip/server'
import { actorIdOf, credentialOf } from '../auth/actor.js'
import type { HealthService } from './health-service.js'

interface HealthRoutesDeps {
  health: HealthService
  version: string
}

/** How the instance is, who the caller is, and what the API looks like. */
export function healthRoutes(app: Server, { health, version }: HealthRoutesDeps): void {
  const publicRoutes = routes.filter((route) => route.config.visibility === 'public')
  const document = Buffer.from(
    JSON.stringify(openApiDocument(publicRoutes, { title: 'Paperclip', version, prefix: '/api' }))
  )
  app.route({
    ...mount('/api', getHealth),
    handler: async (request, reply) => {
      const state = await health.read(request.actor)
      return reply.code(state.status === 'unhealthy' ? 503 : 200).send(state)
    }
  })
  app.route({
    ...mount('/api', getMe),
    handler: async ({ actor }) => {
      if (actor.kind === 'anon') throw new AppError('unauthenticated')
      const agent = actor.kind === 'board' ? null : actor
      const memberships = actor.kind === 'board' ? [...actor.memberships] : []
      return {
        actorType: agent === null ? ('user' as const) : ('agent' as const),
        userId: agent === null ? actorIdOf(actor) : null,
        agentId: agent?.agentId ?? null,
        companyId: agent?.companyId ?? null,
        runId: actor.kind === 'run' ? actor.runId : null,
        isInstanceAdmin: actor.kind === 'board' && actor.isInstanceAdmin,
        memberships: memberships.map(([companyId, role]) => ({ companyId, role })),
        credential: credentialOf(actor)
      }
    }
  })
  app.route({
    ...mount('/api', getOpenApi),
    handler: (_, reply) => reply.type('application/json; charset=utf-8').send(document)
  })
}
