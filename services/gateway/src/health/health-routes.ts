import {
  getApiDocs,
  getHealth,
  getMe,
  getOpenApi,
  openApiDocument,
  routes,
  type SessionCookieName,
  securityOf,
  sessionContracts
} from '@paperclip/contracts'
import { AppError, mount, type Server } from '@paperclip/server'
import { apiDocsPage } from '../api-docs/api-docs-page.js'
import { actorIdOf, credentialOf } from '../auth/actor.js'
import { readingHelmet } from '../response-headers.js'
import type { HealthService } from './health-service.js'

interface HealthRoutesDeps {
  health: HealthService
  version: string
  sessionCookie: SessionCookieName
}

/** How the instance is, who the caller is, and what the API looks like. */
export function healthRoutes(app: Server, { health, version, sessionCookie }: HealthRoutesDeps): void {
  // What nobody can call in this mode is no part of its API.
  const served = sessionCookie === null ? routes : [...routes, ...sessionContracts]
  const callable = served.filter(
    ({ config }) => config.visibility === 'public' && securityOf(config.auth, sessionCookie).length > 0
  )
  const document = openApiDocument(callable, { title: 'Paperclip', version, prefix: '/api', sessionCookie })
  const json = Buffer.from(JSON.stringify(document))
  const page = apiDocsPage(document)
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
    handler: (_, reply) => reply.type('application/json; charset=utf-8').send(json)
  })
  app.route({
    ...mount('/api', getApiDocs),
    helmet: readingHelmet,
    handler: async (_, reply) => {
      reply.type('text/html; charset=utf-8')
      return page
    }
  })
}
