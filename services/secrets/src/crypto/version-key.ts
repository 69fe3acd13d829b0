/**
 * One AES key per sealed value, with a commitment to it.
 *
 * AES-GCM alone does not commit to its key: whoever knows two keys can build one ciphertext and tag that
 * opens under both. Here HKDF expands the company key and the salt to 64 bytes, T1 || T2 of RFC 5869
 * section 2.3: T1 is the AES key, T2 the commitment, stored in the envelope and compared before anything
 * is decrypted.
 *
 * - It commits. Salt, key and label have fixed lengths, so two company keys (or two salts) with the same
 *   T2 would be a collision of HMAC-SHA256, that is of SHA-256: 2^128 work.
 * - It tells nothing. T1 and T2 are outputs of one pseudo-random function at different inputs; who does
 *   not know the company key cannot tell either from random, even with the other in hand.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import type { CompanyKey } from './company-key.js'
import { COMMITMENT_BYTES } from './envelope-format.js'
import { deriveBytes } from './hkdf.js'
import { bytesOfFields, textField } from './length-prefixed.js'
import { KEY_BYTES } from './random-bytes.js'

const VERSION_KEY_INFO = bytesOfFields(textField('paperclip-version-key-1'))

/** The AES-256 key of one sealed value, and the 32 bytes that commit to it. */
export interface VersionKey {
  readonly key: KeyObject
  readonly commitment: Buffer
}

/** Derives the key of the sealed value that holds `salt`. */
export function deriveVersionKey(companyKey: CompanyKey, salt: Buffer): VersionKey {
  const bytes = deriveBytes(companyKey.key, {
    salt,
    info: VERSION_KEY_INFO,
    sizeBytes: KEY_BYTES + COMMITMENT_BYTES
  })
  const key = createSecretKey(bytes.subarray(0, KEY_BYTES))
  bytes.fill(0, 0, KEY_BYTES)
  return { key, commitment: bytes.subarray(KEY_BYTES) }
}
