import { Pool } from 'undici'
import { AddressRefused, createGuardedConnector, NotConnected, type ResolveName } from './address-guard.js'
import type { AwsEndpoint } from './aws-endpoint.js'
import type { AwsFailure } from './aws-error.js'

/** What came back. */
export interface AwsReply {
  readonly status: number
  readonly body: Buffer
}

/** Why nothing came back that can be used, and whether the request may have arrived all the same. */
export class TransportFailure extends Error {
  readonly failure: AwsFailure
  readonly sent: boolean

  constructor(failure: AwsFailure, { sent }: { sent: boolean }) {
    super(failure)
    this.failure = failure
    this.sent = sent
  }
}

/** Connections to one endpoint. */
export interface AwsTransport {
  /** Sends one request and reads its whole answer. Rejects with {@link TransportFailure}. Follows no redirect. */
  send(request: {
    readonly headers: Record<string, string>
    readonly body: Buffer
    readonly timeoutMs: number
    readonly replyBytesMax: number
  }): Promise<AwsReply>
  /** Ends what is under way. */
  close(): Promise<void>
}

const connectionsMax = 32
/** Beyond this many under way a request is refused at once instead of waiting for its deadline. */
const inFlightMax = 256
const connectTimeoutMs = 2_000
/** AWS closes an idle connection after a longer while; we close first. */
const keepAliveMs = 10_000
const replyHeaderBytesMax = 16 * 1024

/** Opens connections when they are needed. `resolve` stands in for the resolver of the system. */
export function openAwsTransport(endpoint: AwsEndpoint, resolve?: ResolveName): AwsTransport {
  const { origin, loopback } = endpoint
  const pool = new Pool(origin.origin, {
    connect: createGuardedConnector({ loopback, connectTimeoutMs, ...(resolve ? { resolve } : {}) }),
    connections: connectionsMax,
    pipelining: 1,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    maxHeaderSize: replyHeaderBytesMax,
    // One timer covers the whole exchange.
    headersTimeout: 0,
    bodyTimeout: 0
  })
  let inFlight = 0
  return {
    async send({ headers, body, timeoutMs, replyBytesMax }) {
      if (inFlight >= inFlightMax) throw new TransportFailure('overloaded', { sent: false })
      inFlight += 1
      const signal = AbortSignal.timeout(timeoutMs)
      try {
        const reply = await pool.request({ path: '/', method: 'POST', headers, body, signal })
        return { status: reply.statusCode, body: await readWhole(reply.body, replyBytesMax) }
      } catch (error) {
        throw failureOf(error, signal)
      } finally {
        inFlight -= 1
      }
    },
    close: () => pool.destroy()
  }
}

async function readWhole(body: AsyncIterable<Buffer>, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > bytesMax) throw new TransportFailure('too_large', { sent: true })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Only what is certain counts as not sent. */
function failureOf(error: unknown, signal: AbortSignal): TransportFailure {
  if (error instanceof TransportFailure) return error
  if (error instanceof AddressRefused) return new TransportFailure('address_refused', { sent: false })
  if (error instanceof NotConnected) return new TransportFailure('no_connection', { sent: false })
  return new TransportFailure(signal.aborted ? 'timeout' : 'connection_lost', { sent: true })
}
