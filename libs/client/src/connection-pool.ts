import type { TlsIdentity } from '@paperclip/signing'
import { Pool } from 'undici'

/** Below the 72 s after which our servers close an idle connection, so that the client closes first. */
const keepAliveMs = 60_000

/** Taken off a server's own keep-alive hint, for the time its close needs to arrive. */
const keepAliveMarginMs = 2_000

const replyHeaderBytesMax = 16 * 1024

interface PoolOptions {
  readonly connectionsMax: number
  readonly connectTimeoutMs: number
  /** What we show, and whom we believe, where the address says https; null: the system's authorities. */
  readonly identity?: TlsIdentity | null
}

/**
 * Opens a pool of connections to one origin. One request at a time on each: undici pipelines no POST, so a
 * higher figure would only make requests wait behind each other.
 */
export function openPool(
  origin: URL,
  { connectionsMax, connectTimeoutMs, identity = null }: PoolOptions
): Pool {
  return new Pool(origin.origin, {
    connections: connectionsMax,
    pipelining: 1,
    connect: { timeout: connectTimeoutMs, ...(identity === null ? {} : identity.clientOptions()) },
    // A server of ours resumes no session.
    maxCachedSessions: 0,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    keepAliveTimeoutThreshold: keepAliveMarginMs,
    maxHeaderSize: replyHeaderBytesMax,
    // The exchange has one deadline over all phases.
    headersTimeout: 0,
    bodyTimeout: 0
  })
}

/**
 * Reads an origin: scheme, host and port. Throws a TypeError that does not repeat the text, because the part that
 * is refused may be a password.
 */
export function parseOrigin(text: string): URL {
  if (!URL.canParse(text)) throw new TypeError('The address is not a URL.')
  const url = new URL(text)
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new TypeError('The address is not one of http or https.')
  if (url.username !== '' || url.password !== '') throw new TypeError('The address may hold no credentials.')
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw new TypeError('The address may hold no path, query or fragment.')
  return url
}
