import { createSecretKey, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { unwrapCompanyKey, wrapCompanyKey } from '../src/crypto/company-key.js'
import { MasterKeyError } from '../src/crypto/crypto-error.js'
import {
  deriveKek,
  PBKDF2_ITERATIONS_MAX,
  PBKDF2_ITERATIONS_MIN,
  parseMasterKey
} from '../src/crypto/master-key.js'
import { randomIv, randomSalt, SALT_BYTES, systemRandomBytes } from '../src/crypto/random-bytes.js'
import { parseWrappedKey, WRAPPED_KEY_BYTES } from '../src/crypto/wrapped-key-format.js'
import { isRefused, sampleCompanyKey, withFlippedBit } from './fixtures/crypto-samples.js'

const source = 'PAPERCLIP_SECRETS_MASTER_KEY'
const iterations = PBKDF2_ITERATIONS_MIN
const salt = randomSalt(systemRandomBytes)
const masterKey = createSecretKey(randomBytes(32))
const kek = await deriveKek(masterKey, { salt, iterations })
const otherKek = await deriveKek(createSecretKey(randomBytes(32)), { salt, iterations })

t.test('a master key of the same bytes is the same key in every accepted form', async (t) => {
  const text = 'correct-horse-battery-staple-32b'
  const bytes = Buffer.from(text)
  const forms = [text, bytes.toString('hex'), bytes.toString('hex').toUpperCase(), bytes.toString('base64')]
  for (const form of [...forms, ` \t${text}\r\n`, `\n${bytes.toString('base64')}\n`]) {
    t.ok(parseMasterKey(form, { source }).equals(createSecretKey(bytes)))
  }
  const umlauts = 'schlüssel-aus-32-bytes-für-uns!'.padEnd(30, '.')
  t.equal(Buffer.byteLength(umlauts), 33, 'counted in bytes, not characters')
  t.throws(() => parseMasterKey(umlauts, { source }), MasterKeyError)
  t.ok(
    parseMasterKey(umlauts.slice(0, -1), { source }).equals(
      createSecretKey(Buffer.from(umlauts.slice(0, -1)))
    )
  )
})

t.test('any 32 bytes but 32 equal ones survive hex and base64, and hex wins over base64', async (t) => {
  const strongKey = fc.uint8Array({ minLength: 32, maxLength: 32 }).filter((bytes) => new Set(bytes).size > 1)
  const property = fc.property(strongKey, (array) => {
    const bytes = Buffer.from(array)
    const key = createSecretKey(bytes)
    return (['hex', 'base64'] as const).every((form) =>
      parseMasterKey(bytes.toString(form), { source }).equals(key)
    )
  })
  t.doesNotThrow(() => fc.assert(property))
})

t.test(
  'what is not a master key is refused with its source and the accepted forms, never its text',
  async (t) => {
    const raw = 'correct-horse-battery-staple-32b'
    const base64 = Buffer.from(raw).toString('base64')
    const refused = {
      nothing: '',
      'white space': ' \n\t ',
      '31 characters': raw.slice(1),
      '33 characters': `${raw}x`,
      '63 hexadecimal digits': 'ab1'.repeat(21),
      '65 hexadecimal digits': `${'ab12'.repeat(16)}a`,
      '64 characters that are not all hexadecimal': `${'ab12'.repeat(15)}ab1g`,
      'base64 without padding': base64.slice(0, -1),
      'base64 with stray bits': `${base64.slice(0, -2)}J=`,
      'base64 with a line break inside': `${base64.slice(0, 20)}\n${base64.slice(20)}`,
      base64url: Buffer.alloc(32, 0xfb).fill(0xff, 16).toString('base64url'),
      'base64 of 31 bytes': Buffer.from(raw.slice(1)).toString('base64'),
      'base64 of 33 bytes': Buffer.from(`${raw}x`).toString('base64'),
      'bytes that are not UTF-8': Buffer.concat([Buffer.alloc(10, 0xff), Buffer.from('ab')]).toString('utf8')
    }
    for (const [what, text] of Object.entries(refused)) {
      const error = thrownBy(() => parseMasterKey(text, { source }))
      t.ok(error instanceof MasterKeyError, what)
      t.match(error, { code: 'master_key_invalid', name: 'MasterKeyError' })
      t.match(error.message, /^PAPERCLIP_SECRETS_MASTER_KEY .*64 hexadecimal.*base64.*32 bytes of text/)
      if (text.trim() !== '')
        t.notOk(`${error.message}${error.stack}`.includes(text.trim()), `${what} is not told`)
    }
  }
)

t.test('a key of 32 equal bytes is refused as weak in every form', async (t) => {
  for (const byte of [0, 0x61, 0xff]) {
    for (const form of ['hex', 'base64'] as const) {
      const text = Buffer.alloc(32, byte).toString(form)
      t.throws(() => parseMasterKey(text, { source }), {
        code: 'master_key_invalid',
        message: /^\w+ holds a weak/
      })
    }
  }
  t.throws(() => parseMasterKey('a'.repeat(32), { source: '/keys/master.key' }), {
    message: /^\/keys\/master.key/
  })
})

t.test('the key derivation refuses cheap, endless and malformed parameters before any work', async (t) => {
  const bad = [
    iterations - 1,
    1,
    0,
    -1,
    iterations + 0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    PBKDF2_ITERATIONS_MAX + 1
  ]
  for (const count of bad) {
    await t.rejects(deriveKek(masterKey, { salt, iterations: count }), RangeError, `${count} iterations`)
  }
  for (const sizeBytes of [0, 16, SALT_BYTES - 1, SALT_BYTES + 1]) {
    await t.rejects(deriveKek(masterKey, { salt: Buffer.alloc(sizeBytes), iterations }), RangeError)
  }
  await t.rejects(deriveKek(createSecretKey(Buffer.alloc(16, 1)), { salt, iterations }), TypeError)
  const { publicKey } = generateKeyPairSync('ed25519')
  await t.rejects(deriveKek(publicKey, { salt, iterations }), TypeError)
})

t.test('a master key id names key and salt, and is the same at every start', async (t) => {
  const again = await deriveKek(masterKey, { salt, iterations })
  const otherSalt = await deriveKek(masterKey, { salt: randomSalt(systemRandomBytes), iterations })
  t.match(kek.id, /^mk_[0-9a-f]{16}$/)
  t.equal(again.id, kek.id)
  t.ok(again.key.equals(kek.key))
  t.equal(new Set([kek.id, otherKek.id, otherSalt.id]).size, 3)
  t.notOk(kek.key.export().toString('hex').includes(kek.id.slice(3)), 'the id is no part of the key')
})

t.test('a company key comes back from its wrapping, which differs each time', async (t) => {
  const companyKey = sampleCompanyKey()
  const wrapped = wrapCompanyKey(companyKey, { kek, randomBytes: systemRandomBytes })
  const unwrapped = unwrapCompanyKey(wrapped, { kek, id: companyKey.id, companyId: companyKey.companyId })
  t.ok(unwrapped.key.equals(companyKey.key))
  t.match(unwrapped, { id: companyKey.id, companyId: companyKey.companyId })
  t.equal(wrapped.length, WRAPPED_KEY_BYTES)
  t.notOk(wrapped.includes(companyKey.key.export()))
  t.notSame(wrapCompanyKey(companyKey, { kek, randomBytes: systemRandomBytes }), wrapped)
})

t.test('another master key cannot unwrap, and both ids can be named', async (t) => {
  const companyKey = sampleCompanyKey()
  const { id, companyId } = companyKey
  const wrapped = wrapCompanyKey(companyKey, { kek, randomBytes: systemRandomBytes })
  t.equal(parseWrappedKey(wrapped).masterKeyId, kek.id)
  t.ok(isRefused(() => unwrapCompanyKey(wrapped, { kek: otherKek, id, companyId })))
  const impostor = { id: kek.id, key: otherKek.key }
  t.ok(
    isRefused(() => unwrapCompanyKey(wrapped, { kek: impostor, id, companyId })),
    'nor under the right id'
  )
  const renamed = Buffer.from(wrapped)
  renamed.write(otherKek.id.slice(3), 2, 'hex')
  t.ok(
    isRefused(() => unwrapCompanyKey(renamed, { kek: otherKek, id, companyId })),
    'nor with the header changed'
  )
})

t.test('a wrapped key that is altered, cut, longer or of another company does not unwrap', async (t) => {
  const companyKey = sampleCompanyKey()
  const { id, companyId } = companyKey
  const wrapped = wrapCompanyKey(companyKey, { kek, randomBytes: systemRandomBytes })
  const refuses = (bytes: Buffer) => isRefused(() => unwrapCompanyKey(bytes, { kek, id, companyId }))
  const survivors: string[] = []
  for (let bit = 0; bit < wrapped.length * 8; bit += 1) {
    if (!refuses(withFlippedBit(wrapped, bit))) survivors.push(`bit ${bit}`)
  }
  for (let length = 0; length < wrapped.length; length += 1) {
    if (!refuses(wrapped.subarray(0, length))) survivors.push(`length ${length}`)
  }
  t.same(survivors, [])
  t.ok(refuses(Buffer.concat([wrapped, Buffer.alloc(1)])))
  t.ok(isRefused(() => unwrapCompanyKey(wrapped, { kek, id: randomUUID(), companyId })))
  t.ok(isRefused(() => unwrapCompanyKey(wrapped, { kek, id, companyId: randomUUID() })))
  t.ok(
    isRefused(() => unwrapCompanyKey(wrapped, { kek, id: companyId, companyId: id })),
    'ids changed places'
  )
})

t.test('wrapping refuses ids it cannot authenticate and a random source that fails', async (t) => {
  const companyKey = sampleCompanyKey()
  const options = { kek, randomBytes: systemRandomBytes }
  for (const id of ['', 'x', companyKey.id.toUpperCase(), `${companyKey.id}0`, `${companyKey.id}\n`]) {
    t.throws(() => wrapCompanyKey({ ...companyKey, id }, options), TypeError)
    t.throws(() => wrapCompanyKey({ ...companyKey, companyId: id }, options), TypeError)
  }
  for (const id of ['', 'mk_0', 'mk_é123456789abcde', `${kek.id}0`]) {
    t.throws(() => wrapCompanyKey(companyKey, { ...options, kek: { ...kek, id } }), TypeError)
  }
  const shortKey = { ...companyKey, key: createSecretKey(randomBytes(16)) }
  t.throws(() => wrapCompanyKey(shortKey, options), TypeError, 'nor a key that could never be unwrapped')
  t.throws(() => wrapCompanyKey(companyKey, { kek, randomBytes: () => Buffer.alloc(8) }), RangeError)
  t.throws(() => randomIv(() => Buffer.alloc(0)), RangeError)
})

function thrownBy(call: () => unknown): Error {
  try {
    call()
  } catch (error) {
    if (error instanceof Error) return error
  }
  throw new Error('Expected an error.')
}
