import type { CallOutput, Route } from '@paperclip/contracts'
import { ClientError } from './client-error.js'
import { openPool, parseOrigin } from './connection-pool.js'
import { type ContractArguments, type ContractCaller, type LooseInput, toHttpCall } from './contract-call.js'
import { exchange, type Reply } from './exchange.js'
import { nextCursor } from './next-cursor.js'
import { readReply, transportFailure } from './read-reply.js'
import { TransportError } from './transport-error.js'

const connectTimeoutMsDefault = 3_000

/** Above the longest time the gateway gives a route. */
const deadlineMsDefault = 35_000

const connectionsMax = 8

/** A resolved environment of 4 MiB, escaped sixfold, and its manifest. */
const replyBytesMax = 32 * 1024 * 1024

const tokenPattern = /^[\x21-\x7e]+$/

export interface GatewayClientOptions {
  /** `http://host:port` of the gateway. */
  readonly origin: string
  /** A board key, agent key or run token; null calls as whoever needs none. */
  readonly token?: string | null
  readonly userAgent?: string
  readonly connectTimeoutMs?: number
  readonly deadlineMs?: number
}

/** Calls the public API. */
export interface GatewayClient extends ContractCaller {
  /** The address calls go to; safe to print. */
  readonly address: string
  /** Asks for one page of a list. `cursor` asks for the next, as `query.cursor`; null: this was the last. */
  page<R extends Route>(
    route: R,
    ...input: ContractArguments<R>
  ): Promise<{ readonly rows: CallOutput<R>; readonly cursor: string | null }>
  /** Walks a list page by page, newest first. */
  pages<R extends Route>(route: R, ...input: ContractArguments<R>): AsyncGenerator<CallOutput<R>, void>
  /** Lets what is under way finish, then closes the connections. */
  close(): Promise<void>
  /** Cuts what is under way, which then fails as `interrupted`, and closes the connections. */
  abandon(): Promise<void>
}

/**
 * Opens a client of the gateway. A GET is sent once more when its connection was reset; nothing else is.
 * Throws a TypeError, which repeats neither, for an address that is no origin or a token that fits no header.
 */
export function createGatewayClient(options: GatewayClientOptions): GatewayClient {
  const { token = null, userAgent = 'paperclip-client', deadlineMs = deadlineMsDefault } = options
  const origin = parseOrigin(options.origin)
  if (token !== null && !tokenPattern.test(token))
    throw new TypeError('The token is not one of visible ASCII.')
  const address = origin.origin
  const { connectTimeoutMs = connectTimeoutMsDefault } = options
  const pool = openPool(origin, { connectionsMax, connectTimeoutMs })
  const identity = ['user-agent', userAgent, ...(token === null ? [] : ['authorization', `Bearer ${token}`])]

  async function send(route: Route, input: LooseInput | undefined): Promise<Reply> {
    const { path, query, body } = toHttpCall(route, input, '/api')
    const headers = ['accept', 'application/json', ...identity]
    if (body !== null) headers.push('content-type', 'application/json')
    const raw = { method: route.method, path: path + query, headers, body }
    const once = () => exchange(pool, raw, { deadlineMs, replyBytesMax })
    try {
      return await once().catch((error: unknown) => {
        const again = route.method === 'GET' && error instanceof TransportError && error.code === 'reset'
        if (!again) throw error
        return once()
      })
    } catch (error) {
      throw transportFailure(error, address)
    }
  }

  return {
    address,
    async call<R extends Route>(route: R, ...[input]: ContractArguments<R>): Promise<CallOutput<R>> {
      return readReply(route, await send(route, input), address) as CallOutput<R>
    },
    async page<R extends Route>(route: R, ...[input]: ContractArguments<R>) {
      const reply = await send(route, input)
      const rows = readReply(route, reply, address) as CallOutput<R>
      return { rows, cursor: nextCursor(reply.headers.link) }
    },
    async *pages<R extends Route>(route: R, ...[input]: ContractArguments<R>) {
      let cursor: string | null = null
      do {
        const first: LooseInput = input ?? {}
        const query: object = { ...(first.query ?? {}), ...(cursor === null ? {} : { cursor }) }
        const reply: Reply = await send(route, { ...first, query })
        yield readReply(route, reply, address) as CallOutput<R>
        const next = nextCursor(reply.headers.link)
        // A server that hands out the same cursor again would be asked for ever.
        if (next !== null && next === cursor)
          throw new ClientError('bad_reply', `${address} repeats a page of a list`)
        cursor = next
      } while (cursor !== null)
    },
    close: () => pool.close(),
    abandon: () => pool.destroy()
  }
}
