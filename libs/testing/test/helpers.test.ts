import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { eventually, faultProxy, freePort, heldLock, startProcess, testDatabase } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import { folderOf } from './db-fixture.js'

const node = process.execPath
const freePortModule = new URL('../src/free-port.js', import.meta.url).href
const serverCode = `
  const server = require('node:http').createServer((q, r) => r.end('hello'))
  server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening ' + server.address().port))
  process.on('SIGTERM', () => server.close(() => { console.error('bye'); process.exit(3) }))`

t.test('a process is ready when it says so or answers, and stops with its own exit code', async (t) => {
  const line = await startProcess(t, {
    command: node,
    args: ['-e', serverCode],
    env: { PORT: '0' },
    readyWhen: { line: /listening/ }
  })
  const [, port] = await line.waitForLine(/listening (\d+)/)
  t.equal(
    await (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text(),
    'hello'
  )
  t.same(await line.stop(), { code: 3, signal: null })
  t.match(line.stderr(), /bye/)

  const free = String(await freePort())
  const url = `http://127.0.0.1:${free}/`
  const polled = await startProcess(t, {
    command: node,
    args: ['-e', serverCode],
    env: { PORT: free },
    readyWhen: { url }
  })
  t.same(await polled.kill9(), { code: null, signal: 'SIGKILL' })
  await t.rejects(fetch(url))
})

t.test('a port is free when it is given, and given to nobody else while we live', async (t) => {
  const ports = await Promise.all(Array.from({ length: 20 }, () => freePort()))
  t.equal(new Set(ports).size, ports.length)
  for (const port of ports)
    t.ok(port > 10_080 && port < 32_768, 'neither the system hands these out, nor does fetch refuse them')
  const [given = 0] = ports
  const holder = createServer().listen(given, '127.0.0.1')
  await once(holder, 'listening')
  holder.close()
  await once(holder, 'close')
  const datagrams = createSocket('udp4').bind(given, '127.0.0.1')
  t.teardown(() => datagrams.close())
  await t.resolves(once(datagrams, 'listening'), 'a server of HTTP/3 binds the same number for UDP')
  const nothing = { message: /found no free port/ }
  await t.rejects(freePort({ from: given, to: given }), nothing, 'though nothing listens there')
  const busy = createServer().listen(0, '127.0.0.1')
  t.teardown(() => busy.close())
  await once(busy, 'listening')
  const { port: taken } = busy.address() as AddressInfo
  await t.rejects(freePort({ from: taken, to: taken }), nothing)

  const ask = `import(process.argv[1]).then(({ freePort }) => freePort({ from: ${given}, to: ${given} })).then(console.log)`
  const other = await startProcess(t, { command: node, args: ['-e', ask, freePortModule] })
  t.match(await other.ended, { code: 1 })
  t.match(other.stderr(), /found no free port/, 'in another process neither')
})

t.test('a process that ends or stays silent before it is ready is an error with its output', async (t) => {
  const dies = { command: node, args: ['-e', "console.error('no database'); process.exitCode = 1"] }
  const url = `http://127.0.0.1:${await freePort()}/`
  const said = { message: /the process ended[\s\S]*no database/ }
  await t.rejects(startProcess(t, { ...dies, readyWhen: { line: /ready/ } }), said)
  await t.rejects(startProcess(t, { ...dies, readyWhen: { url } }), said)
  const silent = { command: node, args: ['-e', 'setInterval(() => {}, 1000)'], readyMsMax: 150 }
  await t.rejects(startProcess(t, { ...silent, readyWhen: { line: /ready/ } }), { message: /150 ms passed/ })
  await t.rejects(startProcess(t, { command: '/nowhere/at-all' }), { code: 'ENOENT' })
})

t.test('a process gets the environment it is given, and its input', async (t) => {
  process.env.CANARY_OF_OURS = 'x'
  const show =
    "process.stdin.on('data', (d) => console.log('in ' + d + ' ' + Object.keys(process.env).sort()))"
  const child = await startProcess(t, {
    command: node,
    args: ['-e', show],
    env: { MINE: '1' },
    input: 'text'
  })
  await child.ended
  t.equal(child.stdout(), 'in text HOME,MINE,PATH\n')
})

t.test('eventually gives the first answer, or the last error when time is up', async (t) => {
  let calls = 0
  const third = () => {
    calls += 1
    assert.ok(calls >= 3)
    return calls
  }
  t.equal(await eventually(third), 3)
  await t.rejects(
    eventually(() => Promise.reject(new Error('still not')), { deadlineMs: 50 }),
    { message: 'still not' }
  )
})

t.test('the proxy passes, delays, swallows and cuts what goes through it', async (t) => {
  const echo = createServer((socket) => socket.pipe(socket).on('error', () => {})).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  t.teardown(() => echo.close())
  const address = echo.address()
  assert.ok(address && typeof address === 'object')
  const proxy = await faultProxy(t, { target: { host: '127.0.0.1', port: address.port } })
  const socket = connect(proxy.port, '127.0.0.1')
  const say = async (text: string) => {
    const start = performance.now()
    socket.write(text)
    const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(300) })
    return { answer: String(answer), ms: performance.now() - start }
  }
  t.equal((await say('one')).answer, 'one')
  proxy.set('delay', { delayMs: 40 })
  t.ok((await say('two')).ms >= 79, 'both ways')
  proxy.set('blackhole')
  await t.rejects(say('three'))
  proxy.set('pass')
  t.equal((await say('four')).answer, 'four')
  const closed = new Promise((resolve) => socket.on('error', () => {}).once('close', resolve))
  proxy.set('reset')
  await closed
  t.equal(proxy.connections(), 1)
  t.equal(proxy.through('postgres://u:p@db:1/x?a=b'), `postgres://u:p@127.0.0.1:${proxy.port}/x?a=b`)
})

t.test(
  'each test file gets its own clone of one migrated template, with the roles of an installation',
  async (t) => {
    const folder = await folderOf(t, { '0001_create_thing.sql': 'create table thing (id int primary key)' })
    const migrations = [{ schema: 'secrets', folder, grants: { thing: ['select', 'insert'] } }] as const
    const databases = await Promise.all([1, 2, 3].map(() => testDatabase(t, { migrations })))
    const counts = databases.map(async (database, at) => {
      const client = new pg.Client({ connectionString: database.url('secrets') })
      await client.connect()
      for (let id = 0; id < at; id += 1) await client.query('insert into secrets.thing values ($1)', [id])
      const { rows } = await client.query(
        'select count(*)::int as n, current_user as role from secrets.thing'
      )
      await t.rejects(client.query('delete from secrets.thing'), { code: '42501' })
      await t.rejects(client.query('create schema mine'), { code: '42501' })
      await client.end()
      return rows[0]
    })
    const role = 'paperclip_secrets'
    t.same(
      await Promise.all(counts),
      [0, 1, 2].map((n) => ({ n, role }))
    )
    const [first] = databases
    assert.ok(first)
    const admin = new pg.Client({ connectionString: first.adminUrl })
    await admin.connect()
    t.teardown(() => admin.end())
    const templates = await admin.query(
      `select count(*)::int as n from pg_database where datname like 'paperclip\\_template\\_%\\_building'`
    )
    t.same(templates.rows, [{ n: 0 }], 'no half-made template is left')
  }
)

t.test('a database is dropped with its test, also while somebody is connected', async (t) => {
  const { adminUrl: outside } = await testDatabase(t)
  let name = ''
  let dropped: pg.Client | undefined
  await t.test('inner', async (t) => {
    const inner = await testDatabase(t)
    name = inner.name
    dropped = new pg.Client({ connectionString: inner.adminUrl })
    dropped.on('error', () => {})
    await dropped.connect()
  })
  const admin = new pg.Client({ connectionString: outside })
  await admin.connect()
  t.teardown(() => admin.end())
  t.same((await admin.query('select 1 from pg_database where datname = $1', [name])).rows, [])
  await dropped?.end().catch(() => {})
})

t.test('a held lock keeps others waiting until it is released', async (t) => {
  const { adminUrl } = await testDatabase(t)
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  t.teardown(() => client.end())
  await client.query('create table door (id int)')
  const lock = await heldLock(t, { url: adminUrl, statement: 'lock table door in exclusive mode' })
  await t.rejects(lock.waitedFor({ deadlineMs: 50 }), { message: 'nobody waits for the lock' })
  let through = false
  const insert = client.query('insert into door values (1)').then(() => {
    through = true
  })
  await lock.waitedFor()
  t.equal(through, false)
  await lock.release()
  await insert
  t.equal(through, true)
})
