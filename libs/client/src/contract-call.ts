import { type CallInput, type CallOutput, fillPath, type Route } from '@paperclip/contracts'

type Needed<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] }
type Optional<T> = { [K in keyof T as undefined extends T[K] ? K : never]?: T[K] }

/** What a call of a route is given: {@link CallInput} without the members the route does not have. */
export type ContractInput<R extends Route> = Needed<CallInput<R>> & Optional<CallInput<R>>

/** The argument list of a call: nothing to give, nothing to write. */
export type ContractArguments<R extends Route> =
  Record<string, never> extends ContractInput<R> ? [input?: ContractInput<R>] : [input: ContractInput<R>]

/** Sends calls of contracts. Fails with ClientError. */
export interface ContractCaller {
  call<R extends Route>(route: R, ...input: ContractArguments<R>): Promise<CallOutput<R>>
}

/** A call in the form of HTTP, and the value of `Content-Type` its body needs. */
export interface HttpCall {
  readonly path: string
  /** Empty, or `?` and at least one character. */
  readonly query: string
  readonly body: string | null
}

/** The same, for code that does not know which route it is. */
export type LooseInput = { params?: unknown; query?: unknown; body?: unknown }

/** Writes a call: path below a prefix, query, JSON body. Throws a TypeError for a missing path parameter. */
export function toHttpCall(route: Route, input: LooseInput | undefined, prefix: string): HttpCall {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries((input?.query ?? {}) as Record<string, unknown>))
    if (value !== undefined && value !== null) search.set(name, String(value))
  const query = search.toString()
  return {
    path: prefix + fillPath(route.path, input?.params as Record<string, string> | undefined),
    query: query === '' ? '' : `?${query}`,
    body: input?.body === undefined ? null : JSON.stringify(input.body)
  }
}
