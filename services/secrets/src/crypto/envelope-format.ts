/**
 * The bytes of a sealed value:
 *
 *     version 1 | algorithm 1 | company key id 16 | salt 32 | commitment 32 | IV 12 | ciphertext | tag 16
 *
 * One string, one order, no optional field. Only the ciphertext varies in length, so every offset is a
 * constant and there is one way to read given bytes. Reading proves nothing: `open` does.
 */
import { TAG_BYTES } from './aes-gcm.js'
import { IntegrityError } from './crypto-error.js'
import { IV_BYTES, SALT_BYTES } from './random-bytes.js'

/** The key commitment is a whole SHA-256 output: a collision costs 2^128. */
export const COMMITMENT_BYTES = 32

const VERSION = 1
/** HKDF-SHA256 with a key commitment, then AES-256-GCM. */
const ALGORITHM_HKDF_SHA256_AES_256_GCM = 1
const COMPANY_KEY_ID_BYTES = 16

const OFFSET_VERSION = 0
const OFFSET_ALGORITHM = 1
const OFFSET_COMPANY_KEY_ID = 2
const OFFSET_SALT = OFFSET_COMPANY_KEY_ID + COMPANY_KEY_ID_BYTES
const OFFSET_COMMITMENT = OFFSET_SALT + SALT_BYTES
const OFFSET_IV = OFFSET_COMMITMENT + COMMITMENT_BYTES
const OFFSET_CIPHERTEXT = OFFSET_IV + IV_BYTES

/** How much longer a sealed value is than its plaintext: 110 bytes, also the length of a sealed empty value. */
export const ENVELOPE_OVERHEAD_BYTES = OFFSET_CIPHERTEXT + TAG_BYTES

/** The parts of a sealed value; buffers are views of the parsed bytes. */
export interface Envelope {
  /** Which company key opens it, as a UUID in text. */
  readonly companyKeyId: string
  readonly salt: Buffer
  readonly commitment: Buffer
  readonly iv: Buffer
  readonly ciphertext: Buffer
  readonly tag: Buffer
}

/** Joins the parts, each of which must have its exact size. */
export function formatEnvelope({ companyKeyId, salt, commitment, iv, ciphertext, tag }: Envelope): Buffer {
  const id = Buffer.from(companyKeyId.replaceAll('-', ''), 'hex')
  const header = Buffer.of(VERSION, ALGORITHM_HKDF_SHA256_AES_256_GCM)
  return Buffer.concat([header, id, salt, commitment, iv, ciphertext, tag])
}

/** Parses; bytes too short to hold every part, or of another version or algorithm, throw {@link IntegrityError}. */
export function parseEnvelope(sealed: Buffer): Envelope {
  if (
    sealed.length < ENVELOPE_OVERHEAD_BYTES ||
    sealed[OFFSET_VERSION] !== VERSION ||
    sealed[OFFSET_ALGORITHM] !== ALGORITHM_HKDF_SHA256_AES_256_GCM
  ) {
    throw new IntegrityError()
  }
  const offsetTag = sealed.length - TAG_BYTES
  return {
    companyKeyId: uuidText(sealed.toString('hex', OFFSET_COMPANY_KEY_ID, OFFSET_SALT)),
    salt: sealed.subarray(OFFSET_SALT, OFFSET_COMMITMENT),
    commitment: sealed.subarray(OFFSET_COMMITMENT, OFFSET_IV),
    iv: sealed.subarray(OFFSET_IV, OFFSET_CIPHERTEXT),
    ciphertext: sealed.subarray(OFFSET_CIPHERTEXT, offsetTag),
    tag: sealed.subarray(offsetTag)
  }
}

function uuidText(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
