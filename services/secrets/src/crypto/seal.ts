/** Sealing, the mirror image of `open.ts`. The construction and its reasons are in `README.md`. */
import { encrypt } from './aes-gcm.js'
import type { CompanyKey } from './company-key.js'
import { PlaintextTooLargeError } from './crypto-error.js'
import { formatEnvelope } from './envelope-format.js'
import { type RandomBytes, randomIv, randomSalt } from './random-bytes.js'
import { PLAINTEXT_BYTES_MAX, type SealedPlace, sealAssociatedData } from './sealed-place.js'
import { deriveVersionKey } from './version-key.js'

/** Under which key and for which row, and where salt and IV come from. */
export interface SealOptions extends SealedPlace {
  readonly companyKey: CompanyKey
  readonly randomBytes: RandomBytes
}

/**
 * Seals a plaintext for one row: only {@link open} with the same company key and the same ids and kind
 * gives it back. The result is 110 bytes longer than the plaintext, and different each time.
 *
 * The plaintext may be empty and at most `PLAINTEXT_BYTES_MAX[kind]` long; longer throws
 * {@link PlaintextTooLargeError}. It is not kept and not wiped: it stays the caller's.
 */
export function seal(plaintext: Buffer, options: SealOptions): Buffer {
  const { companyKey, randomBytes, kind } = options
  const bytesMax = PLAINTEXT_BYTES_MAX[kind]
  if (plaintext.length > bytesMax) {
    throw new PlaintextTooLargeError(`A plaintext of kind ${kind} may have at most ${bytesMax} bytes.`)
  }
  const associatedData = sealAssociatedData(companyKey, options)
  const salt = randomSalt(randomBytes)
  const versionKey = deriveVersionKey(companyKey, salt)
  // The same key and IV cannot meet twice: the salt is 256 fresh random bits, so the key is new, and it
  // is dropped after this one encryption. The random IV is a second line, not the first.
  const iv = randomIv(randomBytes)
  const { ciphertext, tag } = encrypt(versionKey.key, plaintext, { iv, associatedData })
  return formatEnvelope({
    companyKeyId: companyKey.id,
    salt,
    commitment: versionKey.commitment,
    iv,
    ciphertext,
    tag
  })
}
