/**
 * One random 256-bit key per company, stored only wrapped: AES-256-GCM under a sub-key of the KEK.
 * Rotating the master key unwraps and wraps these few keys again and touches no sealed value;
 * forgetting one makes all of that company's values unreadable and nobody else's.
 */
import { createSecretKey, type KeyObject } from 'node:crypto'
import { decrypt, encrypt } from './aes-gcm.js'
import { IntegrityError } from './crypto-error.js'
import { deriveBytes, NO_SALT } from './hkdf.js'
import { bytesOfFields, textField, uuidField } from './length-prefixed.js'
import type { Kek } from './master-key.js'
import { KEY_BYTES, type RandomBytes, randomIv, randomKey } from './random-bytes.js'
import { formatWrappedKey, parseWrappedKey } from './wrapped-key-format.js'

const WRAP_LABEL = textField('paperclip-wrap-1')
const WRAP_KEY_INFO = bytesOfFields(textField('paperclip-wrap-key-1'))

/** A company's key, open in memory. `id` and `companyId` are UUIDs in 36-character lower-case text. */
export interface CompanyKey {
  readonly id: string
  readonly companyId: string
  readonly key: KeyObject
}

/** Makes a new key for a company. */
export function generateCompanyKey(options: {
  readonly id: string
  readonly companyId: string
  readonly randomBytes: RandomBytes
}): CompanyKey {
  return Object.freeze({ id: options.id, companyId: options.companyId, key: randomKey(options.randomBytes) })
}

/** Wraps a company key for storage: one string of 70 bytes that names its format and its master key. */
export function wrapCompanyKey(
  companyKey: CompanyKey,
  { kek, randomBytes }: { readonly kek: Kek; readonly randomBytes: RandomBytes }
): Buffer {
  if (companyKey.key.symmetricKeySize !== KEY_BYTES) throw new TypeError('A company key must be 32 bytes.')
  const associatedData = wrapAssociatedData(kek, companyKey)
  // Random IVs under one key are safe up to 2^32 uses (SP 800-38D section 8.3). This key is used once per
  // company and master key rotation, so a million companies stay more than 2^12 below the bound.
  const iv = randomIv(randomBytes)
  const bytes = companyKey.key.export()
  const { ciphertext, tag } = encrypt(wrappingKey(kek), bytes, { iv, associatedData })
  bytes.fill(0)
  return formatWrappedKey({ masterKeyId: kek.id, iv, ciphertext, tag })
}

/**
 * Opens a wrapped company key under the same master key, key id and company it was wrapped for;
 * anything else throws {@link IntegrityError}. To say which master key is needed, compare
 * `parseWrappedKey(wrapped).masterKeyId` with `kek.id`.
 */
export function unwrapCompanyKey(
  wrapped: Buffer,
  { kek, id, companyId }: { readonly kek: Kek; readonly id: string; readonly companyId: string }
): CompanyKey {
  const { masterKeyId, iv, ciphertext, tag } = parseWrappedKey(wrapped)
  if (masterKeyId !== kek.id) throw new IntegrityError()
  const associatedData = wrapAssociatedData(kek, { id, companyId })
  const bytes = decrypt(wrappingKey(kek), { ciphertext, tag }, { iv, associatedData })
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return Object.freeze({ id, companyId, key })
}

/** A key of its own for wrapping, so that nothing else done with the KEK can ever meet it. */
function wrappingKey(kek: Kek): KeyObject {
  const bytes = deriveBytes(kek.key, { salt: NO_SALT, info: WRAP_KEY_INFO, sizeBytes: KEY_BYTES })
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return key
}

function wrapAssociatedData(kek: Kek, { id, companyId }: Pick<CompanyKey, 'id' | 'companyId'>): Buffer {
  return bytesOfFields(WRAP_LABEL + textField(kek.id) + uuidField(id) + uuidField(companyId))
}
