/** Opening, the mirror image of `seal.ts`. The construction and its reasons are in `README.md`. */
import { timingSafeEqual } from 'node:crypto'
import { decrypt } from './aes-gcm.js'
import type { CompanyKey } from './company-key.js'
import { IntegrityError } from './crypto-error.js'
import type { DerivedKeyCache } from './derived-key-cache.js'
import { parseEnvelope } from './envelope-format.js'
import { PLAINTEXT_BYTES_MAX, type SealedPlace, sealAssociatedData } from './sealed-place.js'
import { deriveVersionKey } from './version-key.js'

/** Under which key and for which row, and optionally where derived keys are remembered. */
export interface OpenOptions extends SealedPlace {
  readonly companyKey: CompanyKey
  readonly derivedKeys?: DerivedKeyCache
}

/**
 * Opens what {@link seal} made for the same company key, ids and kind; anything else throws
 * {@link IntegrityError}, which means that stored data or keys are wrong and is never the caller's fault.
 * Which company key is needed says `parseEnvelope(sealed).companyKeyId`.
 *
 * With or without `derivedKeys` the outcome is the same, only the time differs.
 */
export function open(sealed: Buffer, options: OpenOptions): Buffer {
  const { companyKey, derivedKeys, kind, versionId } = options
  const { companyKeyId, salt, commitment, iv, ciphertext, tag } = parseEnvelope(sealed)
  if (companyKeyId !== companyKey.id) throw new IntegrityError()
  if (ciphertext.length > PLAINTEXT_BYTES_MAX[kind]) throw new IntegrityError()
  const associatedData = sealAssociatedData(companyKey, options)
  const name = { companyKey, versionId, salt }
  const remembered = derivedKeys?.find(name)
  const versionKey = remembered ?? deriveVersionKey(companyKey, salt)
  // Before decrypting, and for a remembered key too: the envelope's commitment is what is being judged.
  if (!timingSafeEqual(versionKey.commitment, commitment)) throw new IntegrityError()
  const plaintext = decrypt(versionKey.key, { ciphertext, tag }, { iv, associatedData })
  if (remembered === undefined) derivedKeys?.remember(name, versionKey)
  return plaintext
}
