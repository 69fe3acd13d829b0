import { deriveKek, type Kek } from '../../src/crypto/master-key.js'
import type { KekMaking } from '../../src/keyring/master-keyring.js'

const derived = new Map<string, Promise<Kek>>()

/**
 * Real KEKs, derived once in a test process: a file may start the service twenty times with one master key, and each
 * derivation takes what hashing a password takes. All databases of the file share one salt, or none would meet again.
 */
export const rememberedKeks: KekMaking = {
  derive: (masterKey, parameters) => {
    const { salt, iterations } = parameters
    const parts = [masterKey.export(), Buffer.from(salt)].map((bytes) => bytes.toString('hex'))
    const name = [...parts, iterations].join()
    const kek = derived.get(name) ?? deriveKek(masterKey, parameters)
    derived.set(name, kek)
    return kek
  },
  randomBytes: (sizeBytes) => Buffer.alloc(sizeBytes, 'salt of a test')
}
