import { AppError } from '@paperclip/server'
import { networkOf } from './limit-store.js'
import { rateLimited } from './rate-limited.js'
import { createRecentMap } from './recent-map.js'

/** Counts bearers that are nobody's, by address. */
export interface BearerFailures {
  /**
   * Gives the error to answer with when authentication failed: the same, or `rate_limited` once an address has had
   * too many. It is asked only then, so a valid credential always passes.
   */
  judge(error: unknown, address: string): unknown
}

interface Window {
  failures: number
  endsAtMs: number
}

const failuresMaxDefault = 30
const windowMs = 60_000
const addressesMax = 20_000

/**
 * Makes the count; per process, since what it saves is this process's work. IPv6 addresses count by their /64
 * network, which is what one customer has.
 *
 * Only `unauthenticated` counts. Who sends a credential that was revoked or has expired, or a token of a run that
 * has ended, once had a real one: nobody guesses those, and a runner must be told that its run is over.
 */
export function createBearerFailures({
  nowMs,
  failuresMax = failuresMaxDefault,
  entriesMax = addressesMax
}: {
  nowMs: () => number
  failuresMax?: number
  entriesMax?: number
}): BearerFailures {
  const windows = createRecentMap<Window>({ entriesMax })
  return {
    judge(error, address) {
      if (!(error instanceof AppError) || error.code !== 'unauthenticated') return error
      const network = networkOf(address)
      const now = nowMs()
      const window = windows.get(network)
      if (window === undefined || window.endsAtMs <= now) {
        windows.set(network, { failures: 1, endsAtMs: now + windowMs })
        return error
      }
      window.failures += 1
      return window.failures > failuresMax ? rateLimited(window.endsAtMs - now) : error
    }
  }
}
