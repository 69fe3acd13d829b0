/**
 * Why no reply came.
 *
 * `connect_failed`: nothing was sent. `overloaded`: refused here, too many already under way; nothing was sent.
 * `timeout`, `reset`: the connection said nothing in time, or ended early; whether the request took effect is
 * unknown. `too_large`, `bad_reply`: an answer came that is over the limit, or is not one (a redirect, not HTTP).
 */
export type TransportErrorCode =
  | 'connect_failed'
  | 'overloaded'
  | 'timeout'
  | 'reset'
  | 'too_large'
  | 'bad_reply'

/**
 * A request without a usable reply. Message and members hold no header, body, token or URL.
 *
 * `reason` is the lower error's code (`ECONNREFUSED`). The lower error itself is not kept: undici's parser errors
 * carry received bytes, which could be a value on its way to a log.
 */
export class TransportError extends Error {
  override readonly name = 'TransportError'
  readonly code: TransportErrorCode
  readonly reason: string | undefined

  constructor(code: TransportErrorCode, { reason }: { reason?: string | undefined } = {}) {
    super(sentences[code])
    this.code = code
    this.reason = reason
  }
}

const sentences: Record<TransportErrorCode, string> = {
  connect_failed: 'No connection could be made.',
  overloaded: 'Too many requests are already under way.',
  timeout: 'No complete reply came in time.',
  reset: 'The connection ended before the reply was complete.',
  too_large: 'The reply is larger than allowed.',
  bad_reply: 'The reply is not one of this protocol.'
}
