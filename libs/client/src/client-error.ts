import type { ProblemCode, ProblemEntry } from '@paperclip/contracts'

/**
 * What a call failed with: a code of the problem table, or one of ours. `unreachable`: no connection. `timed_out`,
 * `interrupted`: whether it took effect is unknown. `bad_reply`: something answered that is not this product.
 * `unknown_problem`: a problem of a newer server.
 */
export type ClientErrorCode =
  | ProblemCode
  | 'unreachable'
  | 'timed_out'
  | 'interrupted'
  | 'bad_reply'
  | 'unknown_problem'

/** A failed call. The message is the problem's detail; it and all members are safe to print. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode
  /** HTTP status; 0 when there was no reply. */
  readonly status: number
  readonly detail: string
  readonly errors: readonly ProblemEntry[]
  readonly requestId: string | null
  readonly retryAfterSeconds: number | null
  /** Of a failure without a reply, the lower error's code (`ECONNREFUSED`); else null. */
  readonly reason: string | null

  constructor(
    code: ClientErrorCode,
    detail: string,
    more: {
      status?: number
      errors?: readonly ProblemEntry[]
      requestId?: string | null
      retryAfterSeconds?: number | null
      reason?: string | null
    } = {}
  ) {
    super(detail)
    this.code = code
    this.detail = detail
    this.status = more.status ?? 0
    this.errors = more.errors ?? []
    this.requestId = more.requestId ?? null
    this.retryAfterSeconds = more.retryAfterSeconds ?? null
    this.reason = more.reason ?? null
  }
}
