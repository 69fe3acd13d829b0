import { createCipheriv, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'

/** A sealed text of 64 characters, with what is needed to open it. */
export interface SampleSeal {
  readonly salt: Buffer
  readonly iv: Buffer
  readonly tag: Buffer
  readonly text: Buffer
}

/** Seals a made-up value, so that the naive variant pays for opening what the product pays. */
export function sealSample(master: KeyObject): SampleSeal {
  const salt = randomBytes(32)
  const iv = randomBytes(12)
  const key = createSecretKey(Buffer.from(hkdfSync('sha256', master, salt, 'bench', 32)))
  const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: 16 })
  const text = Buffer.concat([cipher.update('x'.repeat(64)), cipher.final()])
  return { salt, iv, tag: cipher.getAuthTag(), text }
}
