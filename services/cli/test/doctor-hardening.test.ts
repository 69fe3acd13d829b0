import { randomUUID } from 'node:crypto'
import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type InstancePaths, instancePaths, readEnvFile, writeRuntime } from '@paperclip/instance'
import { freePort, repositoryRoot, testDatabase } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import { runBin, runCli } from './fixtures/run-cli.js'
import { type ChecklistItem, readChecklist } from './support/checklist.js'
import { shippedMigrations, startInstallation } from './support/e2e-installation.js'
import { startLaxPostgres } from './support/lax-postgres.js'

// Two services and a second database server are started, on a machine that is busy with other suites.
t.setTimeout(110_000)

interface Check {
  readonly id: string
  readonly status: string
  readonly message: string
  readonly repair: string | null
}

/** How an item of the checklist is broken. */
interface Breakage {
  readonly env?: Record<string, string>
  readonly files?: (paths: InstancePaths) => Promise<unknown>
  /** As the superuser, before and after. */
  readonly sql?: readonly [before: string, after: string]
}

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
    ...{ gateways: 1, secrets: 1, databaseUrls },
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

const portOf = (server: { address(): unknown }) => String((server.address() as { port: number }).port)
const changed = (url: string, change: (url: URL) => void) => {
  const copy = new URL(url)
  change(copy)
  return copy.href
}
const elsewhere = (url: string) => changed(url, (each) => (each.hostname = '127.1'))
const atAws = { PAPERCLIP_SECRETS_AWS_REGION: 'eu-west-1' }
const apart = { PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES: 'companies/{companyId}' }
const dead = `http://127.0.0.1:${await freePort()}`
const text = async (path: string) => (await readFile(path, 'utf8')).trim()

/** The passwords of the roles, and a launcher that lives: as if the database here were the embedded one. */
async function embed(paths: InstancePaths): Promise<void> {
  const password = new URL(databaseUrls.gateway).password
  const lines = ['GATEWAY', 'SECRETS'].map((name) => `PAPERCLIP_${name}_DB_PASSWORD=${password}\n`)
  const kept = (await readFile(paths.env, 'utf8')).replace(
    /^PAPERCLIP_(?:GATEWAY|SECRETS)_DB_PASSWORD=.*\n/gm,
    ''
  )
  await writeFile(paths.env, kept + lines.join(''))
  const service = (url: string) => ({ pid: null, port: Number(new URL(url).port), url })
  await writeRuntime(paths, {
    ...{ version: 1, launcherPid: process.pid, startedAt: new Date().toISOString() },
    gateway: service(origin),
    secrets: service(hardened.PAPERCLIP_SECRETS_URL),
    database: {
      ...{ embedded: true, pid: null, dataDir: null },
      address: changed(databaseUrls.gateway, (url) => {
        url.username = ''
        url.password = ''
      })
    }
  })
}

const vault = (companyId: string, place: string) => `
  insert into secrets.company_secret_provider_configs (id, company_id, provider, display_name, status, config)
  values (gen_random_uuid(), '${companyId}', 'aws_secrets_manager', 'Archive', 'ready', '{"region":"eu-west-1","namespace":"${place}"}')`
const withoutVaults = 'delete from secrets.company_secret_provider_configs'
const noDatabase = { DATABASE_URL: '', PAPERCLIP_SECRETS_DATABASE_URL: '', DATABASE_MIGRATION_URL: '' }
const laxUrl = (search = '', host = '127.0.0.1') => ({
  DATABASE_URL: changed(lax.url, (url) => {
    url.hostname = host
    url.search = search
  }),
  PAPERCLIP_SECRETS_DATABASE_URL: '',
  DATABASE_MIGRATION_URL: ''
})

/** By the check and by what it says, as the guide has it. */
const breakages: Readonly<Record<string, Breakage>> = {
  'config: nothing reads the variable …': { env: { PAPERCLIP_STRICT: 'true' } },
  'config: … are both set: no service starts so': {
    env: { BETTER_AUTH_SECRET: 'canary-7', BETTER_AUTH_SECRET_FILE: '/run/secrets/better_auth_secret' }
  },
  'deployment_mode: local_trusted with a HOST that is not loopback …': {
    env: { PAPERCLIP_DEPLOYMENT_MODE: 'local_trusted', HOST: '0.0.0.0' }
  },
  'deployment_mode: local_trusted with PAPERCLIP_DEPLOYMENT_EXPOSURE=public …': {
    env: { PAPERCLIP_DEPLOYMENT_MODE: 'local_trusted' }
  },
  'public_url: … without a public URL': { env: { PAPERCLIP_PUBLIC_URL: '' } },
  'public_url: … http…': { env: { PAPERCLIP_PUBLIC_URL: 'http://secrets.example' } },
  'proxy: public, without TRUST_PROXY …': { env: { TRUST_PROXY: '' } },
  'proxy: TRUST_PROXY believes everybody …': { env: { TRUST_PROXY: '10.0.0.1, 0.0.0.0/0' } },
  'proxy: TRUST_PROXY must be a number of hops …': { env: { TRUST_PROXY: 'true' } },
  'company_deletion: on: an instance admin can destroy the key of a company …': {
    env: { PAPERCLIP_ENABLE_COMPANY_DELETION: 'true' }
  },
  'auth: BETTER_AUTH_SECRET is not 32 random bytes': { env: { BETTER_AUTH_SECRET: 'canary-7' } },
  'deployment_secrets: … have the same value': {
    files: async ({ masterKey, auditKey }) => await writeFile(auditKey, await text(masterKey))
  },
  'deployment_secrets: others can read …': { files: ({ auditKey }) => chmod(auditKey, 0o644) },
  'master_key: … holds the key itself …': {
    env: { PAPERCLIP_SECRETS_MASTER_KEY: installation.keys.master ?? '' }
  },
  'master_key: in a file; it wraps for … days': {
    sql: [
      "update secrets.master_keys set activated_at = activated_at - interval '400 days'",
      "update secrets.master_keys set activated_at = activated_at + interval '400 days'"
    ]
  },
  "database: … its clock is … s from this machine's …": {
    env: {
      DATABASE_URL: changed(databaseUrls.gateway, (url) => {
        url.searchParams.set('options', '-c search_path=ahead,pg_catalog')
      })
    }
  },
  'database_hosting: the embedded PostgreSQL …': { env: noDatabase, files: embed },
  'database_access: the database lets its users in with any password': { env: laxUrl() },
  'database_tls: plain connections beyond this machine': {
    env: { DATABASE_URL: elsewhere(databaseUrls.gateway) }
  },
  'database_tls: TLS that believes any certificate …': { env: laxUrl('sslmode=no-verify', '127.1') },
  'database_roles: a service connects as a superuser …': { env: { DATABASE_URL: database.adminUrl } },
  'database_roles: that the record is append-only rests on triggers alone': {
    env: { PAPERCLIP_SECRETS_DATABASE_URL: database.ownerUrl('secrets') }
  },
  "secrets_service: … refuses the gateway's key": {
    files: async ({ gatewayKey }) =>
      await writeFile(gatewayKey, JSON.stringify({ id: 'gateway-0', secret: 'A'.repeat(42).concat('E') }))
  },
  'private_hop: plain http beyond this machine': { env: { PAPERCLIP_SECRETS_HOST: '0.0.0.0' } },
  'private_hop: plain http on a private network …': {
    env: { PAPERCLIP_SECRETS_HOST: '0.0.0.0', PAPERCLIP_INTERNAL_PLAINTEXT: 'private-network' }
  },
  'secret_provider: masterKey of the secrets service …': {
    sql: [
      `insert into secrets.master_keys (id, salt, iterations, activated_at)
       values ('mk_00000000000000ff', decode(repeat('ab', 32), 'hex'), 600000, now())`,
      "delete from secrets.master_keys where id = 'mk_00000000000000ff'"
    ]
  },
  'aws: … companies, each of which may link what belongs to another': { env: atAws },
  "aws: another company's place is that of …": {
    env: apart,
    sql: [[vault(globex, `prod/${acme}`), vault(acme, 'prod')].join(';'), withoutVaults]
  },
  'aws: lasting AWS keys in the environment': {
    env: { ...atAws, ...apart, AWS_ACCESS_KEY_ID: 'canary-7', AWS_SECRET_ACCESS_KEY: 'canary-7' }
  },
  'strict_mode: off…': { env: { PAPERCLIP_SECRETS_STRICT_MODE: 'false', PAPERCLIP_SECRETS_URL: dead } },
  'storage: PAPERCLIP_STORAGE_PROVIDER is neither local_disk nor s3': {
    env: { PAPERCLIP_STORAGE_PROVIDER: 'canary-7' }
  },
  'gateway: … cannot be reached…': { env: { PAPERCLIP_API_URL: dead } },
  'gateway: the gateway that runs is …': {
    env: { PAPERCLIP_DEPLOYMENT_MODE: 'local_trusted', PAPERCLIP_DEPLOYMENT_EXPOSURE: '' }
  },
  'admins: the instance belongs to nobody yet …': {
    sql: [
      'delete from gateway.instance_user_roles',
      "insert into gateway.instance_user_roles (user_id, role) values ('user-1', 'instance_admin')"
    ]
  },
  'admins: … instance admins, each of whom may enter every company': {
    sql: [
      `insert into gateway.instance_user_roles (user_id, role)
       select id, 'instance_admin' from gateway."authUsers" where id <> 'user-1'`,
      "delete from gateway.instance_user_roles where user_id <> 'user-1'"
    ]
  },
  'ports: … in use…': { env: { PORT: portOf(busy) } },
  'versions: the gateway is version …': { env: { PAPERCLIP_API_URL: `http://127.0.0.1:${portOf(older)}` } }
}

const checklist = readChecklist(await readFile(join(repositoryRoot, 'deploy/hardening.md'), 'utf8'))
const nameOf = ({ check, says }: ChecklistItem) => `${check}: ${says}`
let sound: readonly Check[] = []

t.test('a hardened public installation passes every check, told by the command itself', async (t) => {
  const env = { ...hardened, PAPERCLIP_HOME: installation.paths.home }
  const { code, stdout, stderr } = await runBin(t, ['doctor', '--json'], { env })
  t.same({ code, stderr }, { code: 0, stderr: '' })
  sound = (JSON.parse(stdout) as { checks: Check[] }).checks
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
    t.same(checklist.map(nameOf), Object.keys(breakages))
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

async function doctor(env: Record<string, string>) {
  const { code, stdout, stderr } = await runCli(['doctor', '--json'], { env })
  return { code, shown: stdout + stderr, checks: (JSON.parse(stdout) as { checks: Check[] }).checks }
}

async function secretsOf(home: string): Promise<Readonly<Record<string, string>>> {
  const { env } = instancePaths({ home, instanceId: 'default' })
  return { ...installation.keys, ...(await readEnvFile(env)) }
}
