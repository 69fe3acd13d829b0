/**
 * The errors of this folder. None carries a value, a key or a cause: what they say is safe in any log.
 * Misuse by our own code (an id that is not a UUID, a key of the wrong size) is a plain `TypeError`
 * or `RangeError` instead.
 */

/**
 * Says that sealed or wrapped bytes do not verify: altered, cut, moved to another row, or opened with
 * another key. Which of these it was is deliberately not told, here or to the caller's caller.
 */
export class IntegrityError extends Error {
  override readonly name = 'IntegrityError'
  readonly code = 'integrity_failure'

  constructor() {
    super('Sealed data does not verify for this key and this place.')
  }
}

/** Says that a configured master key cannot be used; names its source and the accepted forms, never the text. */
export class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError'
  readonly code = 'master_key_invalid'
}

/** Says that a plaintext is longer than its kind allows; holds lengths only. */
export class PlaintextTooLargeError extends RangeError {
  override readonly name = 'PlaintextTooLargeError'
  readonly code = 'plaintext_too_large'
}
