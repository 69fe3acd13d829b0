/**
 * A limit that every gateway of an installation counts together.
 *
 * `max` requests pass in a window of `windowSeconds`; the window opens with the first of them. `by`: what is
 * counted, the address a request comes from (IPv6: its /64 network), or the actor behind it.
 */
export interface RateLimit {
  readonly max: number
  readonly windowSeconds: number
  readonly by: 'address' | 'actor'
}

/**
 * The limits a route may name. Those by address stand before any credential work, for whoever guesses; those by
 * actor keep one credential from filling the tables.
 */
export const rateLimits = {
  signIn: { max: 30, windowSeconds: 60, by: 'address' },
  signUp: { max: 10, windowSeconds: 60, by: 'address' },
  challenges: { max: 10, windowSeconds: 60, by: 'address' },
  /** A waiting CLI asks every 2 s, and an office shares one address: twenty of them pass. */
  challengePolls: { max: 600, windowSeconds: 60, by: 'address' },
  claims: { max: 20, windowSeconds: 60, by: 'address' },
  invites: { max: 30, windowSeconds: 60, by: 'address' },
  inviteCreation: { max: 60, windowSeconds: 600, by: 'actor' },
  /** Agent keys and board keys together; a script that sets up a fleet passes. */
  keyCreation: { max: 300, windowSeconds: 60, by: 'actor' }
} as const satisfies Record<string, RateLimit>

/** A name of {@link rateLimits}. */
export type RateLimitName = keyof typeof rateLimits
