import {
  byteaArray,
  describeUrl,
  intArray,
  isDeadlock,
  isForeignKeyViolation,
  isInsufficientPrivilege,
  isSerializationFailure,
  isUniqueViolation,
  parseDatabaseUrl,
  textArray,
  transaction,
  uuidArray
} from '@paperclip/db'
import { testDatabase } from '@paperclip/testing'
import fc from 'fast-check'
import pg from 'pg'
import t from 'tap'
import { connected } from './db-fixture.js'

interface Tables {
  counter: { id: number; n: number }
  part: { id: number; counter_id: number }
}

const schema = 'secrets'
const database = await testDatabase(t)
const url = database.ownerUrl(schema)
const admin = new pg.Client({ connectionString: database.adminUrl })
await admin.connect()
t.teardown(() => admin.end())
await admin.query('create schema secrets authorization paperclip_secrets_owner')
const { db, pool } = connected<Tables>(t, { url, schema, poolMax: 8 })
await pool.query(`
  create table counter (id int constraint counter_key primary key, n int not null);
  create table part (id int primary key, counter_id int constraint part_of references counter);
  insert into counter values (1, 0), (2, 0), (3, 0)`)

const increment = (id: number, attemptsMax: number) =>
  transaction(
    db,
    async (tx) => {
      const { n } = await tx.selectFrom('counter').select('n').where('id', '=', id).executeTakeFirstOrThrow()
      await tx
        .updateTable('counter')
        .set({ n: n + 1 })
        .where('id', '=', id)
        .execute()
    },
    { attemptsMax, isolationLevel: 'serializable' }
  )

t.test('concurrent read-then-write transactions all count, because losers run again', async (t) => {
  await Promise.all(Array.from({ length: 16 }, () => increment(1, 100)))
  t.same(await db.selectFrom('counter').select('n').where('id', '=', 1).execute(), [{ n: 16 }])
})

t.test('a loser that may not run again says so', async (t) => {
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => increment(2, 1)))
  const lost = results.filter((result) => result.status === 'rejected')
  t.ok(lost.length > 0 && lost.every((result) => isSerializationFailure(result.reason)))
})

t.test('two transactions in each other’s way both finish', async (t) => {
  // Longer than the server takes to look for a deadlock (1 s), or it shows as a lock timeout.
  const patient = { lockTimeoutMs: 5_000, statementTimeoutMs: 6_000, queryTimeoutMs: 7_000 }
  const { db } = connected<Tables>(t, { url, schema, ...patient })
  let attempts = 0
  let arrived = 0
  let open = () => {}
  const both = new Promise<void>((resolve) => {
    open = resolve
  })
  const work = (first: number, second: number) =>
    transaction(
      db,
      async (tx) => {
        attempts += 1
        await tx.updateTable('counter').set({ n: 100 }).where('id', '=', first).execute()
        arrived += 1
        if (arrived === 2) open()
        await both
        await tx.updateTable('counter').set({ n: 100 }).where('id', '=', second).execute()
      },
      { attemptsMax: 5 }
    )
  const results = await Promise.allSettled([work(2, 3), work(3, 2)])
  t.same(
    results.filter((result) => result.status === 'rejected'),
    []
  )
  t.ok(attempts > 2, 'one of them was chosen to break the deadlock')
  t.ok(isDeadlock(Object.assign(new Error('x'), { code: '40P01' })))
})

t.test('an error that is not a lost race is thrown at once, and nothing is kept', async (t) => {
  let attempts = 0
  const work = transaction(
    db,
    async (tx) => {
      attempts += 1
      await tx.insertInto('counter').values({ id: 9, n: 0 }).execute()
      throw new RangeError('no')
    },
    { attemptsMax: 5 }
  )
  await t.rejects(work, { message: 'no' })
  t.equal(attempts, 1)
  t.same(await db.selectFrom('counter').select('id').where('id', '=', 9).execute(), [])
})

t.test('a statement sent after its transaction ended is refused', async (t) => {
  const late = await transaction(db, async (tx) => ({ tx }), { attemptsMax: 1 })
  await t.rejects(late.tx.selectFrom('counter').select('id').execute())
})

t.test('what PostgreSQL refuses is recognised, by constraint where one is named', async (t) => {
  const twice = await db
    .insertInto('counter')
    .values({ id: 1, n: 0 })
    .execute()
    .catch((error: unknown) => error)
  t.ok(isUniqueViolation(twice) && isUniqueViolation(twice, 'counter_key'))
  t.notOk(isUniqueViolation(twice, 'other_key') || isForeignKeyViolation(twice))
  const orphan = await db
    .insertInto('part')
    .values({ id: 1, counter_id: 999 })
    .execute()
    .catch((error: unknown) => error)
  t.ok(isForeignKeyViolation(orphan) && isForeignKeyViolation(orphan, 'part_of'))
  t.notOk(isForeignKeyViolation(orphan, 'other') || isUniqueViolation(orphan))
  const other = connected<Tables>(t, { url: database.url(schema), schema })
  const forbidden = await other.pool.query('select * from secrets.counter').catch((error: unknown) => error)
  t.ok(isInsufficientPrivilege(forbidden))
  for (const odd of [undefined, null, 'x', {}, new Error('x'), Object.assign(new Error('x'), { code: 5 })]) {
    t.notOk(isUniqueViolation(odd) || isSerializationFailure(odd))
  }
})

t.test('any array goes to the server and back unchanged as a literal', async (t) => {
  const roundTrip = async (type: string, literal: string) => {
    const { rows } = await pool.query(`select array(select x from unnest($1::${type}[]) x) as a`, [literal])
    return rows[0].a
  }
  const member = fc.oneof(
    fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0')),
    fc.constantFrom('', 'NULL', 'null', '{}', ',', '"', '\\', '\\"', ' a ', '\n', '🔑')
  )
  const texts = fc.array(fc.option(member), { maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(
      texts,
      async (list) => t.strictSame(await roundTrip('text', textArray(list)), list) && true
    ),
    { numRuns: 60 }
  )
  const bytes = fc.array(fc.option(fc.uint8Array({ maxLength: 40 })), { maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(bytes, async (list) => {
      const expected = list.map((value) => value && Buffer.from(value))
      t.strictSame(await roundTrip('bytea', byteaArray(list)), expected)
    }),
    { numRuns: 40 }
  )
  const ids = [...fc.sample(fc.uuid(), 10), null]
  t.strictSame(await roundTrip('uuid', uuidArray(ids)), ids)
  t.strictSame(await roundTrip('int', intArray([1, -2, null, 0])), [1, -2, null, 0])
  t.strictSame(await roundTrip('uuid', uuidArray([])), [])
})

t.test('what cannot be a member is refused without being repeated', async (t) => {
  for (const odd of [
    '',
    'x',
    '{',
    '00000000-0000-0000-0000-00000000000,',
    '00000000-0000-0000-0000-000000000000\n'
  ]) {
    t.throws(() => uuidArray([odd]), { message: 'a member of a uuid array is not a UUID' })
  }
  t.throws(() => textArray(['canary\0']), { message: 'a member of a text array contains a NUL character' })
  for (const odd of [Number.NaN, 1.5, 2 ** 53, Number.POSITIVE_INFINITY])
    t.throws(() => intArray([odd]), TypeError)
})

t.test(
  'a database URL is described without its password, and a wrong one without any part of it',
  async (t) => {
    t.equal(
      describeUrl('postgres://u%40x:hush@db.example:6432/paper'),
      'postgres://u@x@db.example:6432/paper'
    )
    t.equal(describeUrl('postgresql://db.example/paper'), 'postgres://db.example:5432/paper')
    t.match(parseDatabaseUrl('postgres:///paper?host=/run/pg'), {
      host: '/run/pg',
      database: 'paper',
      user: ''
    })
    const wrong = [
      'hush',
      'mysql://u:hush@h/d',
      'postgres://u:hush@h',
      'postgres://u:hush@h/',
      'postgres://u:hush@h/%zz',
      'postgres://u:hush@h/d?options=hush',
      'postgres://u:hush@h/d?statement_timeout=0'
    ]
    for (const text of wrong) {
      t.equal(describeUrl(text), 'a database URL that cannot be read')
      const error = await Promise.resolve(text)
        .then(parseDatabaseUrl)
        .catch((error: unknown) => error)
      t.match(error, { code: 'invalid_database_url' })
      t.notOk(String(error).includes('hush'))
    }
  }
)
