import rateLimit, { type FastifyRateLimitStore } from '@fastify/rate-limit'
import { type RateLimit, type RateLimitName, rateLimits } from '@paperclip/contracts'
import type { Server } from '@paperclip/server'
import type { FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { type LimitStore, limitKey, networkOf } from './limit-store.js'
import { rateLimited } from './rate-limited.js'
import { principalOf } from './traffic-limit.js'

interface LimitPluginOptions {
  store: LimitStore
}

/**
 * Applies the limit that a route's contract names. Counts that cannot be had fail the request (503): what stands
 * behind these limits is guessed at, and an attacker who could stop the counting could go on guessing.
 *
 * By address in `onRequest`, registered before authentication, so that no credential work is done for a flood. By
 * actor in `preParsing`, after authentication and before the body is read.
 */
export const limitPlugin = fp<LimitPluginOptions>(
  async (app, { store }) => {
    await app.register(rateLimit, { global: false, store: storeClass(store) })
    const limiters = new Map(
      (Object.keys(rateLimits) as RateLimitName[]).map((name) => {
        const limit: RateLimit = rateLimits[name]
        const count = app.createRateLimit({
          max: limit.max,
          timeWindow: limit.windowSeconds * 1000,
          keyGenerator: (request) => limitKey(name, subjectOf(request, limit.by))
        })
        return [name, { by: limit.by, count }] as const
      })
    )

    /** Undefined for routes without such a limit, which must cost nothing. */
    function apply(request: FastifyRequest, by: RateLimit['by']): Promise<void> | undefined {
      const { limit } = request.routeOptions.config
      if (limit === undefined) return undefined
      const limiter = limiters.get(limit)
      return limiter?.by === by ? refuseExcess(limiter.count(request)) : undefined
    }

    app.addHook('onRequest', (request, _reply, done) => {
      const counted = apply(request, 'address')
      if (counted === undefined) done()
      else counted.then(() => done(), done)
    })
    app.addHook('preParsing', (request, _reply, _payload, done) => {
      const counted = apply(request, 'actor')
      if (counted === undefined) done()
      else counted.then(() => done(), done)
    })
  },
  { name: 'limit', fastify: '5.x' }
)

async function refuseExcess(counting: ReturnType<ReturnType<Server['createRateLimit']>>): Promise<void> {
  const count = await counting
  if (!count.isAllowed && count.isExceeded) throw rateLimited(count.ttl)
}

/** Routes by actor admit no strangers; whoever still has no name is counted by address. */
function subjectOf(request: FastifyRequest, by: RateLimit['by']): string {
  const principal = by === 'actor' ? principalOf(request.actor) : null
  return principal ?? networkOf(request.ip)
}

/** The library makes its stores itself, one a limit; the keys tell ours apart, so that all are the one we have. */
function storeClass(store: LimitStore): new () => FastifyRateLimitStore {
  return class implements FastifyRateLimitStore {
    incr = store.incr
    child(): FastifyRateLimitStore {
      return this
    }
  }
}

/** Takes the limits into use on an app. Call it before authentication is added. */
export async function addLimits(app: Server, options: LimitPluginOptions): Promise<void> {
  await app.register(limitPlugin, options)
}
