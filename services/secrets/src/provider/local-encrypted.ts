import { newId } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { type CompanyKey, generateCompanyKey } from '../crypto/company-key.js'
import { IntegrityError } from '../crypto/crypto-error.js'
import { createDerivedKeyCache } from '../crypto/derived-key-cache.js'
import { parseEnvelope } from '../crypto/envelope-format.js'
import { open } from '../crypto/open.js'
import { systemRandomBytes } from '../crypto/random-bytes.js'
import { seal } from '../crypto/seal.js'
import type { CompanyKeyring } from '../keyring/company-keyring.js'
import type { SecretProvider, StoredValue, ValuePlace } from './provider.js'

/** About half a kilobyte each; a miss costs a few microseconds. */
const derivedKeysMax = 20_000

/** Seals one value as this provider stores it, for a transaction that must not wait for a key of the company. */
export function sealValue(
  value: Buffer,
  place: { companyKey: CompanyKey } & Pick<ValuePlace, 'secretId' | 'versionId'>
): StoredValue {
  const sealed = seal(value, { ...place, kind: 'value', randomBytes: systemRandomBytes })
  return { sealed, externalRef: null, providerVersionRef: null }
}

/** Seals values under the company's key and keeps them in this service's own database. */
export function createLocalEncryptedProvider(companyKeys: CompanyKeyring): SecretProvider {
  const derivedKeys = createDerivedKeyCache({ entriesMax: derivedKeysMax })

  function openWith(companyKey: CompanyKey, place: ValuePlace, sealed: Buffer): Buffer {
    const { secretId, versionId } = place
    return open(sealed, { companyKey, secretId, versionId, kind: 'value', derivedKeys })
  }

  return {
    descriptor: {
      id: 'local_encrypted',
      label: 'Local encrypted',
      supportsManagedValues: true,
      supportsExternalReferences: false
    },
    storage: {
      kind: 'sealed',
      async seal({ companyId, secretId, versionId }, value): Promise<StoredValue> {
        return sealValue(value, { companyKey: await companyKeys.forSealing(companyId), secretId, versionId })
      }
    },
    async checkReference() {
      throw new AppError('external_ref_unsupported', {
        detail: 'The provider local_encrypted holds values itself and has no external references.'
      })
    },
    readVersion(place, { sealed }) {
      if (sealed === null) throw new IntegrityError()
      const { companyKeyId } = parseEnvelope(sealed)
      const companyKey = companyKeys.findOpen(place.companyId, companyKeyId)
      if (companyKey !== undefined) return openWith(companyKey, place, sealed)
      return companyKeys.forOpening(place.companyId, companyKeyId).then((key) => openWith(key, place, sealed))
    },
    async checkHealth() {
      const place = { secretId: newId(), versionId: newId(), kind: 'value' } as const
      const companyKey = generateCompanyKey({
        id: newId(),
        companyId: newId(),
        randomBytes: systemRandomBytes
      })
      const canary = systemRandomBytes(32)
      const sealed = seal(canary, { ...place, companyKey, randomBytes: systemRandomBytes })
      if (!open(sealed, { ...place, companyKey }).equals(canary)) throw new IntegrityError()
    }
  }
}
