/**
 * The secrets service as one table of contents: chassis, then the signature check that every route stands behind,
 * then one plugin a noun. It never listens; `main.ts` does.
 */
import { isConnectionFailure, isLockTimeout, isStatementTimeout } from '@paperclip/db'
import { AppError, addProbes, createServer, type Server } from '@paperclip/server'
import { signingProfile } from '@paperclip/signing'
import { accessEventRoutes } from './audit/access-event-routes.js'
import { insertForeignAttempt } from './audit/access-event-store.js'
import { activityRoutes } from './audit/activity-routes.js'
import { signedRequests } from './auth/signed-request.js'
import { bindingRoutes } from './binding/binding-routes.js'
import type { Deps } from './deps.js'
import { environmentRoutes } from './environment/environment-routes.js'
import { healthRoutes } from './health/health-routes.js'
import { pingDatabase } from './health/health-store.js'
import { outboxRoutes } from './outbox/outbox-routes.js'
import { resolveRoutes } from './resolve/resolve-routes.js'
import { revealRoutes } from './resolve/reveal-routes.js'
import { secretRoutes } from './secret/secret-routes.js'
import { versionRoutes } from './version/version-routes.js'

export const serviceVersion = '0.1.0'

/** Builds the service over its dependencies. */
export async function buildApp(deps: Deps): Promise<Server> {
  const { cursors, keyring, nonces, secrets, config } = deps
  const { db } = deps.database
  const app = await createServer({
    logger: deps.logger,
    headerBytesMax: signingProfile.headersBytesMax,
    trustProxy: false,
    classify: databaseProblem
  })
  const ping = () => pingDatabase(db)
  addProbes(app, ping)
  await app.register(signedRequests, {
    keyring,
    nonces,
    recordAttempt: (caller, companyId) => insertForeignAttempt(db, caller, companyId)
  })
  await app.register(secretRoutes, { db, secrets, cursors })
  await app.register(versionRoutes, { db, secrets, cursors })
  await app.register(bindingRoutes, { db, secrets })
  await app.register(environmentRoutes, { environments: deps.environments })
  await app.register(resolveRoutes, { resolves: deps.resolves })
  await app.register(revealRoutes, { db, reveals: deps.reveals })
  await app.register(accessEventRoutes, { db, secrets, cursors })
  await app.register(activityRoutes, { db, cursors })
  await app.register(outboxRoutes, { outbox: deps.outbox })
  await app.register(healthRoutes, {
    version: serviceVersion,
    strictMode: config.strictMode,
    warnings: deps.warnings,
    pingDatabase: ping,
    masterKeyId: deps.masterKeys.active.id,
    defaultProvider: deps.providers.find(config.defaultProvider)
  })
  return app
}

/** What the driver throws, as a problem: a database that is away is not a fault of this program. */
function databaseProblem(error: Error): AppError | undefined {
  const { code } = error as { code?: unknown }
  if (isConnectionFailure(error) || isStatementTimeout(error) || isLockTimeout(error))
    return new AppError('database_unavailable', { cause: error, retryAfterSeconds: 1 })
  // Text that PostgreSQL cannot hold, such as a NUL character.
  if (code === '22021' || code === '22P05')
    return new AppError('invalid_request', { detail: 'A text holds a character that cannot be stored.' })
  return undefined
}
