import { resolveRunEnvironment } from '@paperclip/contracts'
import { AppError, mount, type Server } from '@paperclip/server'
import type { ResolveHop } from './resolve-hop.js'

const valueHeaders = {
  'content-type': 'application/json; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff'
}
const problemHeaders = { ...valueHeaders, 'content-type': 'application/problem+json; charset=utf-8' }

/** The hot path: a run gets its environment. Bytes pass through as they came, so no schema serialises them. */
export function resolveRoutes(app: Server, { hop }: { hop: ResolveHop }): void {
  const { schema: _, ...route } = mount('/api', resolveRunEnvironment)
  app.route({
    ...route,
    // No page ever sees this reply; its few headers are written below.
    helmet: false,
    handler: async (request, reply) => {
      const { actor } = request
      if (actor.kind !== 'run') throw new AppError('forbidden')
      const { status, body } = await hop.resolve(actor, request.id)
      return reply
        .code(status)
        .headers(status === 200 ? valueHeaders : problemHeaders)
        .send(body)
    }
  })
}
