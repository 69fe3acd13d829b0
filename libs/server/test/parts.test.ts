import { createSecretKey, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { pino } from 'pino'
import t from 'tap'
import { Type } from 'typebox'
import {
  AppError,
  ConfigError,
  createBatcher,
  createCursorCodec,
  nextPageLink,
  parseEnvironment,
  readMigrationUrl,
  SecretValue,
  warnOfVariables
} from '../src/index.js'

const canary = 'canary-b2e8-value'

t.test('a secret value is printed by nothing', async (t) => {
  const secret = new SecretValue(canary)
  const lines: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
  logger.info({ secret, deep: { list: [secret] } }, `${secret}`)
  const printed = [
    JSON.stringify({ secret }),
    inspect(secret, { showHidden: true, depth: 9 }),
    inspect({ deep: [{ secret }] }, { depth: 9 }),
    `${secret}`,
    String(secret),
    Object.entries(secret).join(),
    JSON.stringify(structuredClone({ ...secret })),
    new Error(`${secret}`).message,
    ...lines
  ]
  t.notMatch(printed.join('\n'), canary)
  t.match(printed[0], '[secret]')
  t.equal(secret.reveal(), canary)
})

t.test('a cursor comes back only to the list, place and filters it was made for', async (t) => {
  const codec = createCursorCodec(createSecretKey(randomBytes(32)))
  const other = createCursorCodec(createSecretKey(randomBytes(32)))
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 })
  const scopes = fc.record({ list: text, of: text, filters: fc.dictionary(fc.constantFrom('a', 'b'), text) })
  const refused = (decode: () => unknown) => {
    try {
      decode()
      return false
    } catch (error) {
      return error instanceof AppError && error.code === 'invalid_cursor'
    }
  }
  fc.assert(
    fc.property(scopes, scopes, text, fc.nat(), (scope, another, position, at) => {
      const cursor = codec.encode(scope, position)
      const same = JSON.stringify(scope) === JSON.stringify(another)
      const index = at % cursor.length
      const edited = cursor.slice(0, index) + (cursor[index] === 'A' ? 'B' : 'A') + cursor.slice(index + 1)
      const paging = { ...scope, filters: { ...scope.filters, limit: 5, cursor: 'x', absent: undefined } }
      return (
        codec.decode(scope, cursor) === position &&
        codec.decode(paging, cursor) === position &&
        (same || refused(() => codec.decode(another, cursor))) &&
        refused(() => codec.decode(scope, edited)) &&
        refused(() => codec.decode(scope, `${cursor}=`)) &&
        refused(() => other.decode(scope, cursor))
      )
    })
  )
  for (const junk of ['', 'A', '!!!', 'é', 'A'.repeat(500)])
    t.ok(refused(() => codec.decode({ list: 'l', of: 'o' }, junk)))
  t.equal(
    nextPageLink('/api/x', { limit: 2, query: 'a b&c', cursor: 'old', absent: undefined }, 'new'),
    '</api/x?limit=2&query=a+b%26c&cursor=new>; rel="next"'
  )
})

/** A batcher whose batches are let go one by one. */
function heldBatcher(options: { itemsMax: number; inFlightMax: number; waitingMax: number }) {
  const batches: {
    items: number[]
    settle: (outcomes?: (number | Error)[]) => void
    fail: (error: Error) => void
  }[] = []
  const batcher = createBatcher<number, number>({
    ...options,
    run: (items) =>
      new Promise((resolve, reject) => {
        batches.push({
          items,
          settle: (outcomes = items.map((item) => item * 2)) => resolve(outcomes),
          fail: reject
        })
      })
  })
  return { batcher, batches }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

t.test('whoever comes while a batch is under way waits for the next one', async (t) => {
  const { batcher, batches } = heldBatcher({ itemsMax: 10, inFlightMax: 1, waitingMax: 10 })
  const first = [batcher.submit(1), batcher.submit(2)]
  await turn()
  const late = batcher.submit(3)
  await turn()
  t.strictSame(
    batches.map(({ items }) => items),
    [[1, 2]]
  )
  batches[0]?.settle()
  t.strictSame(await Promise.all(first), [2, 4])
  await turn()
  t.strictSame(
    batches.map(({ items }) => items),
    [[1, 2], [3]]
  )
  batches[1]?.settle()
  t.equal(await late, 6)
})

t.test(
  'each item gets its own outcome, a failed batch fails all of its own, and the next one runs',
  async (t) => {
    const { batcher, batches } = heldBatcher({ itemsMax: 3, inFlightMax: 1, waitingMax: 10 })
    const items = [1, 2, 3, 4].map((item) => batcher.submit(item).catch((error: Error) => error.message))
    await turn()
    batches[0]?.settle([1, new Error('two'), 3])
    t.strictSame(await Promise.all(items.slice(0, 3)), [1, 'two', 3])
    await turn()
    batches[1]?.fail(new Error('all'))
    t.equal(await items[3], 'all')
    const next = batcher.submit(5)
    await turn()
    batches[2]?.settle()
    t.equal(await next, 10)
  }
)

t.test('an outcome that is a promise is waited for by its item alone', async (t) => {
  let settle: (value: number) => void = () => {}
  const late = new Promise<number>((resolve) => {
    settle = resolve
  })
  const fail = () => Promise.reject(new Error('late'))
  const batcher = createBatcher<number, number>({
    run: async (items) => items.map((item) => (item === 1 ? late : item === 2 ? fail() : item)),
    itemsMax: 3,
    inFlightMax: 1,
    waitingMax: 9
  })
  const [slow, failed, quick] = [batcher.submit(1), batcher.submit(2), batcher.submit(3)]
  t.equal(await quick, 3)
  await t.rejects(failed, { message: 'late' })
  t.equal(await batcher.submit(4), 4, 'the next batch runs meanwhile')
  settle(7)
  t.equal(await slow, 7)
})

t.test('what does not fit is refused at once as overloaded, and room comes back', async (t) => {
  const { batcher, batches } = heldBatcher({ itemsMax: 2, inFlightMax: 1, waitingMax: 3 })
  const taken = [1, 2].map((item) => batcher.submit(item))
  await turn()
  taken.push(...[3, 4, 5].map((item) => batcher.submit(item)))
  await t.rejects(batcher.submit(6), { code: 'overloaded', retryAfterSeconds: 1 })
  batches[0]?.settle()
  await taken[0]
  await turn()
  taken.push(batcher.submit(7))
  for (let index = 1; index < 4; index++) {
    batches[index]?.settle()
    await turn()
    await turn()
  }
  t.strictSame(await Promise.all(taken), [2, 4, 6, 8, 10, 14])
})

t.test('whatever the load, order and bounds hold and every item is answered once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({ itemsMax: fc.integer({ min: 1, max: 5 }), inFlightMax: fc.integer({ min: 1, max: 3 }) }),
      fc.array(fc.boolean(), { maxLength: 60 }),
      async (options, pauses) => {
        const seen: number[] = []
        let inFlight = 0
        let broken = ''
        const batcher = createBatcher<number, number>({
          ...options,
          waitingMax: 1_000,
          run: async (items) => {
            inFlight++
            if (items.length > options.itemsMax || items.length === 0) broken = `${items.length} items`
            if (inFlight > options.inFlightMax) broken = `${inFlight} in flight`
            seen.push(...items)
            await turn()
            inFlight--
            return items.map((item) => item + 1)
          }
        })
        const answers: Promise<number>[] = []
        for (const [item, pause] of pauses.entries()) {
          answers.push(batcher.submit(item))
          if (pause) await turn()
        }
        const all = await Promise.all(answers)
        const inOrder = seen.every((item, index) => item === index)
        return broken === '' && inOrder && all.every((answer, index) => answer === index + 1)
      }
    ),
    { numRuns: 50 }
  )
})

const Variables = Type.Object({
  PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 3100 }),
  MODE: Type.Enum(['a', 'b'], { default: 'a' }),
  NEEDED: Type.String(),
  OPTIONAL: Type.Optional(Type.String())
})

t.test('an environment is read with all of its faults at once, and no value in any', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'paperclip-config-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const names = ['KEY', 'OTHER_KEY', 'THIRD_KEY', 'FOURTH_KEY', 'KEY_PREVIOUS'] as const
  const good = parseEnvironment(Variables, names, {
    PORT: ' 80 ',
    MODE: ' ',
    NEEDED: 'x',
    KEY: ` ${canary} `,
    OTHER_KEY_FILE: file('key', `${canary} two\n`),
    KEY_PREVIOUS_FILE: file('previous', '\n'),
    UNRELATED: 'y'
  })
  t.strictSame(good.faults, [])
  t.strictSame({ ...good.config }, { PORT: 80, MODE: 'a', NEEDED: 'x' })
  t.equal(good.secrets.KEY?.reveal(), canary)
  t.equal(good.secrets.OTHER_KEY?.reveal(), `${canary} two`)
  t.equal(good.secrets.THIRD_KEY, null)
  t.equal(good.secrets.KEY_PREVIOUS, null, 'there is a file for a former key also while there is none')
  t.notMatch(JSON.stringify(good), canary)
  const bad = parseEnvironment(Variables, names, {
    PORT: canary,
    MODE: canary,
    KEY: canary,
    KEY_FILE: file('both', canary),
    OTHER_KEY_FILE: join(folder, 'absent'),
    THIRD_KEY_FILE: file('blank', ' \n'),
    FOURTH_KEY_FILE: folder
  })
  t.equal(bad.faults.length, 7)
  for (const start of [
    'PORT ',
    'MODE ',
    'NEEDED ',
    'KEY and KEY_FILE',
    'OTHER_KEY_FILE',
    'THIRD_KEY_FILE',
    'FOURTH_KEY_FILE'
  ])
    t.ok(
      bad.faults.some((fault) => fault.startsWith(start)),
      start
    )
  t.notMatch(bad.faults.join(), canary)
  t.match(new ConfigError(bad.faults).message, /^configuration is not valid:\n {2}- /)
})

t.test('a start names what nothing reads, and what this version does not', async (t) => {
  const lines: string[] = []
  const logger = pino({ base: null, timestamp: false }, { write: (line: string) => void lines.push(line) })
  const quiet = { PAPERCLIP_HOME: '/x', PAPERCLIP_INTERNAL_TLS_KEY_FILE: ' ' }
  warnOfVariables(logger, quiet)
  t.strictSame(lines, [])
  const env = {
    PAPERCLIP_SECRET_URL: canary,
    PAPERCLIP_METRICS_PORT: canary,
    OTEL_EXPORTER_OTLP_ENDPOINT: canary
  }
  warnOfVariables(logger, env)
  t.strictSame(
    lines.map((line) => JSON.parse(line)),
    [
      {
        level: 40,
        name: 'PAPERCLIP_SECRET_URL',
        nearest: 'PAPERCLIP_SECRETS_URL',
        msg: 'nothing reads this variable'
      },
      {
        level: 40,
        names: ['PAPERCLIP_METRICS_PORT', 'OTEL_EXPORTER_OTLP_ENDPOINT'],
        msg: 'this version does not read these variables'
      }
    ]
  )
})

t.test('a migration takes its database from a variable or a file, its own before the common one', (t) => {
  const path = join(t.testdir({ url: 'postgres://of-a-file/x\n' }), 'url')
  t.equal(readMigrationUrl({ DATABASE_URL: 'postgres://common/x' }), 'postgres://common/x')
  t.equal(
    readMigrationUrl({ DATABASE_URL: 'postgres://common/x', DATABASE_MIGRATION_URL_FILE: path }),
    'postgres://of-a-file/x'
  )
  t.throws(() => readMigrationUrl({}), { message: /DATABASE_MIGRATION_URL or DATABASE_URL is not set/ })
  t.throws(() => readMigrationUrl({ DATABASE_URL: 'a', DATABASE_URL_FILE: path }), { message: /both set/ })
  t.end()
})
