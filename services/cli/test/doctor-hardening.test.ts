import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { instancePaths, readEnvFile } from '@paperclip/instance'
import { freePort, repositoryRoot, testDatabase } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import { listensHereOnly } from '../src/doctor/database-checks.js'
import type { CheckResult } from '../src/doctor/doctor-check.js'
import { liesOn, parseMounts } from '../src/doctor/read-only-mounts.js'
import { runBin, runCli } from './fixtures/run-cli.js'
import { type ChecklistItem, readChecklist } from './support/checklist.js'
import { shippedMigrations, startInstallation } from './support/e2e-installation.js'
import { elsewhere, hardeningBreakages } from './support/hardening-breakages.js'
import { startLaxPostgres } from './support/lax-postgres.js'

// Two services and a second database server are started, on a machine that is busy with other suites.
t.setTimeout(110_000)

const database = await testDatabase(t, { migrations: shippedMigrations })
const databaseUrls = { gateway: database.url('gateway'), secrets: database.url('secrets') }
const shared = { PAPERCLIP_DEPLOYMENT_MODE: 'authenticated' }
const exposed = {
  ...shared,
  PAPERCLIP_DEPLOYMENT_EXPOSURE: 'public',
  PAPERCLIP_PUBLIC_URL: 'https://secrets.example',
  TRUST_PROXY: '1'
}
const [lax, installation] = await Promise.all([
  startLaxPostgres(t),
  startInstallation(t, {
    gateways: 1,
    secrets: 1,
    databaseUrls,
    gatewayEnv: exposed,
    secretsEnv: shared
  })
])
const origin = installation.gateways[0]?.origin ?? ''
const hardened = {
  ...exposed,
  PORT: String(await freePort()),
  PAPERCLIP_SECRETS_PORT: String(await freePort()),
  PAPERCLIP_API_URL: origin,
  PAPERCLIP_SECRETS_URL: installation.secrets[0]?.origin ?? '',
  DATABASE_URL: databaseUrls.gateway,
  PAPERCLIP_SECRETS_DATABASE_URL: databaseUrls.secrets,
  DATABASE_MIGRATION_URL: database.ownerUrl('secrets')
}
const admin = new pg.Client({ connectionString: database.adminUrl })
await admin.connect()
t.teardown(() => admin.end())
const [acme, globex] = [randomUUID(), randomUUID()]
await admin.query(`
  insert into gateway."authUsers" (id, name, email)
    select 'user-' || n, 'User', 'user-' || n || '@example.com' from generate_series(1, 6) as n;
  insert into gateway.instance_user_roles (user_id, role) values ('user-1', 'instance_admin');
  insert into gateway.companies (id, name) values ('${acme}', 'Acme'), ('${globex}', 'Globex');
  create schema ahead;
  create function ahead.clock_timestamp() returns timestamptz language sql as $$ select now() + interval '1 hour' $$;
  grant usage on schema ahead to paperclip_gateway`)

const busy = createSocketServer().listen(0, '127.0.0.1')
t.teardown(() => busy.close())
const older = createServer(async (request, reply) => {
  const health = (await (await fetch(`${origin}${request.url}`)).json()) as object
  reply.setHeader('content-type', 'application/json')
  reply.end(JSON.stringify({ ...health, version: '0.0.1' }))
}).listen(0, '127.0.0.1')
t.teardown(() => older.close())
for (const server of [busy, older]) if (!server.listening) await once(server, 'listening')

const portOf = (server: { address(): unknown }) => String((server.address() as { port: number }).port)
const breakages = hardeningBreakages({
  urls: {
    gateway: databaseUrls.gateway,
    superuser: database.adminUrl,
    secretsOwner: database.ownerUrl('secrets'),
    lax: lax.url
  },
  gateway: origin,
  secrets: hardened.PAPERCLIP_SECRETS_URL,
  acme,
  globex,
  older: `http://127.0.0.1:${portOf(older)}`,
  dead: `http://127.0.0.1:${await freePort()}`,
  busyPort: portOf(busy),
  masterKey: installation.keys.master ?? ''
})

const checklist = readChecklist(await readFile(join(repositoryRoot, 'deploy/hardening.md'), 'utf8'))
const nameOf = ({ check, says }: ChecklistItem) => `${check}: ${says}`
let sound: readonly CheckResult[] = []

t.test('a hardened public installation passes every check, told by the command itself', async (t) => {
  const env = { ...hardened, PAPERCLIP_HOME: installation.paths.home }
  const { code, stdout, stderr } = await runBin(t, ['doctor', '--json'], { env })
  t.same({ code, stderr }, { code: 0, stderr: '' })
  sound = (JSON.parse(stdout) as { checks: CheckResult[] }).checks
  t.same(
    sound.filter(({ status }) => status !== 'pass'),
    []
  )
})

t.test(
  'the guide names every check of doctor and no other, in the same order, and each item is broken here',
  (t) => {
    t.same(
      [...new Set(checklist.map(({ check }) => check))],
      sound.map(({ id }) => id)
    )
    t.same(checklist.map(nameOf).sort(), Object.keys(breakages).sort())
    t.end()
  }
)

for (const item of checklist)
  t.test(`${item.what}: doctor says what the guide says, and the next step`, async (t) => {
    const { env = {}, files, sql = ['', ''] } = breakages[nameOf(item)] ?? {}
    const home = await mkdtemp(join(tmpdir(), 'paperclip-hardening-'))
    t.teardown(() => rm(home, { recursive: true, force: true }))
    await cp(installation.paths.home, home, { recursive: true })
    await files?.(instancePaths({ home, instanceId: 'default' }))
    if (sql[0] !== '') await admin.query(sql[0])
    try {
      for (const [exposure, level] of Object.entries(item.levels)) {
        if (level === '–') continue
        const all = { ...hardened, PAPERCLIP_HOME: home, PAPERCLIP_DEPLOYMENT_EXPOSURE: exposure, ...env }
        const { code, checks, shown } = await doctor(all)
        const found = checks.find(({ id }) => id === item.check)
        t.match(found, { status: level, message: item.pattern, repair: /\w/ }, exposure)
        t.equal(code, checks.some(({ status }) => status === 'fail') ? 1 : 0)
        for (const secret of Object.values(await secretsOf(home))) t.notOk(shown.includes(secret))
        t.notMatch(shown, /canary-7|\n\s+at /)
      }
    } finally {
      if (sql[1] !== '') await admin.query(sql[1])
    }
  })

/** What containers are given: each secret as a file, no instance, and the two services at their own databases. */
async function byEnvironment(t: { teardown(act: () => unknown): unknown }) {
  const folder = await mkdtemp(join(tmpdir(), 'paperclip-run-secrets-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const { paths, keys } = installation
  const files = {
    DATABASE_URL: databaseUrls.gateway,
    PAPERCLIP_SECRETS_DATABASE_URL: databaseUrls.secrets,
    BETTER_AUTH_SECRET: keys.session ?? '',
    PAPERCLIP_AGENT_JWT_SECRET: keys.jwt ?? '',
    PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS: '',
    PAPERCLIP_GATEWAY_KEY: await text(paths.gatewayKey),
    PAPERCLIP_INTERNAL_KEYS: await text(paths.internalKeys),
    PAPERCLIP_SECRETS_MASTER_KEY: keys.master ?? '',
    PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS: '',
    PAPERCLIP_AUDIT_KEY: await text(paths.auditKey)
  }
  const named: Record<string, string> = {}
  for (const [name, content] of Object.entries(files)) {
    named[`${name}_FILE`] = join(folder, name.toLowerCase())
    await writeFile(join(folder, name.toLowerCase()), content, { mode: 0o600 })
  }
  const { PAPERCLIP_API_URL, PAPERCLIP_SECRETS_URL } = hardened
  return {
    ...exposed,
    PAPERCLIP_API_URL,
    PAPERCLIP_SECRETS_URL,
    PAPERCLIP_HOME: join(folder, 'home'),
    ...named
  }
}

t.test(
  'what containers are given is checked without an instance, and what is not given is named',
  async (t) => {
    const env = await byEnvironment(t)
    const whole = await doctor(env)
    t.same(
      whole.checks.filter(({ status }) => status !== 'pass'),
      []
    )
    t.match(whole.checks[0], { id: 'config', message: 'the environment describes it' })
    const told = async (more: Record<string, string>) => {
      const { code, checks, shown } = await doctor({ ...env, ...more })
      for (const secret of Object.values(installation.keys)) t.notOk(shown.includes(secret))
      return {
        code,
        found: checks.flatMap(({ id, message, status }) => (status === 'pass' ? [] : [[id, status, message]]))
      }
    }
    const ofGateway = {
      ...unset('PAPERCLIP_SECRETS_MASTER_KEY', 'PAPERCLIP_AUDIT_KEY', 'PAPERCLIP_INTERNAL_KEYS')
    }
    t.match(await told(ofGateway), {
      code: 0,
      found: [
        ['deployment_secrets', 'warn', /^not looked at: PAPERCLIP_SECRETS_MASTER_KEY, PAPERCLIP_AUDIT_KEY/],
        ['master_key', 'warn', /^not looked at/]
      ]
    })
    const ofSecrets = {
      ...unset('PAPERCLIP_GATEWAY_KEY', 'BETTER_AUTH_SECRET', 'PAPERCLIP_AGENT_JWT_SECRET')
    }
    t.match(await told(ofSecrets), {
      code: 0,
      found: [
        ['auth', 'warn', 'not looked at: PAPERCLIP_AGENT_JWT_SECRET, BETTER_AUTH_SECRET'],
        ['deployment_secrets', 'warn', 'not looked at: PAPERCLIP_GATEWAY_KEY'],
        ['secrets_service', 'warn', /^not looked at/],
        ['secret_provider', 'warn', /^not looked at/]
      ]
    })
    t.match(await told({ PAPERCLIP_AUDIT_KEY_FILE: '/nonexistent/audit_key' }), {
      code: 1,
      found: [['deployment_secrets', 'fail', /^the file of PAPERCLIP_AUDIT_KEY_FILE/]]
    })
  }
)

t.test('the private hop of compose under TLS leaves its network as private as it was', async (t) => {
  const read = (path: string) => readFile(join(repositoryRoot, path), 'utf8')
  const hop = await read('deploy/compose-hop-tls.yml')
  const own = /^ {2}doctor:\n((?: {4,}.*\n)+)/m.exec(hop)?.[1] ?? ''
  const anchored = own.replaceAll(
    /<<: \*(\S+)/g,
    (_, name: string) => new RegExp(`^x-${name}: &${name}\\n((?: .*\\n)+)`, 'm').exec(hop)?.[1] ?? ''
  )
  t.match(anchored, /PAPERCLIP_INTERNAL_TLS_CERT_FILE/)
  const said = [await read('docker-compose.yml'), anchored].flatMap(
    (text) => /PAPERCLIP_INTERNAL_PLAINTEXT: '?([\w-]*)/.exec(text)?.[1] ?? []
  )
  const env = {
    ...(await byEnvironment(t)),
    DATABASE_URL_FILE: '',
    DATABASE_URL: elsewhere(databaseUrls.gateway)
  }
  const { checks } = await doctor({ ...env, PAPERCLIP_INTERNAL_PLAINTEXT: said.at(-1) ?? '' })
  t.match(
    checks.find(({ id }) => id === 'database_tls'),
    { status: 'warn', message: /on a private network/ }
  )
})

t.test(
  'a repair makes no instance where the environment describes one, and a database alone describes none',
  async (t) => {
    const env = await byEnvironment(t)
    const { code, stdout } = await runCli(['doctor', '--json', '--repair', '--yes'], { env })
    t.equal(code, 1)
    t.match(JSON.parse(stdout).checks[0], { id: 'repair', status: 'fail', repair: /compose-secrets\.sh/ })
    t.notOk(existsSync(env.PAPERCLIP_HOME))
    const alone = { PAPERCLIP_HOME: env.PAPERCLIP_HOME, DATABASE_URL: databaseUrls.gateway }
    t.match(await doctor(alone), { code: 1, checks: [{ id: 'config', status: 'fail', repair: /onboard/ }] })
    const lost = { ...env, PAPERCLIP_HOME: await mkdtemp(join(tmpdir(), 'paperclip-lost-')) }
    t.teardown(() => rm(lost.PAPERCLIP_HOME, { recursive: true, force: true }))
    await cp(installation.paths.home, lost.PAPERCLIP_HOME, { recursive: true })
    await rm(instancePaths({ home: lost.PAPERCLIP_HOME, instanceId: 'default' }).config)
    t.match(
      await doctor(lost),
      { code: 1, checks: [{ id: 'config', status: 'fail' }] },
      'an instance that lost it'
    )
  }
)

t.test(
  'a lost master key is made again once nothing is stored under it and no service lives by it',
  async (t) => {
    const fresh = await testDatabase(t, { migrations: shippedMigrations })
    const home = await mkdtemp(join(tmpdir(), 'paperclip-hardening-'))
    t.teardown(() => rm(home, { recursive: true, force: true }))
    await cp(installation.paths.home, home, { recursive: true })
    const { masterKey } = instancePaths({ home, instanceId: 'default' })
    await rm(masterKey)
    const client = new pg.Client({ connectionString: fresh.adminUrl })
    await client.connect()
    t.teardown(() => client.end())
    await client.query(`
    insert into secrets.master_keys (id, salt, iterations, activated_at, retired_at)
      select 'mk_00000000000000' || n, decode(repeat(n, 32), 'hex'), 600000, now(), retired_at
      from (values ('aa', null), ('bb', now())) as keys (n, retired_at);
    insert into secrets.company_keys (id, company_id, master_key_id, wrapped)
      values (gen_random_uuid(), gen_random_uuid(), 'mk_00000000000000bb', 'wrapped');
    insert into secrets.master_key_holders (process_id, host, pid, keys, lease_until)
      values (gen_random_uuid(), 'here', 1, '[{"id": "mk_00000000000000aa", "source": "master.key"}]', now() + interval '1 h')`)
    const url = fresh.ownerUrl('secrets')
    const env = {
      ...hardened,
      PAPERCLIP_HOME: home,
      DATABASE_URL: url,
      PAPERCLIP_SECRETS_DATABASE_URL: url,
      DATABASE_MIGRATION_URL: url
    }
    const repair = async () => {
      const { stdout } = await runCli(['doctor', '--json', '--repair', '--yes'], { env })
      const { checks } = JSON.parse(stdout) as { checks: CheckResult[] }
      return checks.filter(({ id }) => ['repair', 'deployment_secrets'].includes(id))
    }
    t.match(
      await repair(),
      [
        { message: /^nothing was repaired: The stored secrets need the master key mk_00000000000000bb, but/ },
        { message: /need the key mk_00000000000000bb/ }
      ],
      'that of one company, which is retired'
    )
    await client.query(
      'update secrets.company_keys set wrapped = null, master_key_id = null, shredded_at = now()'
    )
    t.match(await repair(), [
      {
        message:
          /^nothing was repaired: A secrets service that runs, .* uses the master key mk_00000000000000aa/
      },
      {
        message: /a secrets service that runs uses the key mk_00000000000000aa/,
        repair: /^put that file back; if it is lost/
      }
    ])
    t.notOk(existsSync(masterKey))
    await client.query('update secrets.master_key_holders set lease_until = now()')
    const [made] = await repair()
    t.match(made, { id: 'deployment_secrets', status: 'pass' })
    t.ok(existsSync(masterKey))
  }
)

t.test('a mount that can only be read is known by the kernel, whatever the mode of its files', (t) => {
  const mounts = parseMounts(
    [
      '22 1 0:20 / / rw,relatime - overlay overlay rw',
      '30 22 0:25 /a /run/secrets/master_key ro,nosuid - tmpfs tmpfs rw',
      '31 22 0:26 / /srv/two\\040words ro - ext4 /dev/sda rw',
      '32 22 0:26 / /srv/two\\040words/open rw - ext4 /dev/sdb rw'
    ].join('\n')
  )
  t.same(
    [
      '/run/secrets/master_key',
      '/run/secrets/master_key2',
      '/srv/two words/x',
      '/srv/two words/open/x',
      '/x'
    ].map((path) => liesOn(mounts, path)),
    [true, false, true, false, false]
  )
  t.end()
})

t.test('an embedded server that others can reach is told by what it listens at', (t) => {
  for (const addresses of ['localhost', '127.0.0.1, ::1', '']) t.ok(listensHereOnly(addresses))
  for (const addresses of ['*', '0.0.0.0', 'localhost,10.0.0.1']) t.notOk(listensHereOnly(addresses))
  t.end()
})

const text = async (path: string) => (await readFile(path, 'utf8')).trim()
const unset = (...names: string[]) => Object.fromEntries(names.map((name) => [`${name}_FILE`, '']))

async function doctor(env: Record<string, string>) {
  const { code, stdout, stderr } = await runCli(['doctor', '--json'], { env })
  return { code, shown: stdout + stderr, checks: (JSON.parse(stdout) as { checks: CheckResult[] }).checks }
}

async function secretsOf(home: string): Promise<Readonly<Record<string, string>>> {
  const { env } = instancePaths({ home, instanceId: 'default' })
  return { ...installation.keys, ...(await readEnvFile(env)) }
}
