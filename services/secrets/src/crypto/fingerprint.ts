/**
 * Fingerprints tell whether two values of one company are equal without keeping either.
 *
 * A bare hash of a short value is found by guessing; HMAC-SHA256 (RFC 2104) under a key that never
 * leaves this process is not, and equal values of two companies look unrelated.
 */
import { createHmac, createSecretKey } from 'node:crypto'
import type { CompanyKey } from './company-key.js'
import { deriveBytes, NO_SALT } from './hkdf.js'
import { bytesOfFields, textField, uuidField } from './length-prefixed.js'
import { KEY_BYTES } from './random-bytes.js'

const FINGERPRINT_LABEL = textField('paperclip-fingerprint-1')

/**
 * Fingerprints a value within its company: 32 bytes, the same for the same value and company key.
 * For storage and comparison inside the service; never part of a reply.
 */
export function fingerprintValue(value: Buffer, { companyKey }: { readonly companyKey: CompanyKey }): Buffer {
  const info = bytesOfFields(FINGERPRINT_LABEL + uuidField(companyKey.companyId))
  const bytes = deriveBytes(companyKey.key, { salt: NO_SALT, info, sizeBytes: KEY_BYTES })
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return createHmac('sha256', key).update(value).digest()
}
