import { createSecretKey, randomBytes, randomUUID } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { decrypt, encrypt } from '../src/crypto/aes-gcm.js'
import { createDerivedKeyCache } from '../src/crypto/derived-key-cache.js'
import { ENVELOPE_OVERHEAD_BYTES, parseEnvelope } from '../src/crypto/envelope-format.js'
import { fingerprintValue } from '../src/crypto/fingerprint.js'
import { open } from '../src/crypto/open.js'
import { systemRandomBytes } from '../src/crypto/random-bytes.js'
import { seal } from '../src/crypto/seal.js'
import { ENV_BYTES_MAX, type SealedKind, VALUE_BYTES_MAX } from '../src/crypto/sealed-place.js'
import { isRefused, sampleCompanyKey, samplePlace, withFlippedBit } from './fixtures/crypto-samples.js'

const companyKey = sampleCompanyKey()
const sealing = { companyKey, randomBytes: systemRandomBytes }

t.test('whatever is sealed opens byte for byte, for both kinds', async (t) => {
  const property = fc.property(
    fc.uint8Array({ maxLength: 2_048 }),
    fc.constantFrom<SealedKind>('value', 'env'),
    (array, kind) => {
      const place = samplePlace(kind)
      const plaintext = Buffer.from(array)
      return open(seal(plaintext, { ...sealing, ...place }), { companyKey, ...place }).equals(plaintext)
    }
  )
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }))
})

t.test(
  'an empty plaintext and one of exactly the limit seal and open; one byte more is refused',
  async (t) => {
    const limits = { value: 65_536, env: 1_048_576 } as const
    t.same(limits, { value: VALUE_BYTES_MAX, env: ENV_BYTES_MAX })
    for (const kind of ['value', 'env'] as const) {
      const place = samplePlace(kind)
      for (const plaintext of [Buffer.alloc(0), randomBytes(limits[kind])]) {
        const sealed = seal(plaintext, { ...sealing, ...place })
        t.equal(sealed.length, plaintext.length + ENVELOPE_OVERHEAD_BYTES)
        t.ok(open(sealed, { companyKey, ...place }).equals(plaintext))
      }
      const tooLong = Buffer.alloc(limits[kind] + 1)
      t.throws(() => seal(tooLong, { ...sealing, ...place }), {
        code: 'plaintext_too_large',
        name: 'PlaintextTooLargeError'
      })
    }
    const place = samplePlace('env')
    const longEnv = seal(Buffer.alloc(VALUE_BYTES_MAX + 1), { ...sealing, ...place })
    t.ok(isRefused(() => open(longEnv, { companyKey, ...place, kind: 'value' })))
  }
)

t.test(
  'the same plaintext sealed twice for one row differs in salt, commitment, IV, ciphertext and tag',
  async (t) => {
    const place = samplePlace()
    const plaintext = Buffer.from('the same value')
    const sealed = [1, 2].map(() => seal(plaintext, { ...sealing, ...place }))
    const [first, second] = sealed.map(parseEnvelope)
    for (const part of ['salt', 'commitment', 'iv', 'ciphertext', 'tag'] as const) {
      t.notSame(first?.[part], second?.[part], part)
    }
    for (const bytes of sealed) {
      t.same(open(bytes, { companyKey, ...place }), plaintext)
      t.notOk(bytes.includes(plaintext))
    }
  }
)

t.test(
  'one flipped bit anywhere, any cut and any added byte are refused, with and without a cache',
  async (t) => {
    const place = samplePlace()
    const sealed = seal(Buffer.from('sk-not-a-real-key'), { ...sealing, ...place })
    const derivedKeys = createDerivedKeyCache({ entriesMax: 8 })
    open(sealed, { companyKey, ...place, derivedKeys })
    const survivors: string[] = []
    for (const options of [
      { companyKey, ...place },
      { companyKey, ...place, derivedKeys }
    ]) {
      for (let bit = 0; bit < sealed.length * 8; bit += 1) {
        if (!isRefused(() => open(withFlippedBit(sealed, bit), options))) survivors.push(`bit ${bit}`)
      }
      for (let length = 0; length < sealed.length; length += 1) {
        if (!isRefused(() => open(sealed.subarray(0, length), options)))
          survivors.push(`first ${length} bytes`)
        const withoutHead = sealed.subarray(sealed.length - length)
        if (!isRefused(() => open(withoutHead, options))) survivors.push(`last ${length} bytes`)
      }
      if (!isRefused(() => open(Buffer.concat([sealed, Buffer.alloc(1)]), options)))
        survivors.push('one byte more')
    }
    t.same(survivors, [])
    t.same(
      open(sealed, { companyKey, ...place, derivedKeys }).toString(),
      'sk-not-a-real-key',
      'the original still opens'
    )
    t.equal(derivedKeys.size, 1, 'nothing that was refused is remembered')
  }
)

t.test('a tag shortened to 4 to 15 bytes never verifies', async (t) => {
  const key = createSecretKey(randomBytes(32))
  const context = { iv: randomBytes(12), associatedData: Buffer.from('place') }
  const { ciphertext, tag } = encrypt(key, Buffer.from('value'), context)
  t.same(decrypt(key, { ciphertext, tag }, context).toString(), 'value')
  for (const length of [0, 1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]) {
    t.ok(
      isRefused(() => decrypt(key, { ciphertext, tag: tag.subarray(0, length) }, context)),
      `${length} bytes`
    )
  }
  t.ok(isRefused(() => decrypt(key, { ciphertext, tag: Buffer.concat([tag, tag]) }, context)))
})

t.test(
  'a value opens in no other place: each id, the kind and the company key are authenticated',
  async (t) => {
    const place = samplePlace()
    const { secretId, versionId } = place
    const sealed = seal(Buffer.from('value'), { ...sealing, ...place })
    const right = { companyKey, ...place }
    const wrong = {
      'another secret': { ...right, secretId: randomUUID() },
      'another version': { ...right, versionId: randomUUID() },
      'secret and version changed places': { ...right, secretId: versionId, versionId: secretId },
      'another kind': { ...right, kind: 'env' as const },
      'another company with the same key': {
        ...right,
        companyKey: { ...companyKey, companyId: randomUUID() }
      },
      'another key of the company': { ...right, companyKey: sampleCompanyKey(companyKey.companyId) },
      'another key under the same id': {
        ...right,
        companyKey: { ...sampleCompanyKey(companyKey.companyId), id: companyKey.id }
      }
    }
    for (const [what, options] of Object.entries(wrong))
      t.ok(
        isRefused(() => open(sealed, options)),
        what
      )
    const other = sampleCompanyKey()
    const renamed = Buffer.from(sealed)
    renamed.write(other.id.replaceAll('-', ''), 2, 'hex')
    t.ok(
      isRefused(() => open(renamed, { ...right, companyKey: other })),
      'the header rewritten to name another key'
    )
    const sameBytes = { ...companyKey, id: other.id }
    t.ok(
      isRefused(() => open(renamed, { ...right, companyKey: sameBytes })),
      'and even when that key has the same bytes'
    )
  }
)

t.test('all 999,000 swaps among 1,000 rows of 40 companies are refused (S2)', async (t) => {
  const stackTraceLimit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  t.teardown(() => {
    Error.stackTraceLimit = stackTraceLimit
  })
  const companyKeys = Array.from({ length: 40 }, () => sampleCompanyKey())
  const rows = companyKeys.flatMap((key) =>
    Array.from({ length: 25 }, (_, index) => {
      const place = { companyKey: key, ...samplePlace(index % 5 === 0 ? 'env' : 'value') }
      return { place, sealed: seal(randomBytes(index), { ...place, randomBytes: systemRandomBytes }) }
    })
  )
  let refusedCount = 0
  for (const from of rows) {
    for (const to of rows) {
      if (from !== to && isRefused(() => open(from.sealed, to.place))) refusedCount += 1
    }
  }
  t.equal(refusedCount, 999_000)
  t.ok(rows.every(({ place, sealed }) => !isRefused(() => open(sealed, place))))
})

t.test('parts of two envelopes of one row cannot be mixed', async (t) => {
  const place = samplePlace()
  const derivedKeys = createDerivedKeyCache({ entriesMax: 8 })
  const [older, newer] = ['older value', 'newer value'].map((text) =>
    seal(Buffer.from(text), { ...sealing, ...place })
  )
  if (older === undefined || newer === undefined) throw new Error('Two envelopes were made.')
  const edges = {
    salt: [18, 50],
    commitment: [50, 82],
    iv: [82, 94],
    ciphertext: [94, 105],
    tag: [105, 121]
  } as const
  open(newer, { companyKey, ...place, derivedKeys })
  for (const [part, [start, end]] of Object.entries(edges)) {
    const mixed = Buffer.from(newer)
    older.copy(mixed, start, start, end)
    t.ok(
      isRefused(() => open(mixed, { companyKey, ...place })),
      part
    )
    t.ok(
      isRefused(() => open(mixed, { companyKey, ...place, derivedKeys })),
      `${part}, key remembered`
    )
  }
})

t.test('an integrity error says nothing about what it met', async (t) => {
  const place = samplePlace()
  const sealed = seal(Buffer.from('canary-value'), { ...sealing, ...place })
  const messages = [0, 20, 60, 90, 96, sealed.length - 1].map((index) => {
    try {
      return open(withFlippedBit(sealed, index * 8), { companyKey, ...place }).toString()
    } catch (error) {
      t.match(error, { code: 'integrity_failure', name: 'IntegrityError' })
      t.notOk(error instanceof Error && 'cause' in error)
      return String(error)
    }
  })
  t.same(
    new Set(messages),
    new Set(['IntegrityError: Sealed data does not verify for this key and this place.'])
  )
})

t.test(
  'ids that are not UUIDs in lower case and keys that are not 256 bits are refused by type',
  async (t) => {
    const place = samplePlace()
    const sealed = seal(Buffer.from('value'), { ...sealing, ...place })
    for (const id of [
      '',
      '7',
      place.secretId.toUpperCase(),
      `${place.secretId} `,
      place.secretId.replaceAll('-', '')
    ]) {
      t.throws(() => seal(Buffer.alloc(1), { ...sealing, ...place, secretId: id }), TypeError)
      t.throws(() => seal(Buffer.alloc(1), { ...sealing, ...place, versionId: id }), TypeError)
      t.throws(() => open(sealed, { companyKey, ...place, versionId: id }), TypeError)
    }
    const shortKey = { ...companyKey, key: createSecretKey(randomBytes(16)) }
    t.throws(() => seal(Buffer.alloc(1), { ...sealing, ...place, companyKey: shortKey }), TypeError)
    t.throws(() => open(sealed, { ...place, companyKey: shortKey }), TypeError)
  }
)

t.test('the cache keeps at most its limit, the least recently used key goes first', async (t) => {
  const derivedKeys = createDerivedKeyCache({ entriesMax: 2 })
  const rows = [1, 2, 3].map(() => {
    const place = samplePlace()
    const sealed = seal(Buffer.from('value'), { ...sealing, ...place })
    const { salt } = parseEnvelope(sealed)
    const name = { companyKey, versionId: place.versionId, salt }
    return { name, open: () => open(sealed, { companyKey, ...place, derivedKeys }).toString() }
  })
  const [first, second, third] = rows
  for (const row of [first, second, first, third, third]) t.equal(row?.open(), 'value')
  t.equal(derivedKeys.size, 2)
  const isKept = rows.map(({ name }) => derivedKeys.find(name) !== undefined)
  t.same(isKept, [true, false, true])
  derivedKeys.clear()
  t.equal(derivedKeys.size, 0)
  t.ok(rows.every((row) => row.open() === 'value'))
  for (const entriesMax of [0, -1, 1.5, Number.NaN])
    t.throws(() => createDerivedKeyCache({ entriesMax }), RangeError)
})

t.test('a remembered key never stands in for another key, salt, place or company', async (t) => {
  const derivedKeys = createDerivedKeyCache({ entriesMax: 8 })
  const place = samplePlace()
  const sealed = seal(Buffer.from('value'), { ...sealing, ...place })
  const right = { companyKey, ...place, derivedKeys }
  open(sealed, right)
  const impostor = { ...sampleCompanyKey(companyKey.companyId), id: companyKey.id }
  t.ok(
    isRefused(() => open(sealed, { ...right, companyKey: impostor })),
    'other key bytes under the same id'
  )
  t.ok(isRefused(() => open(sealed, { ...right, secretId: randomUUID() })))
  t.ok(isRefused(() => open(sealed, { ...right, versionId: randomUUID() })))
  t.ok(isRefused(() => open(sealed, { ...right, kind: 'env' })))
  t.ok(isRefused(() => open(sealed, { ...right, companyKey: { ...companyKey, companyId: randomUUID() } })))
  const sealedAgain = seal(Buffer.from('value two'), { ...sealing, ...place })
  t.equal(open(sealedAgain, right).toString(), 'value two', 'a second envelope of the row is derived anew')
  t.equal(open(sealed, right).toString(), 'value')
})

t.test('a fingerprint is stable within a company key and company, and unrelated elsewhere', async (t) => {
  const value = Buffer.from('value')
  const fingerprint = fingerprintValue(value, { companyKey })
  t.equal(fingerprint.length, 32)
  t.same(fingerprintValue(value, { companyKey: { ...companyKey } }), fingerprint)
  t.notSame(fingerprintValue(Buffer.from('Value'), { companyKey }), fingerprint)
  t.notSame(fingerprintValue(value, { companyKey: sampleCompanyKey(companyKey.companyId) }), fingerprint)
  t.notSame(fingerprintValue(value, { companyKey: { ...companyKey, companyId: randomUUID() } }), fingerprint)
})
