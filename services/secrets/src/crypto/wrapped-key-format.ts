/**
 * The bytes of a wrapped company key, all of fixed size:
 *
 *     version 1 | algorithm 1 | master key id 8 | IV 12 | ciphertext 32 | tag 16   = 70 bytes
 */
import { TAG_BYTES } from './aes-gcm.js'
import { IntegrityError } from './crypto-error.js'
import { IV_BYTES, KEY_BYTES } from './random-bytes.js'

const VERSION = 1
const ALGORITHM_AES_256_GCM = 1
const ID_PREFIX = 'mk_'
const ID_BYTES = 8
const MASTER_KEY_ID = /^mk_[0-9a-f]{16}$/

const OFFSET_VERSION = 0
const OFFSET_ALGORITHM = 1
const OFFSET_MASTER_KEY_ID = 2
const OFFSET_IV = OFFSET_MASTER_KEY_ID + ID_BYTES
const OFFSET_CIPHERTEXT = OFFSET_IV + IV_BYTES
const OFFSET_TAG = OFFSET_CIPHERTEXT + KEY_BYTES

/** The exact length of a wrapped company key. */
export const WRAPPED_KEY_BYTES = OFFSET_TAG + TAG_BYTES

/** The parts of a wrapped company key; buffers are views of the parsed bytes. */
export interface WrappedKey {
  /** The master key that wrapped it: which one to configure when it is missing. */
  readonly masterKeyId: string
  readonly iv: Buffer
  readonly ciphertext: Buffer
  readonly tag: Buffer
}

/** Joins the parts, each of which must have its exact size; an id that is not a master key's is a `TypeError`. */
export function formatWrappedKey({ masterKeyId, iv, ciphertext, tag }: WrappedKey): Buffer {
  if (!MASTER_KEY_ID.test(masterKeyId))
    throw new TypeError('A master key id must be mk_ and 16 hexadecimal digits.')
  const id = Buffer.from(masterKeyId.slice(ID_PREFIX.length), 'hex')
  return Buffer.concat([Buffer.of(VERSION, ALGORITHM_AES_256_GCM), id, iv, ciphertext, tag])
}

/** Parses; any other length, version or algorithm throws {@link IntegrityError}. Proves nothing about the content. */
export function parseWrappedKey(wrapped: Buffer): WrappedKey {
  if (
    wrapped.length !== WRAPPED_KEY_BYTES ||
    wrapped[OFFSET_VERSION] !== VERSION ||
    wrapped[OFFSET_ALGORITHM] !== ALGORITHM_AES_256_GCM
  ) {
    throw new IntegrityError()
  }
  return {
    masterKeyId: ID_PREFIX + wrapped.toString('hex', OFFSET_MASTER_KEY_ID, OFFSET_IV),
    iv: wrapped.subarray(OFFSET_IV, OFFSET_CIPHERTEXT),
    ciphertext: wrapped.subarray(OFFSET_CIPHERTEXT, OFFSET_TAG),
    tag: wrapped.subarray(OFFSET_TAG)
  }
}
