/** How long sessions live. Migration 0002 holds the absolute life too, and so does the look-up of every request. */
export const sessionLimits = {
  /** Without a request for this long, a session is over. */
  idleSeconds: 30 * 60,
  /** However busy it is. */
  absoluteSeconds: 12 * 60 * 60,
  /** A session in use is written anew at most this often. */
  slideSeconds: 60
} as const
