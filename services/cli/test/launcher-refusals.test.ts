import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync
} from 'node:fs'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { PassThrough } from 'node:stream'
import { canEnter, findProcess, startTestPostgres } from '@paperclip/postgres'
import pg from 'pg'
import t from 'tap'
import { launch } from '../src/launcher/launch.js'
import { readLaunchSettings } from '../src/launcher/launch-settings.js'
import { prepareInstance } from '../src/launcher/prepare-instance.js'
import { newHome, pidsOf, startLauncher } from './fixtures/launcher-harness.js'

const suiteMsMax = 180_000
t.setTimeout(suiteMsMax)
const nobody = { uid: 65_534, gid: 65_534 }
const forNobody = process.getuid?.() === 0 && (await canEnter(import.meta.dirname, nobody))

/** Runs a launcher that must fail; gives its one sentence. */
async function refusal(
  t: Parameters<typeof newHome>[0],
  env: Record<string, string>,
  owner?: typeof nobody
): Promise<string> {
  const launcher = startLauncher(t, env, owner)
  const exit = await launcher.exited()
  const { stdout, stderr } = launcher.output()
  if (exit.code !== 1 || stdout !== '') throw new Error(`exit ${exit.code}, ${stdout} ${stderr}`)
  return stderr
}

t.test('a port in use is one sentence with the variable to set, and nothing is started', async (t) => {
  const env = await newHome(t)
  for (const name of ['PORT', 'PAPERCLIP_SECRETS_PORT']) {
    const taken = createServer().listen(Number(env[name]), '127.0.0.1')
    const said = await refusal(t, env)
    t.equal(said.trim().split('\n').length, 1)
    t.match(
      said,
      new RegExp(`^paperclipai: Port ${env[name]}, which the .* needs, is in use: .* set ${name} `)
    )
    taken.close()
  }
  t.notOk(existsSync(join(env.PAPERCLIP_HOME ?? '', 'instances/default/logs/postgres.log')))
})

t.test('malformed settings name the variable and never its value', async (t) => {
  const env = await newHome(t)
  const bad: [Record<string, string>, RegExp][] = [
    [{ PORT: 'canary-1' }, /PORT must be a port number/],
    [{ PORT: '70000' }, /PORT must be a port number/],
    [{ PORT: '4000', PAPERCLIP_SECRETS_PORT: '4000' }, /are the same/],
    [{ DATABASE_URL: 'canary-1' }, /DATABASE_URL must look like/],
    [{ DATABASE_URL_FILE: '/no/such/canary-1' }, /DATABASE_URL_FILE cannot be read/],
    [{ DATABASE_MIGRATION_URL: 'postgres://a:canary-1@b/c' }, /DATABASE_URL is not/],
    [{ PAPERCLIP_INSTANCE_ID: '../canary-1' }, /PAPERCLIP_INSTANCE_ID must be/]
  ]
  for (const [change, expected] of bad) {
    const failure = await readLaunchSettings({ ...env, ...change }).catch((error: Error) => error.message)
    t.match(failure, expected)
    t.notMatch(failure, 'canary-1')
  }
})

t.test(
  'an unreachable database, a wrong password and an absent database each say so, without the password',
  async (t) => {
    const server = await startTestPostgres()
    t.teardown(async () => await server.stop())
    const env = await newHome(t)
    const at = `127.0.0.1:${server.port}`
    const bad: [string, RegExp][] = [
      [`postgres://me:canary-2@127.0.0.1:${env.PORT}/db`, /cannot be reached \(ECONNREFUSED\): start it/],
      [`postgres://postgres:canary-2@${at}/postgres`, /refuses the user or password/],
      [server.adminUrl('no_such_database'), /There is no database .*no_such_database: create it/]
    ]
    for (const [url, expected] of bad) {
      const said = await refusal(t, { ...env, DATABASE_URL: url })
      t.match(said, expected)
      t.equal(said.trim().split('\n').length, 1)
      t.notMatch(said, /canary-2|:\/\/\w+:/)
    }
  }
)

t.test('a home that cannot be written is one sentence', async (t) => {
  const env = await newHome(t)
  writeFileSync(env.PAPERCLIP_HOME ?? '', 'a file is in the way')
  t.match(await refusal(t, env), /cannot be written \(ENOTDIR\): set PAPERCLIP_HOME to a folder/)
  if (!forNobody) return
  const theirs = await newHome(t, nobody)
  mkdirSync(theirs.PAPERCLIP_HOME ?? '', { mode: 0o755 })
  t.match(await refusal(t, theirs, nobody), /cannot be written \(EACCES\): set PAPERCLIP_HOME to a folder/)
})

t.test('a second launcher of the same instance names the first, and disturbs nothing', async (t) => {
  const env = await newHome(t)
  const first = startLauncher(t, env)
  const runtime = await first.ready()
  const said = await refusal(t, env)
  t.match(said, new RegExp(`already running \\(process ${first.child.pid}\\) at ${runtime.gateway.url}: `))
  for (const pid of pidsOf(runtime)) t.ok(await findProcess(pid))
  t.ok(existsSync(first.paths.runtime))
  first.child.kill('SIGTERM')
  t.match(await first.exited(), { code: 0 })
})

t.test('a lock whose holder is gone, or whose pid was given to another program, is stale', async (t) => {
  const env = await newHome(t)
  const { paths } = await prepareInstance(env)
  writeFileSync(paths.lock, `${process.pid} 1\n`)
  const launcher = startLauncher(t, env)
  await launcher.ready()
  launcher.child.kill('SIGTERM')
  t.match(await launcher.exited(), { code: 0 })
  t.same(
    readdirSync(paths.instanceDir).filter((name) => name.includes('lock')),
    []
  )
})

t.test('a service that refuses its settings stops the start, in its own words', async (t) => {
  const said = await refusal(t, { ...(await newHome(t)), TRUST_PROXY: 'refuse' })
  t.match(
    said,
    /stopped while it was starting; see .*\.log\.\nconfiguration is not valid:\n {2}- TRUST_PROXY must/
  )
})

t.test('services that were not built are named', async (t) => {
  const stderr = new PassThrough({ encoding: 'utf8' })
  const nothing = { main: '/no/main.js', migrate: '/no/migrate.js' }
  const code = await launch(await newHome(t), {
    stdout: new PassThrough(),
    stderr,
    programs: { gateway: nothing, secrets: nothing }
  })
  t.equal(code, 1)
  t.match(stderr.read(), /run npm run build/)
})

t.test('data of another major version is one sentence', async (t) => {
  const env = await newHome(t)
  const launcher = startLauncher(t, env)
  const { database } = await launcher.ready()
  launcher.child.kill('SIGTERM')
  await launcher.exited()
  writeFileSync(join(database.dataDir ?? '', 'PG_VERSION'), '17\n')
  t.match(await refusal(t, env), /made by PostgreSQL 17 and this release runs PostgreSQL 18/)
})

t.test('a lost master key stops the start and every repair, and no other is made in its place', async (t) => {
  const env = await newHome(t)
  const launcher = startLauncher(t, env)
  const { database } = await launcher.ready()
  await addMasterKey(launcher.env, database.address)
  launcher.child.kill('SIGTERM')
  await launcher.exited()
  const { paths } = launcher
  const kept = readFileSync(paths.masterKey)
  rmSync(paths.masterKey)
  t.match(
    await refusal(t, env),
    /need the master key mk_0123456789abcdef, but .*master\.key does not exist: restore/
  )
  await t.rejects(prepareInstance(env), { name: 'LaunchError', message: /mk_0123456789abcdef/ })
  t.notOk(existsSync(paths.masterKey))
  t.same(readdirSync(dirname(paths.masterKey)).length, 3)
  writeFileSync(paths.masterKey, kept)
  chmodSync(paths.masterKey, 0o600)
  t.match(await prepareInstance(env), { masterKey: 'existing', created: [] })

  const whole = readFileSync(paths.env, 'utf8')
  const without = whole.replace(/^PAPERCLIP_POSTGRES_PASSWORD=.*\n/m, '')
  writeFileSync(paths.env, without)
  const noWayIn =
    /\.env has no PAPERCLIP_POSTGRES_PASSWORD, without which nobody gets into .*postgres: restore/
  t.match(await refusal(t, env), noWayIn)
  await t.rejects(prepareInstance(env), { name: 'LaunchError', message: noWayIn })
  t.equal(readFileSync(paths.env, 'utf8'), without, 'another password would open nothing, and hide that')
  writeFileSync(paths.env, whole)

  rmSync(paths.masterKey)
  renameSync(database.dataDir ?? '', `${database.dataDir}.away`)
  const cannotTell = /has run before, .* cannot be told: name the right database/
  t.match(await refusal(t, env), cannotTell)
  await t.rejects(prepareInstance(env), { name: 'LaunchError', message: cannotTell })
  t.notOk(existsSync(paths.masterKey), 'whether the data that is gone needs one is not known')
})

t.test(
  'preparing an instance makes everything without starting anything, and twice changes nothing',
  async (t) => {
    const env = await newHome(t)
    const first = await prepareInstance(env)
    t.equal(first.masterKey, 'created')
    t.equal(first.created.length, 5)
    t.same(readdirSync(first.paths.logsDir), [])
    t.match(await prepareInstance(env), { masterKey: 'existing', created: [], variablesAdded: [] })
    const brought = await prepareInstance({
      ...(await newHome(t)),
      PAPERCLIP_SECRETS_MASTER_KEY: 'k'.repeat(32)
    })
    t.equal(brought.masterKey, 'brought')
    t.notOk(existsSync(brought.paths.masterKey))
  }
)

async function addMasterKey(env: Record<string, string>, address: string): Promise<void> {
  const text = readFileSync(join(env.PAPERCLIP_HOME ?? '', 'instances/default/.env'), 'utf8')
  const password = /^PAPERCLIP_POSTGRES_PASSWORD=(.*)$/m.exec(text)?.[1]
  const client = new pg.Client({ connectionString: address.replace('://', `://postgres:${password}@`) })
  await client.connect()
  await client.query(`
    create table secrets.master_keys (id text, activated_at timestamptz default now(), retired_at timestamptz);
    create table secrets.company_keys (master_key_id text, wrapped bytea);
    insert into secrets.master_keys values ('mk_0123456789abcdef');
    insert into secrets.company_keys values ('mk_0123456789abcdef', 'wrapped');
    alter table secrets.master_keys owner to paperclip_secrets_owner;
    alter table secrets.company_keys owner to paperclip_secrets_owner`)
  await client.end()
}
