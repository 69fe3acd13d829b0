import { limits, newId } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import type { SecretValue } from '@paperclip/server'
import { betterAuth } from 'better-auth'
import { hashPassword, verifyPassword } from 'better-auth/crypto'
import type { FastifyBaseLogger } from 'fastify'
import type { GatewayDatabase } from '../database.js'
import type { HashGate } from '../limit/hash-gate.js'
import { currentCall } from './auth-call.js'
import type { SessionCookie } from './session-cookie.js'
import { sessionLimits } from './session-limits.js'

/** Where Better Auth's own routes would be; requests to it are built with this path and never leave the process. */
export const authBasePath = '/api/auth'
/** Carries the caller's address into Better Auth. Requests to it are built by us, so nobody else can send it. */
export const addressHeader = 'x-caller-address'

/** The two ways into Better Auth that we use. */
export interface BetterAuth {
  /** Answers a request to one of its routes, its rate limit and origin check included. */
  handle(request: Request): Promise<Response>
  /** Reads the session of a cookie in process, and lets it slide. Null when the cookie is not that of a live one. */
  findSession(cookie: string): Promise<{ sessionId: string; userId: string } | null>
}

interface BetterAuthOptions {
  /** Connections of its own, on the schema with its tables. */
  db: Db<GatewayDatabase>
  secret: SecretValue
  baseUrl: string
  cookie: SessionCookie
  hashGate: HashGate
  logger: FastifyBaseLogger
}

/**
 * The limits in front count exactly and by account too; these are the second line. They count by address and path,
 * in windows that every request prolongs.
 */
const requestsPerWindowMax = 100
const windowSeconds = 60

/** Sets Better Auth up: e-mail and password, no plugins, nothing cached in cookies, every option written out. */
export function createBetterAuth(options: BetterAuthOptions): BetterAuth {
  const { db, cookie, hashGate, logger } = options
  const secret = options.secret.reveal()
  const auth = betterAuth({
    appName: 'Paperclip',
    baseURL: options.baseUrl,
    basePath: authBasePath,
    // Both spellings, or BETTER_AUTH_SECRETS of the environment would come before what was checked at start.
    secret,
    secrets: [{ version: 1, value: secret }],
    database: { db, type: 'postgres', transaction: true },
    user: { modelName: 'authUsers' },
    account: { modelName: 'authAccounts' },
    verification: { modelName: 'authVerifications' },
    session: {
      modelName: 'authSessions',
      expiresIn: sessionLimits.idleSeconds,
      updateAge: sessionLimits.slideSeconds,
      freshAge: 0,
      cookieCache: { enabled: false }
    },
    emailAndPassword: {
      enabled: true,
      autoSignIn: true,
      minPasswordLength: limits.passwordCharsMin,
      maxPasswordLength: limits.passwordCharsMax,
      password: {
        hash: async (password) =>
          currentCall()?.passwordHash ?? (await hashGate.run(() => hashPassword(password))),
        verify: (attempt) => hashGate.run(() => verifyPassword(attempt))
      }
    },
    rateLimit: {
      enabled: true,
      storage: 'database',
      modelName: 'authRateLimits',
      window: windowSeconds,
      max: requestsPerWindowMax,
      customRules: { '/**': { window: windowSeconds, max: requestsPerWindowMax } }
    },
    trustedOrigins: () => [...(currentCall()?.origins ?? [])],
    advanced: {
      useSecureCookies: false,
      // The attributes of what browsers get are those of SessionCookie.
      cookies: { session_token: { name: cookie.name } },
      ipAddress: { ipAddressHeaders: [addressHeader] },
      database: { generateId: () => newId(), validateSchema: false },
      disableCSRFCheck: false,
      disableOriginCheck: false
    },
    telemetry: { enabled: false },
    onAPIError: { throw: true },
    logger: { level: 'info', disableColors: true, log: reportTo(logger) }
  })
  return {
    handle: auth.handler,
    async findSession(value) {
      const headers = new Headers({ cookie: cookieHeader(cookie, value) })
      const found = await auth.api.getSession({ headers })
      return found && { sessionId: found.session.id, userId: found.user.id }
    }
  }
}

/** The header that brings one signed value, and no other cookie, to Better Auth. */
export function cookieHeader(cookie: SessionCookie, value: string): string {
  return `${cookie.name}=${encodeURIComponent(value)}`
}

/** Its messages may repeat e-mails and origins, so only what failed is kept, for whoever called and for the log. */
function reportTo(logger: FastifyBaseLogger) {
  return (level: string, _message: string, ...details: unknown[]): void => {
    const error = details.find((detail) => detail instanceof Error)
    const call = currentCall()
    if (call !== undefined && error !== undefined) call.failure = error
    const { name, code } = (error ?? {}) as { name?: string; code?: unknown }
    logger.debug({ severity: level, error: name, reason: code }, 'Better Auth reports')
  }
}
