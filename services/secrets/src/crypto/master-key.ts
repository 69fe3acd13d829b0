/**
 * From the operator's text to the key-encryption key (KEK): parsing, then PBKDF2-HMAC-SHA256
 * (RFC 8018, NIST SP 800-132), which makes guessing expensive when the operator chose a phrase.
 *
 * Trusts nothing about the text. Promises that no error or id tells anything about the key but
 * whether two keys are the same under one salt.
 */
import { createHmac, createSecretKey, type KeyObject, subtle } from 'node:crypto'
import { MasterKeyError } from './crypto-error.js'
import { KEY_BYTES, SALT_BYTES } from './random-bytes.js'

/** OWASP's 2023 figure for PBKDF2-HMAC-SHA256; about 0.2 s, paid once per master key and start. */
export const PBKDF2_ITERATIONS_MIN = 600_000
/** The count is read from the database: without a ceiling, whoever writes there could keep us from starting. */
export const PBKDF2_ITERATIONS_MAX = 10_000_000

const HEX_KEY = /^[0-9a-fA-F]{64}$/
const ID_LABEL = 'paperclip-master-key-id-1'
const ID_HEX_DIGITS = 16
/** What a decoder puts where the bytes were not UTF-8: different files would become the same key. */
const REPLACEMENT_CHARACTER = '\ufffd'
const ACCEPTED_FORMS =
  '64 hexadecimal digits, base64 of exactly 32 bytes (44 characters), or exactly 32 bytes of text'

/** The key that wraps company keys, and the id by which rows name it. */
export interface Kek {
  /** `mk_` and 16 hexadecimal digits; another master key, salt or count gives another id. */
  readonly id: string
  readonly key: KeyObject
}

/** How a KEK is derived; stored in the clear beside what it wraps. */
export interface KekParameters {
  /** 32 random bytes, drawn once per master key. */
  readonly salt: Uint8Array
  /** {@link PBKDF2_ITERATIONS_MIN} to {@link PBKDF2_ITERATIONS_MAX}. */
  readonly iterations: number
}

/**
 * Parses a master key as an operator may write it, surrounding white space ignored: 64 hexadecimal
 * digits, else base64 of exactly 32 bytes, else exactly 32 bytes of UTF-8 text, tried in this order
 * because the first form is also valid base64.
 *
 * Throws {@link MasterKeyError}, which names `source` (the variable or file) and the accepted forms.
 */
export function parseMasterKey(text: string, { source }: { readonly source: string }): KeyObject {
  const bytes = decodeMasterKey(text.trim())
  if (bytes === null)
    throw new MasterKeyError(`${source} does not hold a master key: expected ${ACCEPTED_FORMS}.`)
  if (bytes.every((byte) => byte === bytes[0])) {
    throw new MasterKeyError(
      `${source} holds a weak master key: all its bytes are equal. Use 32 random bytes.`
    )
  }
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

/**
 * Derives the KEK of a master key. Runs on the thread pool for some tenths of a second: once per
 * master key at start, never for a request. Salt or iterations out of bounds are a `RangeError`.
 */
export async function deriveKek(masterKey: KeyObject, { salt, iterations }: KekParameters): Promise<Kek> {
  if (masterKey.symmetricKeySize !== KEY_BYTES) throw new TypeError('A master key must be 32 bytes.')
  if (salt.length !== SALT_BYTES)
    throw new RangeError(`The salt of a master key must be ${SALT_BYTES} bytes.`)
  if (
    !Number.isInteger(iterations) ||
    iterations < PBKDF2_ITERATIONS_MIN ||
    iterations > PBKDF2_ITERATIONS_MAX
  ) {
    throw new RangeError(
      `PBKDF2 iterations must be an integer from ${PBKDF2_ITERATIONS_MIN} to ${PBKDF2_ITERATIONS_MAX}.`
    )
  }
  const password = await subtle.importKey('raw', masterKey.export(), 'PBKDF2', false, ['deriveBits'])
  const parameters = { name: 'PBKDF2', hash: 'SHA-256', salt, iterations }
  const bits = Buffer.from(await subtle.deriveBits(parameters, password, KEY_BYTES * 8))
  const key = createSecretKey(bits)
  bits.fill(0)
  return Object.freeze({ id: masterKeyId(key), key })
}

/** Computed from the KEK, not from the master key: testing a guess against it costs a whole PBKDF2. */
function masterKeyId(kek: KeyObject): string {
  return `mk_${createHmac('sha256', kek).update(ID_LABEL).digest('hex').slice(0, ID_HEX_DIGITS)}`
}

function decodeMasterKey(text: string): Buffer | null {
  if (HEX_KEY.test(text)) return Buffer.from(text, 'hex')
  const base64 = Buffer.from(text, 'base64')
  // Encoding it again must give the same text: Node's decoder ignores what it does not know.
  if (base64.length === KEY_BYTES && base64.toString('base64') === text) return base64
  const utf8 = Buffer.from(text, 'utf8')
  return utf8.length === KEY_BYTES && !text.includes(REPLACEMENT_CHARACTER) ? utf8 : null
}
