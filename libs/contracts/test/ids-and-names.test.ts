import fc from 'fast-check'
import t from 'tap'
import {
  eventId,
  isUuid,
  limits,
  newId,
  newResolveId,
  parseEventId,
  resolveIdOf,
  resolveOrdinalsMax,
  roleReaches,
  slugOf,
  toCsvJson,
  toCsvLine,
  unknownVariables
} from '../src/index.js'

// To the year 10889, the end of 48 bits of milliseconds.
const timeMs = fc.integer({ min: 0, max: 2 ** 48 - 1 })

t.test('ids are UUIDs of version 7, sorted by time to the millisecond, and never repeat', async (t) => {
  fc.assert(
    fc.property(timeMs, (ms) => {
      const id = newId(ms)
      const isVersion7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)
      return isVersion7 && isUuid(id) && Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16) === ms
    })
  )
  fc.assert(fc.property(timeMs, timeMs, (a, b) => a === b || newId(a) < newId(b) === a < b))
  t.equal(new Set(Array.from({ length: 20_000 }, () => newId(0))).size, 20_000)
  for (const no of ['', 'x', newId().slice(1), `${newId()} `, newId().replaceAll('-', ''), 5, null])
    t.notOk(isUuid(no))
  t.ok(isUuid(newId().toUpperCase()))
})

t.test('a resolve and the ordinals of its events go into ids and come back', async (t) => {
  const ordinal = fc.integer({ min: 0, max: resolveOrdinalsMax - 1 })
  fc.assert(
    fc.property(timeMs, ordinal, ordinal, (ms, a, b) => {
      const resolveId = newResolveId(ms)
      const parsed = parseEventId(eventId(resolveId, a))
      const ordered = a === b || eventId(resolveId, a) < eventId(resolveId, b) === a < b
      return (
        isUuid(eventId(resolveId, a)) && parsed.resolveId === resolveId && parsed.ordinal === a && ordered
      )
    })
  )
  t.equal(eventId(newResolveId(), 0).slice(33), '000')
})

t.test('a signed request always makes the same resolve id, and another nonce another one', async (t) => {
  const nonce = fc.uint8Array({ minLength: 16, maxLength: 16 })
  fc.assert(
    fc.property(nonce, timeMs, (bytes, ms) => {
      const before = bytes.slice()
      const id = resolveIdOf(bytes, ms)
      return (
        id === resolveIdOf(bytes, ms) &&
        id.endsWith('000') &&
        bytes.every((byte, index) => byte === before[index])
      )
    })
  )
  const drawn = Array.from({ length: 10_000 }, () =>
    resolveIdOf(crypto.getRandomValues(new Uint8Array(16)), 0)
  )
  t.equal(new Set(drawn).size, drawn.length)
})

t.test('a slug is a key, whatever the name', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (name) => {
      const slug = slugOf(name)
      return slug === '' || (/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(slug) && slug.length <= limits.keyCharsMax)
    })
  )
  const slugs: Record<string, string> = {
    'Anthropic API Key': 'anthropic-api-key',
    '  --A  b--': 'a-b',
    日本: '',
    '--': '',
    ÄÖ1: '1',
    'a.b_c/d': 'a-b-c-d',
    [`${'x'.repeat(119)} y`]: 'x'.repeat(119),
    [`${'x'.repeat(120)} y`]: 'x'.repeat(120),
    [`!${'x'.repeat(130)}`]: 'x'.repeat(120)
  }
  for (const [name, slug] of Object.entries(slugs)) t.equal(slugOf(name), slug, name)
})

t.test('each role reaches those below it', async (t) => {
  t.ok(roleReaches('owner', 'viewer') && roleReaches('operator', 'operator'))
  t.notOk(roleReaches('viewer', 'operator') || roleReaches('admin', 'owner'))
})

t.test('a variable that nothing reads is named with the nearest one that something does', async (t) => {
  const found = unknownVariables({
    PAPERCLIP_SECRET_PORT: '1',
    PAPERCLIP_HOEM: '1',
    PAPERCLIP_SECRETS_AWS_REGOIN: '1',
    PAPERCLIP_SOMETHING_ELSE_ENTIRELY: '1',
    PAPERCLIP_SECRETS_MASTER_KEY_FILE: '1',
    PAPERCLIP_HOME: '1',
    OTHER: '1'
  })
  t.strictSame(found, [
    { name: 'PAPERCLIP_SECRET_PORT', nearest: 'PAPERCLIP_SECRETS_PORT' },
    { name: 'PAPERCLIP_HOEM', nearest: 'PAPERCLIP_HOME' },
    { name: 'PAPERCLIP_SECRETS_AWS_REGOIN', nearest: 'PAPERCLIP_SECRETS_AWS_REGION' },
    { name: 'PAPERCLIP_SOMETHING_ELSE_ENTIRELY', nearest: undefined }
  ])
})

t.test(
  'no cell of a CSV line runs in a spreadsheet, however that divides it, and JSON stays what it is',
  (t) => {
    const runs = /^[\s"]*[=+\-@\uff1d\uff0b\uff0d\uff20]/
    const signs = [
      '=',
      '+',
      '-',
      '@',
      ';',
      '|',
      '\t',
      '\r',
      '\n',
      '"',
      ' ',
      ',',
      '\\',
      '\uff1d',
      "'",
      'a',
      '\u{1f511}'
    ]
    const text = fc.array(fc.constantFrom(...signs)).map((parts) => parts.join(''))
    const json = fc.oneof(fc.record({ name: text }), fc.array(fc.oneof(text, fc.integer())))
    fc.assert(
      fc.property(fc.array(text, { minLength: 1 }), json, (cells, value) => {
        t.equal(JSON.stringify(JSON.parse(toCsvJson(value))), JSON.stringify(value))
        const line = toCsvLine([...cells, toCsvJson(value)])
        const parsed = [...line.matchAll(/("(?:[^"]|"")*"|[^,"]*)(?:,|\r\n$)/g)].map(([, cell = '']) =>
          cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell
        )
        t.equal(parsed.length, cells.length + 1)
        t.equal(parsed.at(-1), toCsvJson(value))
        for (const cell of parsed) t.notMatch(cell, /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/)
        // As one that divides by something else sees it: no cell of its own begins in the middle of one of ours.
        for (const part of parsed.flatMap((cell) => cell.split(/[;|\t\r\n]/).slice(1))) t.notMatch(part, runs)
      })
    )
    t.end()
  }
)
