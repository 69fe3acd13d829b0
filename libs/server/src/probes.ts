import type { FastifyInstance } from 'fastify'
import { AppError } from './app-error.js'

const auth = { actors: ['anon'] } as const

/** Probes answer under pressure too: a busy process must not be restarted for being busy. */
const admit = () => undefined

/**
 * Adds `/livez` (the process turns) and `/readyz` (`check` resolves). Without detail: anyone may ask.
 * `check` throws the problem to answer with.
 */
export function addProbes(app: FastifyInstance, check: () => Promise<void>): void {
  app.get(
    '/livez',
    { config: { auth, operationId: 'livez', quiet: true, pressureHandler: admit } },
    async () => ({ status: 'ok' })
  )
  app.get(
    '/readyz',
    { config: { auth, operationId: 'readyz', quiet: true, pressureHandler: admit } },
    async () => {
      await check().catch((cause: unknown) => {
        throw cause instanceof AppError ? cause : new AppError('database_unavailable', { cause })
      })
      return { status: 'ok' }
    }
  )
}
