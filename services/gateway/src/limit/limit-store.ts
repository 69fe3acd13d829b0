import { hash } from 'node:crypto'
import { type FastifyRateLimitStore, normalizeIP } from '@fastify/rate-limit'
import { rateLimited } from './rate-limited.js'

/**
 * Counts for all gateways together, in the shape of the library's stores. `incr` counts one more under a key and
 * calls back with the count in the window that is open, and the milliseconds to its end; atomic, whoever else
 * counts. It calls back with an error when the store does not answer in time.
 */
export type LimitStore = Pick<FastifyRateLimitStore, 'incr'>

/** So many in a window, which opens with the first. */
export interface Allowance {
  readonly max: number
  readonly windowSeconds: number
}

/**
 * Makes the key that a subject is counted under, 64 hexadecimal digits: every key has one length, and no address or
 * e-mail lies in the store as text.
 */
export function limitKey(limit: string, subject: string): string {
  return hash('sha256', `${limit}\0${subject}`, 'hex')
}

/** Some proxies add the port to what they forward; every connection would else be counted for itself. */
const withPort = /^(?:\[([0-9a-f:.%]+)\]|(\d{1,3}(?:\.\d{1,3}){3}))(?::\d{1,5})?$/i

/**
 * Gives what is counted of an address: IPv4 whole, IPv6 by its /64 network, which is what one customer has. A
 * caller who has hung up has no address any more; all of these are one.
 */
export function networkOf(address: string | undefined): string {
  const match = withPort.exec(address ?? '')
  return normalizeIP(match?.[1] ?? match?.[2] ?? address ?? '')
}

/** Counts one more of a subject. Throws `rate_limited` beyond the allowance, and what the store throws. */
export async function take(
  store: LimitStore,
  allowance: Allowance,
  { limit, subject }: { limit: string; subject: string }
): Promise<void> {
  const { current, ttl } = await new Promise<{ current: number; ttl: number }>((resolve, reject) => {
    store.incr(
      limitKey(limit, subject),
      (error, result) => {
        if (result === undefined || error !== null) reject(error ?? new TypeError('the store gave no count'))
        else resolve(result)
      },
      allowance.windowSeconds * 1000,
      allowance.max
    )
  })
  if (current > allowance.max) throw rateLimited(ttl)
}
