import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

/** 256 random bits: nothing to guess, so the hash needs no salt. */
const tokenBytes = 32

/** A token for one reader, and what is kept of it. */
export interface OpaqueToken {
  /** `prefix` and 43 base64url characters. Shown once; never stored or logged. */
  readonly token: string
  readonly hash: Buffer
}

/** Makes a token. */
export function newOpaqueToken(prefix = ''): OpaqueToken {
  const token = prefix + randomBytes(tokenBytes).toString('base64url')
  return { token, hash: hashToken(token) }
}

/** Gives the SHA-256 of a whole token, which is what tables hold. */
export function hashToken(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}

/** Compares a token with a stored hash in constant time; absent ones, of either kind, match nothing. */
export function isTokenOf(token: string | undefined, stored: Buffer | undefined): boolean {
  const given = hashToken(token ?? '')
  // Also when there is nothing to compare with, so that the answer takes as long.
  const isEqual = timingSafeEqual(given, stored ?? nothing)
  return isEqual && stored !== undefined && token !== undefined
}

const nothing = Buffer.alloc(32)
