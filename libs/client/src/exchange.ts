import type { Dispatcher } from 'undici'
import { TransportError } from './transport-error.js'

/** What came back. A header that was repeated is a list. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** How long one exchange may take in all, and how large its reply may be. */
export interface ExchangeLimits {
  readonly deadlineMs: number
  readonly replyBytesMax: number
}

/** Takes a reply as it comes, where it comes in parts: status 200 without a length. Any other one is read whole. */
export interface ReplyParts {
  /**
   * Is given each piece. What it throws ends the exchange as `bad_reply` and closes the connection. Once it has given
   * true, the rest may take `laterMs` from then, instead of what is left of the deadline.
   */
  take(piece: Buffer): boolean
  readonly laterMs: number
}

/** A request in the form undici takes; headers as a flat list of names and values. */
export interface RawRequest {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: string[]
  readonly body: string | Buffer | null
}

/**
 * Sends one request and collects its reply, within both limits. Rejects with {@link TransportError}. Never follows
 * a redirect: it is a `bad_reply`, since a signature or a token belongs to the address it was made for. What `parts`
 * took is not in the reply that this resolves with when all of it has come.
 *
 * Measured at 32 in parallel, per request: `dispatch` 35 µs of CPU, `request` 42 µs. The deadline is a plain timer
 * for the whole exchange: undici's own time-outs start anew for each phase and tick once a second.
 */
export function exchange(
  pool: Dispatcher,
  request: RawRequest,
  limits: ExchangeLimits,
  parts: ReplyParts | null = null
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const handler = new ExchangeHandler(resolve, reject, { ...limits, parts })
    pool.dispatch(request, handler)
  })
}

class ExchangeHandler implements Dispatcher.DispatchHandler {
  readonly #resolve: (reply: Reply) => void
  readonly #reject: (error: TransportError) => void
  readonly #replyBytesMax: number
  readonly #parts: ReplyParts | null
  #timer: NodeJS.Timeout
  readonly #chunks: Buffer[] = []
  #controller: Dispatcher.DispatchController | undefined
  #settled = false
  #inParts = false
  #isLater = false
  #status = 0
  #headers: Reply['headers'] = {}
  #bytes = 0

  constructor(
    resolve: (reply: Reply) => void,
    reject: (error: TransportError) => void,
    limits: ExchangeLimits & { parts: ReplyParts | null }
  ) {
    this.#resolve = resolve
    this.#reject = reject
    this.#replyBytesMax = limits.replyBytesMax
    this.#parts = limits.parts
    this.#timer = this.#endAfter(limits.deadlineMs)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // It waited for a connection beyond its deadline: it must not be sent any more.
    if (this.#settled) controller.abort(new TransportError('timeout'))
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Reply['headers']): void {
    this.#status = status
    this.#headers = headers
    this.#inParts = this.#parts !== null && status === 200 && headers['content-length'] === undefined
    if (Number(headers['content-length'] ?? 0) > this.#replyBytesMax)
      this.#fail(new TransportError('too_large'))
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length
    if (this.#bytes > this.#replyBytesMax) this.#fail(new TransportError('too_large'))
    else if (this.#inParts) this.#takePart(chunk)
    else this.#chunks.push(chunk)
  }

  onResponseEnd(): void {
    if (!this.#settle()) return
    if (this.#status >= 300 && this.#status < 400) {
      this.#reject(new TransportError('bad_reply', { reason: 'redirect' }))
      return
    }
    const [first, ...others] = this.#chunks
    const body = others.length === 0 ? (first ?? Buffer.alloc(0)) : Buffer.concat(this.#chunks)
    this.#resolve({ status: this.#status, headers: this.#headers, body })
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    if (this.#settle()) this.#reject(translate(error, { sent: this.#controller !== undefined }))
  }

  #takePart(chunk: Buffer): void {
    const parts = this.#parts
    if (parts === null || this.#settled) return
    try {
      if (!parts.take(chunk) || this.#isLater) return
    } catch {
      this.#fail(new TransportError('bad_reply', { reason: 'parts' }))
      return
    }
    this.#isLater = true
    clearTimeout(this.#timer)
    this.#timer = this.#endAfter(parts.laterMs)
  }

  #endAfter(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#fail(new TransportError('timeout')), ms)
  }

  #fail(error: TransportError): void {
    if (!this.#settle()) return
    this.#controller?.abort(error)
    this.#reject(error)
  }

  #settle(): boolean {
    if (this.#settled) return false
    this.#settled = true
    clearTimeout(this.#timer)
    return true
  }
}

function translate(error: Error, { sent }: { sent: boolean }): TransportError {
  const { code } = error as NodeJS.ErrnoException
  // undici sends what was not yet written again by itself, so an error before the start is one of connecting.
  if (!sent) return new TransportError('connect_failed', { reason: code })
  const notHttp = error.name === 'HTTPParserError' && code !== 'HPE_INVALID_EOF_STATE'
  if (notHttp || code === 'UND_ERR_HEADERS_OVERFLOW') return new TransportError('bad_reply', { reason: code })
  return new TransportError('reset', { reason: code })
}
