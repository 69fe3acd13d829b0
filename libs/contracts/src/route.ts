import type { Static, TSchema } from 'typebox'
import type { CompanyRole, CredentialKind, ServiceScope } from './actor.js'
import { limits } from './limits.js'
import type { ProblemCode } from './problem.js'
import type { RateLimitName } from './rate-limits.js'

/** Who can stand behind a request. `board` is a session, a board key, or the local operator. */
export type ActorKind = 'anon' | 'board' | 'agent_key' | 'run' | 'service'

/**
 * Who may call a route. Everything that is not named is refused.
 *
 * `role`: the least company role of a board actor, in the company of the path, or of the row on id-only routes.
 * `credentials`: how a board actor must have authenticated, when not every way will do. `instanceAdmin`: board actors
 * must be instance admins, or, with `or_self`, the user whom the path parameter `selfParam` names. `scope`: what an
 * internal service's key must carry.
 */
export interface RouteAuth {
  readonly actors: readonly ActorKind[]
  readonly role?: CompanyRole
  readonly credentials?: readonly CredentialKind[]
  readonly instanceAdmin?: true | 'or_self'
  readonly selfParam?: string
  readonly scope?: ServiceScope
}

/** How long a handler may take that waits for a provider, in milliseconds. */
export const providerHandlerMsMax = 30_000

export interface RouteSchema {
  readonly params?: TSchema
  readonly querystring?: TSchema
  readonly body?: TSchema
  readonly response: Readonly<Record<number, TSchema>>
}

export interface RouteConfig {
  readonly operationId: string
  readonly summary: string
  readonly auth: RouteAuth
  readonly problems: readonly ProblemCode[]
  /** Which service holds the rows; the gateway forwards the routes of the secrets service. */
  readonly owner: 'gateway' | 'secrets'
  /** `internal` routes exist at the secrets service only. */
  readonly visibility: 'public' | 'internal'
  /** What a successful reply is written in. */
  readonly mediaType: string
  /** The reply carries a value or a token: `Cache-Control: no-store`. */
  readonly noStore: boolean
  /** The request changes or reveals something: a replay must find its nonce taken. */
  readonly effect: boolean
  /** Every wait inside has a limit of its own, so the chassis keeps no timer around the handler. */
  readonly selfTimed: boolean
  /** A provider may have to be waited for: the handler has {@link providerHandlerMsMax}, and the hop a little more. */
  readonly callsProvider: boolean
  /** How often it may be called by one address or user; undefined: no limit of its own. */
  readonly limit?: RateLimitName
}

export interface Route<S extends RouteSchema = RouteSchema> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Without prefix: the gateway serves it below `/api`, the secrets service below `/internal`. */
  readonly path: string
  readonly schema: S
  readonly bodyBytesMax: number
  readonly config: RouteConfig
}

interface RouteInput<S extends RouteSchema> {
  operationId: string
  summary: string
  method: Route['method']
  path: string
  auth: RouteAuth
  schema: S
  owner?: RouteConfig['owner']
  visibility?: RouteConfig['visibility']
  problems?: readonly ProblemCode[]
  mediaType?: string
  noStore?: boolean
  effect?: boolean
  selfTimed?: boolean
  callsProvider?: boolean
  limit?: RateLimitName
  bodyBytesMax?: number
}

/** Makes a contract: the one constant that types server, client, CLI and API document. */
export function defineRoute<const S extends RouteSchema>(input: RouteInput<S>): Route<S> {
  return {
    method: input.method,
    path: input.path,
    schema: input.schema,
    bodyBytesMax: input.bodyBytesMax ?? limits.bodyBytesMax,
    config: {
      operationId: input.operationId,
      summary: input.summary,
      auth: input.auth,
      problems: input.problems ?? [],
      owner: input.owner ?? 'gateway',
      visibility: input.visibility ?? 'public',
      mediaType: input.mediaType ?? 'application/json',
      noStore: input.noStore ?? false,
      effect: input.effect ?? input.method !== 'GET',
      selfTimed: input.selfTimed ?? false,
      callsProvider: input.callsProvider ?? false,
      ...(input.limit === undefined ? {} : { limit: input.limit })
    }
  }
}

type Part<S, K extends string> = K extends keyof S
  ? S[K] extends TSchema
    ? Static<S[K]>
    : undefined
  : undefined

/** What a caller of a route sends. */
export interface CallInput<R extends Route> {
  params: Part<R['schema'], 'params'>
  query?: Part<R['schema'], 'querystring'>
  body: Part<R['schema'], 'body'>
}

/** What a caller of a route gets when it succeeds. */
export type CallOutput<R extends Route> = Static<
  Extract<R['schema']['response'][keyof R['schema']['response']], TSchema>
>

/** Fills the path's parameters, percent-encoded. Throws when one is missing. */
export function fillPath(path: string, params: Record<string, string> | undefined): string {
  return path.replaceAll(/:(\w+)/g, (_, name: string) => {
    const value = params?.[name]
    if (value === undefined || value === '') throw new TypeError(`path parameter ${name} is missing`)
    return encodeURIComponent(value)
  })
}
