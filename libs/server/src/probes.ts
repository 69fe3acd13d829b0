import type { FastifyInstance } from 'fastify'
import { AppError } from './app-error.js'

const auth = { actors: ['anon'] } as const

/**
 * Adds `/livez` (the process turns) and `/readyz` (`check` resolves). Without detail: anyone may ask.
 * `check` throws the problem to answer with.
 */
export function addProbes(app: FastifyInstance, check: () => Promise<void>): void {
  app.get('/livez', { config: { auth, operationId: 'livez', quiet: true } }, async () => ({ status: 'ok' }))
  app.get('/readyz', { config: { auth, operationId: 'readyz', quiet: true } }, async () => {
    await check().catch((cause: unknown) => {
      throw cause instanceof AppError ? cause : new AppError('database_unavailable', { cause })
    })
    return { status: 'ok' }
  })
}
