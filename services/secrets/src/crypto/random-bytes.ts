/**
 * The only place where randomness enters. Everything else takes a {@link RandomBytes} as an argument,
 * so that the committed vector can be made again byte for byte.
 */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'

/** HKDF and PBKDF2 salts: as long as a SHA-256 output, so two equal salts are never met (RFC 5869 section 3.1). */
export const SALT_BYTES = 32
/** AES-GCM initialisation vector: 96 bits, the length NIST SP 800-38D section 5.2.1.1 recommends. */
export const IV_BYTES = 12
/** Every symmetric key here: AES-256, and the output length of SHA-256. */
export const KEY_BYTES = 32

/** Gives `sizeBytes` fresh, unpredictable bytes. Outside tests this is {@link systemRandomBytes}. */
export type RandomBytes = (sizeBytes: number) => Buffer

/** Draws from the operating system's generator through OpenSSL. */
export const systemRandomBytes: RandomBytes = (sizeBytes) => randomBytes(sizeBytes)

/** Draws a 32-byte salt. */
export function randomSalt(source: RandomBytes): Buffer {
  return draw(source, SALT_BYTES)
}

/** Draws a 96-bit AES-GCM initialisation vector. */
export function randomIv(source: RandomBytes): Buffer {
  return draw(source, IV_BYTES)
}

/** Draws a 256-bit key; the bytes it was made from are wiped. */
export function randomKey(source: RandomBytes): KeyObject {
  const bytes = draw(source, KEY_BYTES)
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

function draw(source: RandomBytes, sizeBytes: number): Buffer {
  const bytes = source(sizeBytes)
  if (bytes.length !== sizeBytes) throw new RangeError(`The random source gave ${bytes.length} bytes.`)
  return bytes
}
