/**
 * Why a request was not signed or not accepted.
 *
 * `unsigned`: neither signature header. `malformed`: not this profile, or a request it cannot cover.
 * `unknown_key`: no such key id. `key_expired`: past the key's `notAfter`. `stale`: outside its own validity, or
 * a validity longer than allowed. `bad_signature`: the MAC differs. `bad_digest`: the body is not the one signed.
 */
export type SignatureErrorCode =
  | 'unsigned'
  | 'malformed'
  | 'unknown_key'
  | 'key_expired'
  | 'stale'
  | 'bad_signature'
  | 'bad_digest'

/** A refusal by this library. The message is a fixed sentence: it never repeats anything from the request. */
export class SignatureError extends Error {
  override readonly name = 'SignatureError'
  readonly code: SignatureErrorCode

  constructor(code: SignatureErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
