import { fastifyCookie } from '@fastify/cookie'
import { sessionLimits } from './session-limits.js'

/** How sessions travel between a browser and us. */
export interface SessionCookie {
  readonly name: string
  /** Reads the signed value out of a `Cookie` header; undefined when it has none of ours. */
  read(header: string | undefined): string | undefined
  /** The `Set-Cookie` header that hands out a signed value. */
  set(value: string): string
  /** The `Set-Cookie` header that takes it back. */
  clear(): string
}

const plainName = 'paperclip_session'

/**
 * Makes the cookie of an address. Where that is https it gets the prefix `__Host-`: browsers then take it from us
 * only, never from a neighbouring host name, and send it over TLS only (RFC 6265bis section 4.1.3.2).
 */
export function sessionCookieFor(publicUrl: string | null): SessionCookie {
  const secure = publicUrl !== null && new URL(publicUrl).protocol === 'https:'
  const name = secure ? `__Host-${plainName}` : plainName
  const attributes = { path: '/', httpOnly: true, sameSite: 'lax', secure } as const
  return {
    name,
    read(header) {
      if (header === undefined || !header.includes(`${name}=`)) return undefined
      return fastifyCookie.parse(header)[name] || undefined
    },
    // It lives as long as any session may; the database decides sooner.
    set: (value) =>
      fastifyCookie.serialize(name, value, { ...attributes, maxAge: sessionLimits.absoluteSeconds }),
    clear: () => fastifyCookie.serialize(name, '', { ...attributes, maxAge: 0 })
  }
}
