/**
 * HKDF-SHA256 (RFC 5869, NIST SP 800-56C) with the checks this product wants around it: a 256-bit
 * input key, and a label in every derivation, so that no two purposes ever share an output.
 */
import { hkdfSync, type KeyObject } from 'node:crypto'
import { KEY_BYTES } from './random-bytes.js'

/** What a derivation is for: RFC 5869's `salt` and `info`, and how many bytes come out. */
export interface HkdfOptions {
  readonly salt: Uint8Array
  readonly info: Uint8Array
  readonly sizeBytes: number
}

/** RFC 5869 reads an absent salt as zeros; right where the input is already a uniformly random key. */
export const NO_SALT = new Uint8Array(0)

/** Derives bytes from a 256-bit key. The caller wipes them once they have become a `KeyObject`. */
export function deriveBytes(key: KeyObject, { salt, info, sizeBytes }: HkdfOptions): Buffer {
  if (key.symmetricKeySize !== KEY_BYTES) throw new TypeError('A key must be a secret key of 32 bytes.')
  return Buffer.from(hkdfSync('sha256', key, salt, info, sizeBytes))
}
