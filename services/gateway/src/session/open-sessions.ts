import type { FastifyBaseLogger } from 'fastify'
import type { GatewayConfig, GatewaySecrets } from '../config.js'
import type { Databases } from '../connections.js'
import { createAccountLimit } from '../limit/account-limit.js'
import { createHashGate } from '../limit/hash-gate.js'
import type { SharedLimits } from '../limit/shared-limits.js'
import type { Mutate } from '../outbox/mutation.js'
import { createAuthEngine } from './auth-engine.js'
import { createBetterAuth } from './better-auth.js'
import { sessionCookieFor } from './session-cookie.js'
import { createSessionService, type SessionService } from './session-service.js'

interface OpenOptions {
  config: GatewayConfig
  secrets: GatewaySecrets
  databases: Databases
  mutate: Mutate
  relay: { kick: () => void }
  limits: SharedLimits
  logger: FastifyBaseLogger
}

/** Requests to Better Auth never leave the process; without a public URL any address will do for them. */
const innerUrl = 'http://localhost'

/** Two of the four threads that also serve files and name look-ups. */
const hashesRunningMax = 2
/** Behind sixteen others one waits about a second. */
const hashesWaitingMax = 16

/** Puts together what sessions rest on; null where there is no secret to sign them with, in local_trusted. */
export function openSessions(options: OpenOptions): SessionService | null {
  const { config, secrets, databases, limits, logger } = options
  if (config.mode === 'local_trusted' || secrets.betterAuthSecret === null) return null
  const cookie = sessionCookieFor(config.publicUrl)
  const baseUrl = config.publicUrl ?? innerUrl
  const hashGate = createHashGate({ runningMax: hashesRunningMax, waitingMax: hashesWaitingMax })
  const auth = createBetterAuth({
    db: databases.session.db,
    secret: secrets.betterAuthSecret,
    baseUrl,
    cookie,
    hashGate,
    logger
  })
  return createSessionService({
    db: databases.main.db,
    mutate: options.mutate,
    relay: options.relay,
    engine: createAuthEngine({ auth, baseUrl, cookie }),
    cookie,
    accountLimit: createAccountLimit(limits.store),
    hashGate,
    admission: createHashGate({ runningMax: hashesRunningMax + hashesWaitingMax, waitingMax: 0 })
  })
}
