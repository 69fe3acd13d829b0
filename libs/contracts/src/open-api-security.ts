import type { RouteAuth } from './route.js'

/** How the operator of this instance is known: by a cookie of this name, or null where none is needed. */
export type SessionCookieName = string | null

/** One way of authenticating, as OpenAPI writes it; the empty one is "without". */
export type SecurityRequirement = Readonly<Record<string, readonly string[]>>

const bearer: SecurityRequirement = { bearer: [] }
const session: SecurityRequirement = { session: [] }
const none: SecurityRequirement = {}

/** The schemes of an instance, for the components of its document. */
export function securitySchemes(sessionCookie: SessionCookieName): object {
  return {
    bearer: {
      type: 'http',
      scheme: 'bearer',
      description: 'A board key, an agent key, or the token of a run.'
    },
    ...(sessionCookie === null
      ? {}
      : {
          session: {
            type: 'apiKey',
            in: 'cookie',
            name: sessionCookie,
            description:
              'The session of a person. Requests that change something must also come from one of our own origins.'
          }
        })
  }
}

/** The ways in which a caller whom a route admits may authenticate, easiest first. */
export function securityOf(
  { actors, credentials }: RouteAuth,
  sessionCookie: SessionCookieName
): SecurityRequirement[] {
  const admits = (kind: 'session' | 'board_key' | 'local_operator') =>
    actors.includes('board') && (credentials === undefined || credentials.includes(kind))
  const needsNothing = actors.includes('anon') || (sessionCookie === null && admits('local_operator'))
  const byBearer = admits('board_key') || actors.includes('agent_key') || actors.includes('run')
  return [
    ...(needsNothing ? [none] : []),
    ...(sessionCookie !== null && admits('session') ? [session] : []),
    ...(byBearer ? [bearer] : [])
  ]
}
