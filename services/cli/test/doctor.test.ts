import { execFileSync } from 'node:child_process'
import { constants } from 'node:fs'
import { chmod, chown, cp, lstat, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { instancePaths } from '@paperclip/instance'
import { freePort, testDatabase } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import type { CliIo } from '../src/cli-io.js'
import type { CheckResult } from '../src/doctor/doctor-check.js'
import { repairInstance } from '../src/doctor/run-doctor.js'
import { runCli } from './fixtures/run-cli.js'
import { oddBreakages } from './support/doctor-breakages.js'
import { shippedMigrations, startInstallation } from './support/e2e-installation.js'
import { addKey, usualBreakages } from './support/usual-breakages.js'

// Two services are started, on a machine that is busy with other suites.
t.setTimeout(110_000)

const database = await testDatabase(t, { migrations: shippedMigrations })
const databaseUrls = { gateway: database.url('gateway'), secrets: database.url('secrets') }
const empty = await testDatabase(t)
const emptyUrls = { gateway: empty.url('gateway'), secrets: empty.url('secrets') }
const installation = await startInstallation(t, { gateways: 1, secrets: 1, databaseUrls })
const origin = installation.gateways[0]?.origin ?? ''
const sound = {
  PORT: String(await freePort()),
  PAPERCLIP_SECRETS_PORT: String(await freePort()),
  PAPERCLIP_API_URL: origin,
  PAPERCLIP_SECRETS_URL: installation.secrets[0]?.origin ?? '',
  DATABASE_URL: databaseUrls.gateway,
  PAPERCLIP_SECRETS_DATABASE_URL: databaseUrls.secrets,
  DATABASE_MIGRATION_URL: database.ownerUrl('secrets'),
  PAPERCLIP_SECRETS_STRICT_MODE: 'false'
}
// Something is sealed under the master key from here on.
for (const [args, input] of [
  [['company', 'create', 'Acme'], ''],
  [['secrets', 'create', 'k'], 'sealed']
] as const) {
  const { code, stderr } = await runCli(args, { origin, input })
  if (code !== 0) throw new Error(stderr)
}

/** Nothing of an installation may keep doctor longer, whatever does not answer. */
const answerMsMax = 15_000
const dead = `127.0.0.1:${await freePort()}`
const breakages = [
  ...usualBreakages({ dead, databaseUrls, emptyUrls, origin, secretsOrigin: sound.PAPERCLIP_SECRETS_URL }),
  ...oddBreakages({ databaseUrl: databaseUrls.gateway })
]

t.test('a sound installation passes, exit 0, and what is a gap of policy only is a warning', async (t) => {
  const { code, checks } = await doctor(installation.paths.home)
  t.equal(code, 0)
  t.same(
    checks
      .filter(({ status }) => status !== 'pass')
      .map(({ id, status, repair }) => [id, status, repair !== null]),
    [['strict_mode', 'warn', true]]
  )
  t.ok(checks.every(({ status, repair }) => (status === 'pass') === (repair === null)))
})

for (const { what, env = {}, breaks, fails, says = {}, mends = [], closes = [], repair } of breakages)
  t.test(
    `${what}: doctor names it and its repair, exit 1 when it is sure, and a repair does what it may`,
    async (t) => {
      const home = await mkdtemp(join(tmpdir(), 'paperclip-doctor-'))
      t.teardown(() => rm(home, { recursive: true, force: true }))
      await cp(installation.paths.home, home, { recursive: true })
      const paths = instancePaths({ home, instanceId: 'default' })
      await breaks?.(paths)
      const startedAtMs = performance.now()
      const found = await doctor(home, { env })
      t.ok(performance.now() - startedAtMs < answerMsMax)
      t.equal(found.code, Object.keys(fails).length === 0 ? 0 : 1)
      const failing = found.checks.filter(({ status }) => status === 'fail')
      t.same(
        failing.map(({ id }) => id),
        Object.keys(fails)
      )
      for (const check of failing) t.match(check, fails[check.id] ?? {})
      for (const [id, said] of Object.entries(says))
        t.match(
          found.checks.find((check) => check.id === id),
          said
        )

      const before = await contents(paths.instanceDir)
      // All checks once more take a second: they are run where a repair is to change what they say.
      const repaired = repair === undefined ? null : await doctor(home, { env, args: ['--repair', '--yes'] })
      if (repaired === null) await repairInstance(ioOf(home, env))
      const after = await contents(paths.instanceDir)
      const differing = (part: 'content' | 'mode' | 'kind') =>
        [...after.keys()].filter(
          (name) => before.has(name) && after.get(name)?.[part] !== before.get(name)?.[part]
        )
      t.same([...differing('content'), ...[...after.keys()].filter((name) => !before.has(name))], mends)
      t.same(differing('mode'), closes)
      t.same(differing('kind'), [], 'a link is still one')
      t.ok([...before.keys()].every((name) => after.has(name)))
      if (repair === 'refuses')
        t.match(repaired, {
          code: 1,
          checks: [{ id: 'repair', status: 'fail', message: /^nothing was repaired/ }]
        })
      if (repair !== 'mends') return
      t.equal(repaired?.code, 0)
      for (const name of after.keys())
        t.equal((await stat(join(paths.instanceDir, name))).mode & 0o077, 0, name)
    }
  )

t.test(
  'while the master key is rotated, the new key waits and the old one opens: nothing is wrong',
  async (t) => {
    const home = await mkdtemp(join(tmpdir(), 'paperclip-doctor-'))
    t.teardown(() => rm(home, { recursive: true, force: true }))
    await cp(installation.paths.home, home, { recursive: true })
    const { masterKey, secretsDir } = instancePaths({ home, instanceId: 'default' })
    await addKey(secretsDir)
    const keyCheck = async (env: Record<string, string> = {}) =>
      (await doctor(home, { env })).checks.find(({ id }) => id === 'deployment_secrets')
    t.match(await keyCheck(), { status: 'pass' }, 'two files of the instance')
    const brought = { PAPERCLIP_SECRETS_MASTER_KEY_FILE: join(secretsDir, 'master-2.key') }
    const name = 'PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS'
    t.match(
      await keyCheck({ ...brought, [`${name}_FILE`]: masterKey }),
      { status: 'pass' },
      'two files that are named'
    )
    t.match(await keyCheck({ ...brought, [name]: installation.keys.master ?? '' }), { status: 'pass' })
    const twice = { ...brought, [`${name}_FILE`]: brought.PAPERCLIP_SECRETS_MASTER_KEY_FILE }
    t.match(await keyCheck(twice), { message: /the previous master key have the same value/ })
  }
)

t.test('a schema of another build is named, with what it has or lacks', async (t) => {
  const databaseCheck = async () =>
    (await doctor(installation.paths.home)).checks.find(({ id }) => id === 'database')
  const client = new pg.Client({ connectionString: database.adminUrl })
  await client.connect()
  t.teardown(() => client.end())
  await client.query(
    "insert into gateway.schema_migration (name, timestamp) values ('9999_later', '2999-01-01')"
  )
  t.match(await databaseCheck(), {
    status: 'fail',
    message: /"gateway" is newer than this build: it has 9999_later$/,
    repair: /or a newer one/
  })
  await client.query("delete from gateway.schema_migration where name = '9999_later'")
  const { rows } = await client.query('delete from secrets.schema_migration where name like $1 returning *', [
    '0005%'
  ])
  t.match(await databaseCheck(), {
    status: 'fail',
    message: /"secrets" is older than this build: it lacks 0005_create_master_key_holders$/,
    repair: /which migrates/
  })
  const [{ name, timestamp }] = rows
  await client.query('insert into secrets.schema_migration (name, timestamp) values ($1, $2)', [
    name,
    timestamp
  ])
  t.match(await databaseCheck(), { status: 'pass' })
})

t.test('commands that are named as the next step can be typed, and mend it', async (t) => {
  const home = await mkdtemp(join(tmpdir(), "paperclip doctor's-"))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  await cp(installation.paths.home, home, { recursive: true })
  const { auditKey, instanceDir } = instancePaths({ home, instanceId: 'default' })
  const named = join(home, 'audit.key')
  await rename(auditKey, named)
  const env = { PAPERCLIP_AUDIT_KEY_FILE: named }
  const keyCheck = async () =>
    (await doctor(home, { env })).checks.find(({ id }) => id === 'deployment_secrets')
  t.match(await keyCheck(), { status: 'pass' })
  await chmod(named, 0o644)
  await chmod(dirname(instanceDir), 0o777)
  if (process.getuid?.() === 0) await chown(join(instanceDir, '.env'), 1, 1)
  const broken = await keyCheck()
  t.equal(broken?.status, 'fail')
  for (const command of broken?.repair?.split('; ') ?? []) {
    t.match(command, /^ch(mod|own) /)
    execFileSync('sh', ['-c', command])
  }
  t.match(await keyCheck(), { status: 'pass' })
})

t.test('a database that takes connections and never answers is a finding, and soon', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  t.teardown(() => silent.close())
  const address = silent.address()
  const url = `postgres://u:canary-3@127.0.0.1:${typeof address === 'object' ? address?.port : ''}/x`
  const env = { DATABASE_URL: url, PAPERCLIP_SECRETS_DATABASE_URL: url, DATABASE_MIGRATION_URL: url }
  const startedAtMs = performance.now()
  const { code, checks } = await doctor(installation.paths.home, { env })
  t.ok(performance.now() - startedAtMs < answerMsMax)
  t.equal(code, 1)
  t.match(
    checks.filter(({ status }) => status === 'fail'),
    [{ id: 'database', message: /cannot be reached \(no answer\)/ }]
  )
})

t.test('what is not well, or is none of ours, is told as it is', async (t) => {
  let answer = { status: 200, body: '{}' }
  const ill = createHttpServer((_, reply) => {
    reply.writeHead(answer.status, { 'content-type': 'application/json' }).end(answer.body)
  }).listen(0, '127.0.0.1')
  t.teardown(() => ill.close())
  await new Promise((resolve) => ill.once('listening', resolve))
  const well = (await (await fetch(`${origin}/api/health`)).json()) as object
  const address = ill.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
  const env = { PAPERCLIP_API_URL: url, PAPERCLIP_SECRETS_URL: url }
  const told = async (status: number, body: unknown) => {
    answer = { status, body: JSON.stringify(body) }
    const { code, checks } = await doctor(installation.paths.home, { env })
    const faults = checks.filter(({ id }) => ['secrets_service', 'gateway'].includes(id))
    t.ok(faults.every(({ repair }) => repair !== null))
    return { code, said: faults.map((check) => `${check.status} ${check.message}`) }
  }
  t.match(await told(200, { ...well, status: 'degraded' }), {
    code: 1,
    said: [/^fail .* is no secrets service/, /^warn .* is degraded/]
  })
  const down = await told(503, { ...well, status: 'unhealthy' })
  t.match(down, { code: 1, said: [/^fail/, /^fail .* is unhealthy/] })
  for (const stranger of [{ hello: 'world' }, 'ok', null, { status: 200 }])
    t.match(await told(200, stranger), {
      code: 1,
      said: [/^fail .* is no secrets service/, /^fail .* is no gateway/]
    })
  t.match(await told(404, {}), { code: 1, said: [/^fail/, /^fail/] })
})

t.test('a port that something else holds is named, with the variable to change', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => holder.once('listening', resolve))
  t.teardown(() => holder.close())
  const address = holder.address()
  const port = typeof address === 'object' && address !== null ? String(address.port) : ''
  const { code, checks } = await doctor(installation.paths.home, { env: { PORT: port } })
  t.equal(code, 1)
  t.match(
    checks.filter(({ status }) => status === 'fail'),
    [{ id: 'ports', message: /in use.*set PORT/, repair: /another port/ }]
  )
})

function ioOf(home: string, env: Record<string, string>): CliIo {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const all = { ...sound, PAPERCLIP_HOME: home, ...env }
  return { env: all, stdin: Readable.from([]), stdout: nowhere, stderr: nowhere, exitCode: 0 }
}

/** Runs doctor with `--json`, and holds that it shows nothing secret. */
async function doctor(
  home: string,
  { env = {}, args = [] }: { env?: Record<string, string>; args?: readonly string[] } = {}
): Promise<{ code: number | null; checks: readonly CheckResult[] }> {
  const all = { ...sound, PAPERCLIP_HOME: home, ...env }
  const { code, stdout, stderr } = await runCli(['doctor', '--json', ...args], { env: all })
  for (const secret of Object.values(installation.keys)) t.notOk((stdout + stderr).includes(secret))
  t.notMatch(stdout + stderr, /canary-3|\n\s+at /)
  return { code, checks: (JSON.parse(stdout) as { checks: CheckResult[] }).checks }
}

/** Every file and folder of an instance, itself as '', with what a repair could change. */
async function contents(folder: string) {
  const names = ['', ...(await readdir(folder, { recursive: true })).sort()]
  const found = new Map<string, { content: string | null; mode: number; kind: number }>()
  for (const name of names) {
    const path = join(folder, name)
    const own = await lstat(path)
    const { mode } = await stat(path).catch(() => own)
    const content = await readFile(path, 'utf8').catch(() => null)
    found.set(name, { content, mode: mode & 0o777, kind: own.mode & constants.S_IFMT })
  }
  return found
}
