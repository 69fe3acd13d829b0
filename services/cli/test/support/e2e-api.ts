import type { ContractInput } from '@paperclip/client'
import { type CallOutput, fillPath, type Problem, type Route } from '@paperclip/contracts'

/** What came back. `code` is empty for a success. */
export interface Outcome<R extends Route> {
  readonly status: number
  readonly code: string
  readonly body: CallOutput<R>
  readonly problem: Problem
  readonly text: string
  readonly headers: Headers
}

export interface SendOptions {
  readonly token?: string
  /** A certain gateway instead of the next one. */
  readonly origin?: string
  readonly timeoutMs?: number
}

/** A reply that went over the wire, for who looks for leaks. */
export interface SeenReply {
  readonly route: Route
  readonly status: number
  readonly text: string
}

/** Calls contracts over plain HTTP, each request at the next gateway in turn. */
export interface Api {
  readonly seen: SeenReply[]
  /** Rejects only when no HTTP reply came. */
  send<R extends Route>(route: R, input: ContractInput<R>, options?: SendOptions): Promise<Outcome<R>>
  /** Returns the body of a success, and throws for anything else. */
  ok<R extends Route>(route: R, input: ContractInput<R>, options?: SendOptions): Promise<CallOutput<R>>
  /** Sends the same to every gateway at once, and returns `status code` of each, once when all agree. */
  everywhere<R extends Route>(route: R, input: ContractInput<R>, options?: SendOptions): Promise<string[]>
}

const timeoutMsDefault = 15_000

export function openApi(origins: readonly string[], { keep = true }: { keep?: boolean } = {}): Api {
  let turn = 0
  const seen: SeenReply[] = []

  async function send<R extends Route>(
    route: R,
    input: ContractInput<R>,
    options: SendOptions = {}
  ): Promise<Outcome<R>> {
    const { token, origin = origins[turn++ % origins.length], timeoutMs = timeoutMsDefault } = options
    const { params, query, body } = input as {
      params?: Record<string, string>
      query?: Record<string, unknown>
      body?: unknown
    }
    const search = new URLSearchParams(
      Object.entries(query ?? {}).map(([name, value]): [string, string] => [name, String(value)])
    ).toString()
    const path = `/api${fillPath(route.path, params)}${search === '' ? '' : `?${search}`}`
    const response = await fetch(`${origin}${path}`, {
      method: route.method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs)
    })
    const { status, headers } = response
    const text = await response.text()
    if (keep) seen.push({ route, status, text })
    const parsed: unknown = text === '' ? {} : JSON.parse(text)
    const problem = parsed as Problem
    const code = status < 400 ? '' : (problem.code ?? '')
    return { status, code, body: parsed as CallOutput<R>, problem, text, headers }
  }

  return {
    seen,
    send,
    async ok(route, input, options) {
      const { status, code, body } = await send(route, input, options)
      if (status >= 300) throw new Error(`${route.config.operationId} answers ${status} ${code}`)
      return body
    },
    async everywhere(route, input, options) {
      const all = await Promise.all(
        origins.map(async (origin) => {
          const { status, code } = await send(route, input, { ...options, origin })
          return `${status} ${code}`.trim()
        })
      )
      return [...new Set(all)]
    }
  }
}
