import type { Actor } from '../auth/actor.js'
import { rateLimited } from './rate-limited.js'
import { createRecentMap } from './recent-map.js'

/** Keeps one principal from taking a whole process. In memory and per process: the hot path waits for nothing. */
export interface TrafficLimit {
  /** Takes one request from the principal's bucket. Throws `rate_limited` when it is empty. */
  admit(actor: Actor): void
}

interface Bucket {
  tokens: number
  filledAtMs: number
}

/** Far above what one run or key does, and below what a process answers: only a runaway meets it. */
const requestsPerSecond = 1_000
const burstRequests = 2_000
/** Principals that are remembered; one that is forgotten starts with a full bucket. */
const principalsMax = 20_000

/**
 * Makes token buckets, one a principal: a run, an agent key, or the user behind a board credential, so that more
 * keys do not give a user more. Anonymous requests have none: their routes have limits by address.
 *
 * `nowMs` must be monotonic (T32): a clock that is set back would empty every bucket for as long.
 */
export function createTrafficLimit({
  nowMs,
  ratePerSecond = requestsPerSecond,
  burst = burstRequests,
  entriesMax = principalsMax
}: {
  nowMs: () => number
  ratePerSecond?: number
  burst?: number
  entriesMax?: number
}): TrafficLimit {
  const buckets = createRecentMap<Bucket>({ entriesMax })
  const tokensPerMs = ratePerSecond / 1000

  function take(principal: string): void {
    const now = nowMs()
    const bucket = buckets.get(principal)
    if (bucket === undefined) {
      buckets.set(principal, { tokens: burst - 1, filledAtMs: now })
      return
    }
    const tokens = Math.min(burst, bucket.tokens + (now - bucket.filledAtMs) * tokensPerMs)
    bucket.filledAtMs = now
    bucket.tokens = tokens < 1 ? tokens : tokens - 1
    if (tokens < 1) throw rateLimited((1 - tokens) / tokensPerMs)
  }

  return {
    admit(actor) {
      const principal = principalOf(actor)
      if (principal !== null) take(principal)
    }
  }
}

/** The id that an actor's requests are counted under; null for nobody. */
export function principalOf(actor: Actor): string | null {
  switch (actor.kind) {
    case 'anon':
      return null
    case 'board':
      return actor.userId
    case 'agent_key':
      return actor.keyId
    case 'run':
      return actor.runId
  }
}
