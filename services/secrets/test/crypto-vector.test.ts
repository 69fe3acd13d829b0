import { createSecretKey, hkdfSync, subtle } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { unwrapCompanyKey, wrapCompanyKey } from '../src/crypto/company-key.js'
import { fingerprintValue } from '../src/crypto/fingerprint.js'
import { deriveKek, parseMasterKey } from '../src/crypto/master-key.js'
import { open } from '../src/crypto/open.js'
import { seal } from '../src/crypto/seal.js'
import { drawsInOrder } from './fixtures/crypto-samples.js'

// Compiled tests run from dist/test; the vector and the sources stay where they are committed.
const vectorFile = new URL('../../test/fixtures/crypto-vector.json', import.meta.url)
const sourceFolder = new URL('../../src/crypto/', import.meta.url)

interface Vector {
  readonly masterKey: string
  readonly kdfSalt: string
  readonly iterations: number
  readonly kek: string
  readonly masterKeyId: string
  readonly companyKeyId: string
  readonly companyId: string
  readonly companyKey: string
  readonly wrapIv: string
  readonly wrappedCompanyKey: string
  readonly secretId: string
  readonly versionId: string
  readonly kind: 'value'
  readonly versionSalt: string
  readonly sealIv: string
  readonly plaintext: string
  readonly sealed: string
  readonly fingerprint: string
}

const vector: Vector = JSON.parse(readFileSync(vectorFile, 'utf8'))
const masterKey = parseMasterKey(vector.masterKey, { source: 'the vector' })
const kek = await deriveKek(masterKey, { salt: hex(vector.kdfSalt), iterations: vector.iterations })
const companyKey = {
  id: vector.companyKeyId,
  companyId: vector.companyId,
  key: createSecretKey(hex(vector.companyKey))
}
const place = { secretId: vector.secretId, versionId: vector.versionId, kind: vector.kind }

t.test('the committed vector is made again byte for byte, from master key to sealed value', async (t) => {
  t.equal(kek.key.export().toString('hex'), vector.kek)
  t.equal(kek.id, vector.masterKeyId)
  const wrapped = wrapCompanyKey(companyKey, { kek, randomBytes: drawsInOrder(hex(vector.wrapIv)) })
  t.equal(wrapped.toString('hex'), vector.wrappedCompanyKey)
  const randomBytes = drawsInOrder(hex(vector.versionSalt), hex(vector.sealIv))
  const sealed = seal(hex(vector.plaintext), { companyKey, ...place, randomBytes })
  t.equal(sealed.toString('hex'), vector.sealed)
  t.equal(fingerprintValue(hex(vector.plaintext), { companyKey }).toString('hex'), vector.fingerprint)
})

t.test('the committed vector opens with nothing but the master key and the stored bytes', async (t) => {
  const ids = { id: vector.companyKeyId, companyId: vector.companyId }
  const unwrapped = unwrapCompanyKey(hex(vector.wrappedCompanyKey), { kek, ...ids })
  t.same(open(hex(vector.sealed), { companyKey: unwrapped, ...place }), hex(vector.plaintext))
})

t.test(
  'the envelope is what its README says: written out again on WebCrypto, it opens the vector',
  async (t) => {
    const bytes = hex(vector.sealed)
    const [salt, commitment, iv] = [bytes.subarray(18, 50), bytes.subarray(50, 82), bytes.subarray(82, 94)]
    const info = fields(['paperclip-version-key-1'])
    const expanded = Buffer.from(hkdfSync('sha256', hex(vector.companyKey), salt, info, 64))
    t.same(bytes.subarray(0, 2), Buffer.of(1, 1))
    t.equal(bytes.toString('hex', 2, 18), vector.companyKeyId.replaceAll('-', ''))
    t.same(expanded.subarray(32), commitment)
    const { companyKeyId, companyId, secretId, versionId, kind } = vector
    const additionalData = fields(['paperclip-seal-1', companyKeyId, companyId, secretId, versionId, kind])
    const key = await subtle.importKey('raw', expanded.subarray(0, 32), 'AES-GCM', false, ['decrypt'])
    const parameters = { name: 'AES-GCM', iv, additionalData, tagLength: 128 }
    t.same(Buffer.from(await subtle.decrypt(parameters, key, bytes.subarray(94))), hex(vector.plaintext))
  }
)

t.test(
  'crypto/ imports node:crypto and its own files only, and neither logs nor reads a clock',
  async (t) => {
    const files = readdirSync(sourceFolder).filter((name) => name.endsWith('.ts'))
    t.ok(files.length >= 10)
    for (const file of files) {
      const text = readFileSync(new URL(file, sourceFolder), 'utf8')
      const imported = [...text.matchAll(/\bfrom '([^']+)'|\bimport\('([^']+)'|\bimport '([^']+)'/g)]
      const foreign = imported
        .map(([, from, dynamic, bare]) => from ?? dynamic ?? bare ?? '')
        .filter((specifier) => specifier !== 'node:crypto' && !/^\.\/[a-z-]+\.js$/.test(specifier))
      t.same(foreign, [], file)
      t.notMatch(text, /\bDate\b|\bconsole\b|\bprocess\.|\bMath\b/, file)
    }
  }
)

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}

/** The authenticated encoding once more, written the slow and obvious way. */
function fields(texts: readonly string[]): Buffer {
  const parts = texts.map((text) => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(Buffer.byteLength(text))
    return Buffer.concat([length, Buffer.from(text)])
  })
  return Buffer.concat(parts)
}
