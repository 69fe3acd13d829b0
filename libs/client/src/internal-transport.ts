import { type ActorContext, limits } from '@paperclip/contracts'
import { encodeActor, newNonce, type SigningKey, signRequest } from '@paperclip/signing'
import { openPool, parseOrigin } from './connection-pool.js'
import { exchange, type Reply, type ReplyParts } from './exchange.js'
import { holdPool, type TlsSource } from './pool-holder.js'
import { TransportError } from './transport-error.js'

/** Both services sit on one private network: a connection that takes longer is one to a dead host. */
const connectTimeoutMsDefault = 1_000

/** Below 64 a resolve waits for a free connection at the load of the benchmark. */
const connectionsMaxDefault = 64

/** What may be under way or waiting for a connection at once; more is refused instead of queued. */
const inFlightMaxDefault = 4_096

/** The largest reply is one resolved environment, as JSON, which may escape a byte sixfold, and its manifest. */
const replyBytesMaxDefault = 6 * limits.resolvedEnvironmentBytesMax + 1024 * 1024

const jsonMediaType = 'application/json'
const retryMsMin = 1

/** Where the signing key comes from: `createSignerKey` of libs/signing, or anything that has a current key. */
export interface KeySource {
  current(): SigningKey
  /** Called when the verifier answered 401, at most one file read a second. */
  reloadIfDue?(): void
}

export interface InternalTransportOptions {
  /** `http://host:port` of the secrets service, or with https; then `tls` is needed. */
  readonly origin: string
  readonly key: KeySource
  /** Mutual TLS; a new identity is used from the next request on. */
  readonly tls?: TlsSource | null
  readonly connectTimeoutMs?: number
  readonly connectionsMax?: number
  readonly inFlightMax?: number
  readonly replyBytesMax?: number
  readonly nowMs?: () => number
}

/** A request to sign and send. */
export interface InternalRequest {
  readonly method: string
  /** The full path, prefix included, in its normal form. */
  readonly path: string
  /** Empty, or `?` and at least one character. */
  readonly query?: string
  readonly body?: Buffer | string | null
  /** Of the body; JSON when absent. */
  readonly contentType?: string
  /** Who the caller is, or that already in the form of `encodeActor`, for callers who send it often. */
  readonly actor: ActorContext | string
  /** How long all of it may take, a retry included. */
  readonly deadlineMs: number
  /** Whether sending it twice does no harm; true for GET when absent. */
  readonly idempotent?: boolean
  /** Takes a reply that comes in parts; without this every reply is read whole. */
  readonly parts?: ReplyParts
}

/** Signed requests to one origin over kept connections. */
export interface InternalTransport {
  /**
   * Signs and sends; any status that came is a reply. Rejects with {@link TransportError}, or with SignatureError
   * `malformed` for a path or query that cannot be signed. An idempotent request is sent once more, signed anew,
   * when its connection was reset; every request once more when 401 led to a newer key (401 had no effect).
   */
  send(request: InternalRequest): Promise<Reply>
  /** Requests under way or waiting for a connection. */
  inFlight(): number
  /** Lets what is under way finish, then closes the connections. */
  close(): Promise<void>
}

/**
 * Opens a transport. Connections are made when needed. Throws a TypeError for an address that is no origin, and for
 * https without an identity or the reverse: a private hop is under mutual TLS, or it is plain.
 */
export function createInternalTransport(options: InternalTransportOptions): InternalTransport {
  const {
    key,
    tls = null,
    connectTimeoutMs = connectTimeoutMsDefault,
    connectionsMax = connectionsMaxDefault,
    inFlightMax = inFlightMaxDefault,
    replyBytesMax = replyBytesMaxDefault,
    nowMs = Date.now
  } = options
  const origin = parseOrigin(options.origin)
  if ((origin.protocol === 'https:') !== (tls !== null))
    throw new TypeError('The address must be https exactly when mutual TLS is used.')
  // What undici writes as Host; the signature covers it.
  const authority = origin.host
  const pools = holdPool((identity) => openPool(origin, { connectionsMax, connectTimeoutMs, identity }), tls)
  let inFlight = 0

  function sendOnce(
    request: InternalRequest,
    { actor, signer, deadlineMs }: { actor: string; signer: SigningKey; deadlineMs: number }
  ): Promise<Reply> {
    const { method, path, query = '' } = request
    const body = request.body === undefined || request.body === null ? '' : request.body
    const contentType = body.length === 0 ? undefined : (request.contentType ?? jsonMediaType)
    const toSign = { method, authority, path, query, contentType, body, actor }
    const signed = signRequest(signer, toSign, { nowMs: nowMs(), nonce: newNonce() })
    const headers = [
      'content-digest',
      signed['content-digest'],
      'paperclip-actor',
      actor,
      'signature-input',
      signed['signature-input'],
      'signature',
      signed.signature
    ]
    if (contentType !== undefined) headers.push('content-type', contentType)
    const raw = { method, path: path + query, headers, body: contentType === undefined ? null : body }
    return exchange(pools.current(), raw, { deadlineMs, replyBytesMax }, request.parts)
  }

  async function sendTwiceIfNeeded(request: InternalRequest): Promise<Reply> {
    const actor = typeof request.actor === 'string' ? request.actor : encodeActor(request.actor)
    const startedMs = performance.now()
    const leftMs = () => Math.max(retryMsMin, request.deadlineMs - (performance.now() - startedMs))
    const signer = key.current()
    let reply: Reply
    try {
      reply = await sendOnce(request, { actor, signer, deadlineMs: request.deadlineMs })
    } catch (error) {
      const idempotent = request.idempotent ?? request.method === 'GET'
      if (!idempotent || !(error instanceof TransportError) || error.code !== 'reset') throw error
      return await sendOnce(request, { actor, signer: key.current(), deadlineMs: leftMs() })
    }
    if (reply.status !== 401) return reply
    key.reloadIfDue?.()
    // Compared with the key that was refused: of many requests refused at once, one reads the file for all.
    const newer = key.current()
    return newer === signer ? reply : await sendOnce(request, { actor, signer: newer, deadlineMs: leftMs() })
  }

  return {
    async send(request) {
      if (inFlight >= inFlightMax) throw new TransportError('overloaded')
      inFlight++
      try {
        return await sendTwiceIfNeeded(request)
      } finally {
        inFlight--
      }
    },
    inFlight: () => inFlight,
    close: () => pools.close()
  }
}
