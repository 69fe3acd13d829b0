import assert from 'node:assert/strict'
import {
  ClockSkewError,
  expectSameClock,
  isConnectionFailure,
  isLockTimeout,
  isStatementTimeout,
  mustDestroyClient,
  transaction,
  watchClock
} from '@paperclip/db'
import { startTestPostgres } from '@paperclip/postgres'
import { eventually, faultProxy, heldLock, testDatabase } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import { connected, limits } from './db-fixture.js'

interface Tables {
  note: { id: number; n: number }
}

const schema = 'gateway'
const database = await testDatabase(t)
const url = database.ownerUrl(schema)
const admin = new pg.Client({ connectionString: database.adminUrl })
await admin.connect()
t.teardown(() => admin.end())
await admin.query('create schema gateway authorization paperclip_gateway_owner')
const owner = connected<Tables>(t, { url, schema })
await owner.pool.query('create table note (id int primary key, n int8 not null)')
await owner.pool.query('insert into note values (1, 0), (2, 0)')

const once = { attemptsMax: 1 }
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error
  )

t.test('a backend killed under an idle transaction fails that transaction and nothing else', async (t) => {
  const { db, pool } = connected<Tables>(t, { url, schema, poolMax: 1 })
  const error = await failure(
    transaction(
      db,
      async (tx) => {
        const { pid } = await tx
          .selectNoFrom((eb) => eb.fn<number>('pg_backend_pid', []).as('pid'))
          .executeTakeFirstOrThrow()
        await tx.updateTable('note').set({ n: 99 }).where('id', '=', 1).execute()
        await admin.query('select pg_terminate_backend($1)', [pid])
        // Nobody is waiting on the connection now: its loss reaches the process as an event only.
        await eventually(async () => {
          const { rows } = await admin.query('select 1 from pg_stat_activity where pid = $1', [pid])
          if (rows.length > 0) throw new Error('still there')
        })
        await tx.selectFrom('note').select('n').execute()
      },
      once
    )
  )
  t.ok(isConnectionFailure(error))
  t.same(
    await db.selectFrom('note').select('n').where('id', '=', 1).execute(),
    [{ n: 0 }],
    'nothing was kept'
  )
  t.equal(pool.totalCount, 1, 'the lost connection was replaced')
})

t.test(
  'the first error of a transaction is the one that is thrown, also when the rollback cannot be sent',
  async (t) => {
    const { db } = connected<Tables>(t, { url, schema })
    const killed = transaction(
      db,
      (tx) =>
        tx
          .selectNoFrom((eb) => eb.fn('pg_terminate_backend', [eb.fn('pg_backend_pid', [])]).as('x'))
          .execute(),
      once
    )
    await t.rejects(killed, { code: '57P01' })
    const own = transaction(
      db,
      async (tx) => {
        await failure(
          tx
            .selectNoFrom((eb) => eb.fn('pg_terminate_backend', [eb.fn('pg_backend_pid', [])]).as('x'))
            .execute()
        )
        throw new RangeError('mine')
      },
      once
    )
    await t.rejects(own, { message: 'mine' })
  }
)

t.test('a transaction in which an error was swallowed is not reported as committed', async (t) => {
  const { db } = connected<Tables>(t, { url, schema, poolMax: 1 })
  const work = transaction(
    db,
    async (tx) => {
      await tx.insertInto('note').values({ id: 50, n: 1 }).execute()
      await failure(tx.insertInto('note').values({ id: 50, n: 1 }).execute())
    },
    once
  )
  await t.rejects(work, { code: 'transaction_rolled_back' })
  t.same(
    await db.selectFrom('note').select('id').where('id', '=', 50).execute(),
    [],
    'and the connection is fine'
  )
})

t.test('a connection released in the middle of a transaction is not handed to the next user', async (t) => {
  const { db } = connected<Tables>(t, { url, schema, poolMax: 1 })
  await db.connection().execute(async (session) => {
    const begin = { ...session.selectFrom('note').select('id').compile(), sql: 'begin', parameters: [] }
    await session.executeQuery(begin)
    await session.insertInto('note').values({ id: 60, n: 1 }).execute()
  })
  t.same(await db.selectFrom('note').select('id').where('id', '=', 60).execute(), [])
})

t.test('a warm pool keeps its connections past the idle time, and replaces one that is lost', async (t) => {
  const { pool, warm } = connected<Tables>(t, { url, schema, poolMin: 2, idleTimeoutMs: 1 })
  const pids = async () => {
    const ask = () => pool.query<{ pid: number }>('select pg_backend_pid() as pid')
    const answers = await Promise.all([ask(), ask()])
    return answers.map(({ rows }) => rows[0]?.pid ?? 0)
  }
  await warm()
  t.equal(pool.totalCount, 2)
  const all = await Promise.all(Array.from({ length: 4 }, () => pool.connect()))
  for (const client of all) client.release()
  // The two beyond the minimum go when their time is over: then that of the others is over too.
  await eventually(() => assert.equal(pool.totalCount, 2))
  t.equal(pool.idleCount, 2, 'the others stay')
  const kept = await pids()
  await admin.query('select pg_terminate_backend($1)', [kept[0]])
  await eventually(async () => {
    assert.equal(pool.idleCount, 2)
    assert.ok(!(await pids()).includes(kept[0] ?? 0))
  })
  const cold = connected<Tables>(t, { url, schema, idleTimeoutMs: 1 })
  await cold.warm()
  t.equal(cold.pool.totalCount, 0, 'without a minimum nothing is made')
  await cold.pool.query('select 1')
  await eventually(() => assert.equal(cold.pool.totalCount, 0))
  const away = connected<Tables>(t, { url: 'postgres://nobody@127.0.0.1:1/none', schema, poolMin: 1 })
  await away.warm()
  t.equal(away.pool.totalCount, 0, 'a server that is away is no failure')
})

t.test('a connection to a server that became read-only leaves the pool', async (t) => {
  const settings = { default_transaction_read_only: 'on' }
  const { db, pool } = connected<Tables>(t, { url, schema, settings })
  const error = await failure(db.insertInto('note').values({ id: 70, n: 1 }).execute())
  t.match(error, { code: '25006' })
  t.ok(isConnectionFailure(error) && mustDestroyClient(error))
  await eventually(() => assert.equal(pool.totalCount, 0))
})

t.test('the server ends statements, waits for locks and idle transactions in time', async (t) => {
  const { db, pool } = connected<Tables>(t, {
    url,
    schema,
    statementTimeoutMs: 600,
    lockTimeoutMs: 200,
    idleInTransactionTimeoutMs: 200
  })
  const slow = await failure(db.selectNoFrom((eb) => eb.fn('pg_sleep', [eb.val(30)]).as('x')).execute())
  t.ok(isStatementTimeout(slow) && !isConnectionFailure(slow))

  const lock = await heldLock(t, { url, statement: 'select 1 from gateway.note where id = 2 for update' })
  const update = db.updateTable('note').set({ n: 5 }).where('id', '=', 2)
  const waiting = failure(update.execute())
  await lock.waitedFor()
  t.ok(isLockTimeout(await waiting))
  await lock.release()
  t.equal((await update.executeTakeFirst()).numUpdatedRows, 1n, 'released, it goes through')

  const held = await db.startTransaction().execute()
  await held.updateTable('note').set({ n: 6 }).where('id', '=', 2).execute()
  const lost = await eventually(async () => {
    const { rows } = await admin.query(
      "select 1 from pg_stat_activity where state = 'idle in transaction' and datname = current_database()"
    )
    if (rows.length > 0) throw new Error('still open')
    return failure(held.selectFrom('note').select('n').execute())
  })
  t.ok(isConnectionFailure(lost))
  await held.rollback().execute()
  t.same((await pool.query('select n from note where id = 2')).rows, [{ n: 5 }])
})

t.test(
  'against a frozen network every call ends in time, and the first one after the thaw works',
  async (t) => {
    const proxy = await faultProxy(t, { target: url })
    const timeouts = { connectionTimeoutMs: 300, statementTimeoutMs: 200, queryTimeoutMs: 400 }
    const { db, pool } = connected<Tables>(t, { url: proxy.through(url), schema, poolMax: 2, ...timeouts })
    const read = () => db.selectFrom('note').select('n').where('id', '=', 1).execute()
    const lastsMs = async (work: () => Promise<unknown>) => {
      const start = performance.now()
      t.ok(isConnectionFailure(await failure(work())))
      return performance.now() - start
    }
    await read()
    proxy.set('blackhole')
    const spent = [
      await lastsMs(read),
      await lastsMs(() => transaction(db, (tx) => tx.selectFrom('note').select('n').execute(), once)),
      ...(await Promise.all([1, 2, 3, 4].map(() => lastsMs(read))))
    ]
    // A new connection, the statement, and slack for a busy machine.
    for (const ms of spent) t.ok(ms < 300 + 400 + 400, `${Math.round(ms)} ms`)
    // No dead connection stays in the pool.
    await eventually(() => assert.equal(pool.totalCount, 0))
    proxy.set('pass')
    t.same(await read(), [{ n: 0 }])
  }
)

t.test('a crash of the server under load costs the running statements and no process', async (t) => {
  const server = await startTestPostgres()
  t.teardown(() => server.stop({ immediate: true }))
  const lost: Error[] = []
  const onError = (error: Error) => lost.push(error)
  const { db, pool } = connected<Tables>(t, { url: server.adminUrl('postgres'), schema: 'public', onError })
  const count = { ok: 0, failed: 0, other: 0 }
  let running = true
  const worker = async () => {
    while (running) {
      const error = await failure(
        transaction(
          db,
          (tx) => tx.selectNoFrom((eb) => eb.fn('pg_sleep', [eb.val(0.005)]).as('x')).execute(),
          once
        )
      )
      if (error === undefined) count.ok += 1
      else if (isConnectionFailure(error)) count.failed += 1
      else count.other += 1
    }
  }
  const workers = Array.from({ length: limits.poolMax }, worker)
  for (let crash = 1; crash <= 2; crash += 1) {
    const before = await eventually(
      async () => (await pool.query<{ pid: number }>('select pg_backend_pid() as pid')).rows[0]
    )
    // The postmaster answers the death of one backend by ending all of them and recovering.
    if (before) process.kill(before.pid, 'SIGKILL')
    const goal = count.ok + 20
    await eventually(() => assert.ok(count.ok > goal && count.failed > 0), { deadlineMs: 15_000 })
  }
  running = false
  await Promise.all(workers)
  t.equal(count.other, 0, 'every failure was recognised as a lost connection')
})

t.test('limits and settings hold from the first statement, whatever the URL says', async (t) => {
  const settings = {
    plan_cache_mode: 'force_generic_plan',
    jit: 'off',
    application_name: 'two words \\ more'
  }
  const { pool } = connected(t, { url, schema, settings })
  const names = [
    'search_path',
    'statement_timeout',
    'lock_timeout',
    'idle_in_transaction_session_timeout',
    'plan_cache_mode',
    'jit',
    'timezone'
  ]
  const { rows } = await pool.query('select array_agg(current_setting(n)) as s from unnest($1::text[]) n', [
    names
  ])
  t.same(rows[0].s, ['gateway,pg_temp', '2s', '1s', '2s', 'force_generic_plan', 'off', 'UTC'])
  t.throws(() => connected(t, { url: `${url}?options=-c%20statement_timeout=0`, schema }), {
    code: 'invalid_database_url'
  })
  t.throws(() => connected(t, { url, schema: 'x; drop' }), TypeError)
  t.throws(() => connected(t, { url, schema, poolMax: 0 }), TypeError)
})

t.test('columns arrive as numbers, dates and text, and an int8 is never rounded', async (t) => {
  const { pool } = connected(t, { url, schema })
  const { rows } = await pool.query(
    `select 9007199254740991::int8 as big, count(*) as count, '2026-01-02T03:04:05.678Z'::timestamptz as at,
       '2026-01-02'::date as day, 1.50::numeric as amount, '\\x00ff'::bytea as bytes from note where false`
  )
  t.same(rows, [
    {
      big: 9007199254740991,
      count: 0,
      at: new Date('2026-01-02T03:04:05.678Z'),
      day: '2026-01-02',
      amount: '1.50',
      bytes: Buffer.from([0, 255])
    }
  ])
  await t.rejects(pool.query('select 9007199254740992::int8 as big'), RangeError)
  t.same((await pool.query('select 1 as ok')).rows, [{ ok: 1 }])
})

t.test('closing waits for the statements on their way, and may be done twice', async (t) => {
  const { db, close } = connected<Tables>(t, { url, schema })
  let start = () => {}
  const started = new Promise<void>((resolve) => {
    start = resolve
  })
  const running = db.connection().execute(async (session) => {
    start()
    await session.selectNoFrom((eb) => eb.fn('pg_sleep', [eb.val(0.1)]).as('x')).execute()
  })
  await started
  await Promise.all([running, close(), close()])
  await t.rejects(db.selectFrom('note').select('id').execute())
})

t.test('a machine whose clock is over 5 s from that of the database is refused, either way', async (t) => {
  const { db } = owner
  for (const aheadMs of [-4_000, 0, 4_000]) await expectSameClock(db, { nowMs: () => Date.now() + aheadMs })
  const refusal = (aheadMs: number) => expectSameClock(db, { nowMs: () => Date.now() + aheadMs })
  await t.rejects(refusal(6_000), {
    name: 'ClockSkewError',
    message:
      'the clock of the database is 6.0 s behind that of this machine, and 5 s are allowed: set both clocks'
  })
  await t.rejects(refusal(-60_000), {
    message: /^the clock of the database is 60\.0 s ahead of that of this/
  })
  await t.rejects(refusal(Number.NaN), ClockSkewError)
})

t.test('a slow answer is not a wrong clock: the quickest of three measures decides', async (t) => {
  const { db } = owner
  // The first round trip seems to take 20 s, which puts its middle 10 s away.
  const slowOnce = (ms: number[]) => () => ms.shift() ?? Date.now()
  await expectSameClock(db, { nowMs: slowOnce([Date.now(), Date.now() + 20_000]) })
  const always = [0, 20_000, 0, 20_000, 0, 20_000].map((ms) => Date.now() + ms)
  await t.rejects(expectSameClock(db, { nowMs: slowOnce(always) }), ClockSkewError)
})

t.test('a clock that drifts later is told each time, and a lost database is not', async (t) => {
  const proxy = await faultProxy(t, { target: url })
  const { db } = connected<Tables>(t, { url: proxy.through(url), schema, connectionTimeoutMs: 200 })
  let aheadMs = 0
  let told = 0
  const watch = watchClock(db, {
    intervalMs: 5,
    nowMs: () => Date.now() + aheadMs,
    onSkew: ({ skewMs }) => {
      t.ok(skewMs < -5_000)
      told++
    }
  })
  t.teardown(() => watch.stop())
  const before = proxy.connections()
  await eventually(() => assert.ok(proxy.connections() > before))
  t.equal(told, 0)
  aheadMs = 9_000
  await eventually(() => assert.ok(told >= 2))
  proxy.set('reset')
  await eventually(() => assert.ok(proxy.connections() > before + 2))
  proxy.set('pass')
  const toldBefore = told
  await eventually(() => assert.ok(told > toldBefore))
  await watch.stop()
})
