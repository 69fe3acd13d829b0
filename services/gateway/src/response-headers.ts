import type { FastifyHelmetOptions } from '@fastify/helmet'

/** One year, the least that lists of such hosts take. */
const hstsSeconds = 365 * 24 * 60 * 60

/**
 * What every reply says to browsers. Replies of an API are data: nothing of them may run, be framed or be embedded.
 * HSTS is sent where the public address is https only: plain loopback must stay reachable.
 */
export function apiHelmet({ publicUrl }: { publicUrl: string | null }): FastifyHelmetOptions {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"]
      }
    },
    crossOriginResourcePolicy: { policy: 'same-origin' },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: publicUrl?.startsWith('https://')
      ? { maxAge: hstsSeconds, includeSubDomains: true }
      : false,
    xFrameOptions: { action: 'deny' }
  }
}

/** For the pages with a form: scripts, styles, images and requests of this gateway, and nothing else. */
export const pageHelmet: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      scriptSrc: ["'self'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'"],
      connectSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"]
    }
  }
}

/** For pages that are only read: a style and an icon. */
export const readingHelmet: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      styleSrc: ["'self'"],
      imgSrc: ["'self'"],
      formAction: ["'none'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"]
    }
  }
}
