/**
 * AES-256-GCM (NIST SP 800-38D) with everything spelled out: 96-bit IV, 128-bit tag, associated data
 * always. `authTagLength` is passed on both sides: without it Node accepts tags of 4 bytes when opening,
 * which can be forged in 2^32 tries.
 */
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import { IntegrityError } from './crypto-error.js'

/** A full tag; SP 800-38D appendix C is why shorter ones are never accepted. */
export const TAG_BYTES = 16

const ALGORITHM = 'aes-256-gcm'
const TAG_LENGTH = { authTagLength: TAG_BYTES } as const

/** What both directions must agree on. The caller owes the proof that `iv` is new under `key`. */
export interface GcmContext {
  readonly iv: Buffer
  readonly associatedData: Buffer
}

/** Encrypts; `ciphertext` is exactly as long as `plaintext`, which may be empty. */
export function encrypt(key: KeyObject, plaintext: Buffer, { iv, associatedData }: GcmContext) {
  const cipher = createCipheriv(ALGORITHM, key, iv, TAG_LENGTH)
  cipher.setAAD(associatedData)
  const ciphertext = cipher.update(plaintext)
  cipher.final()
  return { ciphertext, tag: cipher.getAuthTag() }
}

/**
 * Decrypts, or throws {@link IntegrityError} for any tag but the right one of 16 bytes.
 * What was decrypted before the tag failed is wiped and never returned.
 */
export function decrypt(
  key: KeyObject,
  { ciphertext, tag }: { readonly ciphertext: Buffer; readonly tag: Buffer },
  { iv, associatedData }: GcmContext
): Buffer {
  if (tag.length !== TAG_BYTES) throw new IntegrityError()
  const decipher = createDecipheriv(ALGORITHM, key, iv, TAG_LENGTH)
  decipher.setAAD(associatedData)
  decipher.setAuthTag(tag)
  const plaintext = decipher.update(ciphertext)
  try {
    decipher.final()
  } catch {
    plaintext.fill(0)
    throw new IntegrityError()
  }
  return plaintext
}
