import type { ProblemCode } from '@paperclip/contracts'
import { AppError, type Server } from '@paperclip/server'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { BearerFailures } from '../limit/bearer-failures.js'
import type { TrafficLimit } from '../limit/traffic-limit.js'
import { type Actor, actorIdOf, anonymous } from './actor.js'
import { type AuthenticateDeps, authenticate } from './authenticate.js'
import { authorize } from './authorize.js'
import { requireOneHost } from './host-guard.js'
import { type OriginsOf, requireOwnOrigin } from './origin-guard.js'

interface AuthPluginOptions extends AuthenticateDeps {
  isHostAllowed: (host: string) => boolean
  /** Asked at the first request, because the port may be known only then. */
  origins: OriginsOf
  traffic: TrafficLimit
  /** Null: bearers may fail as often as they like. */
  failures: BearerFailures | null
  /** What this deployment refuses everybody who may, by operation. */
  switchedOff: ReadonlyMap<string | undefined, Refusal>
}

/** Why something that is switched off is not done, and what would switch it on. */
export interface Refusal {
  readonly code: ProblemCode
  readonly detail: string
}

/** A prober knows the process by its address only, and learns nothing but that it is there. */
const probes: ReadonlySet<string | undefined> = new Set(['livez', 'readyz'])

declare module 'fastify' {
  interface FastifyRequest {
    /** The caller was judged by the head of the request while the rest of it was still to come. */
    judgedEarly: boolean
  }
}

/**
 * Puts the guards before every route, in `onRequest`, so that no body is read for a caller who is refused: host,
 * who, browser rule, may they, is it switched on, and for those who may enter every company whether it exists.
 *
 * Who and may they are asked once more when the body came later than the first answer: a caller could else have a
 * head judged, hold the body back, and act after their credential was revoked.
 */
export const authPlugin = fp<AuthPluginOptions>(
  async (app, options) => {
    app.decorateRequest('actor')
    app.decorateRequest('judgedEarly', false)
    app.addHook('onRequest', async (request) => {
      request.actor = anonymous
      const { auth, operationId } = request.routeOptions.config
      if (probes.has(operationId)) return
      requireOneHost(request.raw)
      if (!options.isHostAllowed(request.host ?? ''))
        throw new AppError('host_not_allowed', {
          detail: 'The gateway does not answer to this host name. Allow it in PAPERCLIP_ALLOWED_HOSTNAMES.'
        })
      // Unknown routes have no contract; the answer is 404 for everybody.
      if (auth === undefined) return
      const actor = await identify(options, request)
      options.traffic.admit(actor)
      const caller = callerKnownToBrowsers(actor)
      if (caller !== null)
        requireOwnOrigin(request.method, request.headers, { origins: options.origins(request), caller })
      const params = request.params as Record<string, string | undefined>
      authorize(actor, auth, params)
      const refusal = options.switchedOff.get(operationId)
      if (refusal !== undefined) throw new AppError(refusal.code, { detail: refusal.detail })
      const { companyId } = params
      if (companyId !== undefined) await requirePresent(options, actor, companyId)
      request.judgedEarly = !request.raw.complete
    })
    // Callback style: hardly a request has a late body, and the others must not pay for it.
    app.addHook('preValidation', (request, _reply, done) => {
      if (request.judgedEarly) judgeAgain(options, request).then(() => done(), done)
      else done()
    })
  },
  { name: 'auth', fastify: '5.x' }
)

/** Finds out who calls, and notes it on the request. */
async function identify(options: AuthPluginOptions, request: FastifyRequest): Promise<Actor> {
  const actor = await authenticate(options, request.headers).catch((error: unknown) => {
    throw options.failures?.judge(error, request.ip) ?? error
  })
  request.actor = actor
  request.actorId = actorIdOf(actor)
  return actor
}

async function judgeAgain(options: AuthPluginOptions, request: FastifyRequest): Promise<void> {
  const { auth } = request.routeOptions.config
  if (auth === undefined) return
  const actor = await identify(options, request)
  authorize(actor, auth, request.params as Record<string, string | undefined>)
}

/** Whom a browser makes known by itself, without the page's doing. */
function callerKnownToBrowsers(actor: Actor): 'cookie' | 'local_operator' | null {
  if (actor.kind !== 'board') return null
  if (actor.credentialKind === 'session') return 'cookie'
  return actor.credentialKind === 'local_operator' ? 'local_operator' : null
}

async function requirePresent({ lookup }: AuthenticateDeps, actor: Actor, companyId: string): Promise<void> {
  if (actor.kind !== 'board' || !actor.isInstanceAdmin) return
  if (!(await lookup.companyPresent(companyId))) throw new AppError('company_not_found')
}

/** Takes the guards into use on an app. */
export async function addAuth(app: Server, options: AuthPluginOptions): Promise<void> {
  await app.register(authPlugin, options)
}
