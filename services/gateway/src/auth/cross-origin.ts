import cors from '@fastify/cors'
import type { Server } from '@paperclip/server'

/** How long a browser may keep the answer to a preflight: shorter than anybody waits for a changed list. */
const preflightSeconds = 600

const shared = {
  credentials: true,
  methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
  allowedHeaders: ['Content-Type', 'Authorization'],
  exposedHeaders: ['Link', 'Retry-After'],
  maxAge: preflightSeconds,
  strictPreflight: false
}

/** The route that the plugin adds for preflights. A browser sends those without any credential. */
export const preflightRoute = { method: 'OPTIONS', url: '*', auth: { actors: ['anon'] } } as const

interface Asked {
  headers: { origin?: string | undefined }
  host?: string
  url: string
}

/**
 * Lets pages of other origins call the API with credentials: those named, by exact match, and nobody else. To all
 * others the gateway says nothing at all about them. The host rule holds for preflights too.
 *
 * Stands before authentication: a preflight carries no credential, and a refusal must be readable as well.
 */
export async function allowOrigins(
  app: Server,
  { origins, isHostAllowed }: { origins: readonly string[]; isHostAllowed: (host: string) => boolean }
): Promise<void> {
  if (origins.length === 0) return
  const allowed = new Set(origins.map((origin) => new URL(origin).origin))
  const isAllowed = (request: Asked) =>
    request.headers.origin !== undefined &&
    allowed.has(request.headers.origin) &&
    request.url.startsWith('/api/') &&
    isHostAllowed(request.host ?? '')
  app.addHook('onRequest', (request, reply, done) => {
    if (isAllowed(request)) reply.header('cross-origin-resource-policy', 'cross-origin')
    done()
  })
  await app.register(cors, {
    delegator: (request, done) => {
      const { origin } = request.headers
      done(null, isAllowed(request) && origin !== undefined ? { ...shared, origin } : { origin: false })
    }
  })
}
