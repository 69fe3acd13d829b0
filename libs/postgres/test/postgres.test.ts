import { spawn, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import t from 'tap'
import {
  canEnter,
  chooseDataDir,
  findProcess,
  installPostgres,
  PostgresError,
  type RunningPostgres,
  resolveServerUser,
  type StartPostgres,
  startPostgres,
  startTestPostgres
} from '../src/index.js'
import { pollUntil } from '../src/poll.js'
import { requireNamedUser } from '../src/server-user.js'

const suiteMsMax = 180_000
const stopMsMax = 10_000
const asRoot = process.getuid?.() === 0
t.setTimeout(suiteMsMax)
const fixture = fileURLToPath(new URL('./fixtures/hold-postgres.js', import.meta.url))

/** A folder that the server's user can walk through, removed at the end. */
function temporaryDir(test: Tap): string {
  const dir = mkdtempSync(join(tmpdir(), 'paperclip-postgres-suite-'))
  chmodSync(dir, 0o755)
  test.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

interface Tap {
  teardown(clean: () => void): void
}

function optionsFor(dir: string): StartPostgres {
  return {
    dataDir: join(dir, 'postgres'),
    superuser: 'paperclip',
    password: randomBytes(16).toString('base64url'),
    log: join(dir, 'server.log'),
    durable: false
  }
}

async function query(server: RunningPostgres, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.adminUrl('postgres') })
  await client.connect()
  try {
    const { rows } = await client.query({ text, rowMode: 'array' })
    return rows.flat()
  } finally {
    await client.end()
  }
}

const isGone = async (pid: number): Promise<boolean> =>
  await pollUntil(async () => (await findProcess(pid)) === undefined, { msMax: stopMsMax })

t.test('the unpacked copy is complete after any number of parallel installs, and is reused', async (t) => {
  const cacheDir = join(temporaryDir(t), 'cache')
  const user = await resolveServerUser()
  const all = await Promise.all([1, 2, 3].map(async () => await installPostgres({ cacheDir, user })))
  t.equal(new Set(all.map((each) => each.binDir)).size, 1)
  t.same(readdirSync(cacheDir).length, 1, 'no temporary folder is left')
  const binDir = all[0]?.binDir ?? ''
  t.equal(spawnSync(join(binDir, 'initdb'), ['--version']).status, 0, 'the library links are there')
  const madeAt = statSync(binDir).ctimeMs
  await installPostgres({ cacheDir, user })
  t.equal(statSync(binDir).ctimeMs, madeAt)
})

t.test('a cache folder that others may write is refused, because its content is executed', async (t) => {
  const cacheDir = join(temporaryDir(t), 'cache')
  mkdirSync(cacheDir)
  chmodSync(cacheDir, 0o777)
  await t.rejects(installPostgres({ cacheDir }), {
    name: 'PostgresError',
    message: /be writable by no one else/
  })
})

t.test(
  'the server speaks UTF-8 with a built-in locale, on loopback only, and wants the password',
  async (t) => {
    const server = await startTestPostgres()
    t.teardown(async () => await server.stop())
    t.same(
      await query(
        server,
        "select current_setting('listen_addresses'), current_setting('unix_socket_directories')"
      ),
      ['127.0.0.1', '']
    )
    t.same(
      await query(
        server,
        'select pg_encoding_to_char(encoding), datlocprovider::text, datlocale from pg_database limit 1'
      ),
      ['UTF8', 'b', 'C.UTF-8']
    )
    const wrong = new pg.Client({
      host: server.host,
      port: server.port,
      user: server.superuser,
      password: 'wrong',
      database: 'postgres'
    })
    await t.rejects(wrong.connect(), { code: '28P01' })
    const found = await findProcess(server.pid)
    t.match(found?.args.join(' '), server.dataDir)
  }
)

t.test(
  'neither the server nor its watchdog gets anything of our environment',
  { skip: process.platform !== 'linux' },
  async (t) => {
    process.env.PAPERCLIP_TEST_MARKER = 'marker-8127'
    t.teardown(() => delete process.env.PAPERCLIP_TEST_MARKER)
    const server = await startTestPostgres()
    t.teardown(async () => await server.stop())
    const parent = Number(readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(' ')[3])
    for (const pid of [server.pid, parent]) {
      const environment = readFileSync(`/proc/${pid}/environ`, 'utf8')
      t.same(
        environment
          .split('\0')
          .map((each) => each.split('=')[0])
          // Tap loads itself into every Node process below a test, whatever environment it was given.
          .filter((name) => name !== '' && name !== 'NODE_OPTIONS' && !name?.startsWith('_TAPJS_'))
          .sort(),
        ['LC_ALL', 'PATH', 'TZ']
      )
      if (asRoot)
        t.match(
          readFileSync(`/proc/${pid}/status`, 'utf8'),
          /^Uid:\s+([1-9]\d*)\s+\1\s+\1\s+\1$/m,
          'not root'
        )
    }
  }
)

t.test('data outlives a stop, and the second start makes nothing new', async (t) => {
  const options = optionsFor(temporaryDir(t))
  const first = await startPostgres(options)
  t.equal(first.created, true)
  await query(first, 'create table kept as select 7 as n')
  await first.stop()
  t.equal(await isGone(first.pid), true)
  const second = await startPostgres(options)
  t.equal(second.created, false)
  t.same(await query(second, 'select n from kept'), [7])
  await second.stop({ immediate: true })
  t.equal(await isGone(second.pid), true)
})

t.test('a server that dies is reported, and can be started again at once on the same port', async (t) => {
  const options = { ...optionsFor(temporaryDir(t)), durable: true }
  const first = await startPostgres(options)
  await query(first, 'create table kept as select 7 as n')
  process.kill(first.pid, 'SIGKILL')
  await first.crashed
  const second = await startPostgres({ ...options, port: first.port })
  t.same(await query(second, 'select n from kept'), [7])
  await second.stop()
})

t.test('kill -9 of the process that started it stops the server', async (t) => {
  const options = optionsFor(temporaryDir(t))
  const holder = spawn(process.execPath, [fixture, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit']
  })
  const [line] = (await new Promise((resolve) =>
    holder.stdout.once('data', (data) => resolve([String(data)]))
  )) as [string]
  const pid = Number(line)
  t.ok(await findProcess(pid))
  holder.kill('SIGKILL')
  t.equal(await isGone(pid), true)
  const next = await startPostgres(options)
  t.equal(next.created, false)
  await next.stop()
})

t.test('a server that lost launcher and watchdog is stopped by the next start', async (t) => {
  const options = optionsFor(temporaryDir(t))
  const first = await startPostgres(options)
  const watchdog = spawnSync('ps', ['-o', 'ppid=', '-p', String(first.pid)])
    .stdout.toString()
    .trim()
  process.kill(Number(watchdog), 'SIGKILL')
  await first.crashed
  t.ok(await findProcess(first.pid), 'the server itself still runs')
  const second = await startPostgres(options)
  t.not(second.pid, first.pid)
  t.equal(await isGone(first.pid), true)
  await second.stop()
})

t.test('a stale pid file that names a process of another program does not stop the start', async (t) => {
  const dir = temporaryDir(t)
  const options = optionsFor(dir)
  await (await startPostgres(options)).stop()
  const pidFile = join(options.dataDir, 'postmaster.pid')
  for (const content of [
    `${process.pid}\n${options.dataDir}\n1700000000\n5432\n\n127.0.0.1\n`,
    '',
    '999999999\n'
  ]) {
    writeFileSync(pidFile, content, { mode: 0o600 })
    const { uid, gid } = statSync(options.dataDir)
    if (asRoot) chownSync(pidFile, uid, gid)
    const server = await startPostgres(options)
    t.same(await query(server, 'select 1'), [1])
    await server.stop()
  }
})

t.test(
  'data of another major version, of another owner or without its password stops with one sentence',
  async (t) => {
    const options = optionsFor(temporaryDir(t))
    await (await startPostgres(options)).stop()
    await t.rejects(startPostgres({ ...options, password: 'not the one' }), {
      message: /restore the \.env file/
    })
    writeFileSync(join(options.dataDir, 'PG_VERSION'), '15\n')
    await t.rejects(startPostgres(options), {
      name: 'PostgresError',
      message: /made by PostgreSQL 15 .* runs PostgreSQL 18/
    })
    if (asRoot) {
      chownSync(options.dataDir, 12_345, 12_345)
      await t.rejects(startPostgres(options), { message: /belongs to uid 12345/ })
    }
  }
)

t.test('a folder in the way, an unknown user and a taken port are named', async (t) => {
  const dir = temporaryDir(t)
  const options = optionsFor(dir)
  mkdirSync(join(dir, 'postgres', 'in-the-way'), { recursive: true })
  await t.rejects(startPostgres(options), { message: /exists but holds no database/ })
  rmSync(join(dir, 'postgres'), { recursive: true })
  if (asRoot) {
    await t.rejects(startPostgres({ ...options, user: 'no-such-user' }), PostgresError)
    await t.rejects(startPostgres({ ...options, user: 'root' }), { message: /PAPERCLIP_POSTGRES_USER/ })
  }
  const other = await startTestPostgres()
  t.teardown(async () => await other.stop())
  await t.rejects(startPostgres({ ...options, port: other.port }), {
    message: /stopped while it was starting.*server\.log/
  })
})

t.test(
  'data lies in the instance folder if the server may enter it, else in the shared state folder',
  async (t) => {
    const dir = temporaryDir(t)
    const stateDir = join(dir, 'state')
    const instanceDir = join(dir, 'instance')
    mkdirSync(instanceDir, { mode: 0o700 })
    const me = { uid: statSync(dir).uid, gid: statSync(dir).gid, switched: false }
    const stranger = { uid: 54_321, gid: 54_321, switched: true }
    t.equal(await chooseDataDir({ instanceDir, user: me, stateDir }), join(instanceDir, 'postgres'))
    const outside = await chooseDataDir({ instanceDir, user: stranger, stateDir })
    t.match(outside, new RegExp(`^${stateDir}/[0-9a-f]{16}/postgres$`))
    t.equal(await canEnter(instanceDir, stranger), false)
    mkdirSync(outside, { recursive: true })
    writeFileSync(join(outside, 'PG_VERSION'), '18\n')
    t.equal(await chooseDataDir({ instanceDir, user: me, stateDir }), outside, 'existing data wins')
  }
)

t.test('a user without a name is told so before anything is made', async (t) => {
  const nameless = () => {
    throw new Error('ENOENT: uv_os_get_passwd')
  }
  t.throws(() => requireNamedUser(54_321, nameless), { message: /uid 54321, which has no user name/ })
  t.doesNotThrow(() => requireNamedUser(process.getuid?.() ?? 0, userInfo))
})
