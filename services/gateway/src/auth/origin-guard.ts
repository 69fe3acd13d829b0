import type { IncomingHttpHeaders } from 'node:http'
import { AppError } from '@paperclip/server'

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS'])

/** What the list of our own origins is made of. */
export interface OriginRule {
  publicUrl: string | null
  hostnames: readonly string[]
  allowedOrigins: readonly string[]
}

/** Gives the origins that are ours for a request, whose host rule has been kept. */
export type OriginsOf = (request: { protocol: string; host: string }) => ReadonlySet<string>

/** Lists the origins that are ours: the public URL's, else each host name's on our port, plus those allowed by name. */
export function ownOrigins(
  { publicUrl, hostnames, allowedOrigins }: OriginRule,
  port: number
): ReadonlySet<string> {
  const own =
    publicUrl === null
      ? hostnames.flatMap((name) =>
          ['http', 'https'].map((scheme) => originOf(`${scheme}://${name}:${port}`))
        )
      : [originOf(publicUrl)]
  return new Set([...own, ...allowedOrigins.map(originOf)])
}

/**
 * Adds the address that a request was sent to, for an instance that is told no public one: people reach it by
 * whatever name or number their network has for it. Without the host rule this would let any rebound name in.
 */
export function withOwnAddress(
  origins: ReadonlySet<string>,
  { protocol, host }: { protocol: string; host: string }
): ReadonlySet<string> {
  const own = `${protocol}://${host}`
  return URL.canParse(own) ? new Set([...origins, originOf(own)]) : origins
}

/**
 * Refuses an unsafe request that a foreign page may have made a browser send. For callers whom a browser makes
 * known by itself: by cookie, or as the local operator. `Referer` is never consulted.
 */
export function requireOwnOrigin(
  method: string,
  headers: IncomingHttpHeaders,
  { origins, caller }: { origins: ReadonlySet<string>; caller: 'cookie' | 'local_operator' }
): void {
  if (safeMethods.has(method)) return
  const { origin } = headers
  const site = headers['sec-fetch-site']
  if (origin !== undefined) {
    if (!origins.has(origin)) throw untrusted()
  } else if (site !== undefined) {
    if (site !== 'same-origin' && site !== 'none') throw untrusted()
  } else if (caller === 'cookie') throw untrusted()
}

function untrusted(): AppError {
  return new AppError('untrusted_origin', {
    detail: 'A page of another origin may not do this. Open the board at its own address.'
  })
}

function originOf(url: string): string {
  return new URL(url).origin
}
