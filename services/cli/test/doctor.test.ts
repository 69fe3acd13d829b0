import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { instancePaths } from '@paperclip/instance'
import { freePort, testDatabase } from '@paperclip/testing'
import t from 'tap'
import type { CliIo } from '../src/cli-io.js'
import type { CheckResult } from '../src/doctor/doctor-check.js'
import { repairInstance } from '../src/doctor/run-doctor.js'
import { runCli } from './fixtures/run-cli.js'
import { type Breakage, oddBreakages } from './support/doctor-breakages.js'
import { shippedMigrations, startInstallation } from './support/e2e-installation.js'

// Two services are started, on a machine that is busy with other suites.
t.setTimeout(110_000)

const database = await testDatabase(t, { migrations: shippedMigrations })
const databaseUrls = { gateway: database.url('gateway'), secrets: database.url('secrets') }
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
const authenticated = {
  PAPERCLIP_DEPLOYMENT_MODE: 'authenticated',
  PAPERCLIP_PUBLIC_URL: 'https://secrets.example'
}
const setLine = async (path: string, name: string, line: string) =>
  await writeFile(path, (await readFile(path, 'utf8')).replace(new RegExp(`^${name}=.*\n`, 'm'), line))
const repairIt = /doctor --repair/

const breakages: readonly Breakage[] = [
  {
    what: 'no configuration',
    breaks: ({ config }) => rm(config),
    fails: { config: { message: /there is no .*config\.json/, repair: /onboard/ } },
    mends: ['config.json'],
    repair: 'mends'
  },
  {
    what: 'a setting that is none',
    breaks: ({ config }) => writeFile(config, '{"server":{"port":"canary-3"}}'),
    fails: { config: { message: /server\.port/, repair: /correct the setting/ } }
  },
  {
    what: 'a bad URL of the database',
    env: { DATABASE_URL: 'canary-3' },
    fails: { config: { message: /DATABASE_URL must look like/, repair: /correct the variable/ } }
  },
  {
    what: 'a bad URL of the secrets service',
    env: { PAPERCLIP_SECRETS_URL: 'canary-3' },
    fails: {
      secrets_service: { message: /PAPERCLIP_SECRETS_URL must be/, repair: /correct PAPERCLIP_SECRETS_URL/ },
      private_hop: { message: /PAPERCLIP_SECRETS_URL must be/, repair: /./ }
    }
  },
  {
    what: 'a missing master key that stored values need',
    repair: 'refuses',
    breaks: ({ masterKey }) => rm(masterKey),
    fails: {
      deployment_secrets: { message: /no .*master\.key, .* need the key mk_[0-9a-f]{16}/, repair: /backup/ }
    }
  },
  {
    what: 'a missing master key, and no database that says whether one is needed',
    repair: 'refuses',
    env: {
      DATABASE_URL: `postgres://u:canary-3@${dead}/x`,
      DATABASE_MIGRATION_URL: `postgres://u:canary-3@${dead}/x`
    },
    breaks: async ({ masterKey, auditKey }) => {
      await rm(masterKey)
      await rm(auditKey)
    },
    fails: {
      deployment_secrets: {
        message: /does not tell.*cannot be reached.*there is no .*audit\.key/,
        repair: /backup/
      },
      database: { message: /cannot be reached/, repair: /correct DATABASE_URL/ }
    }
  },
  {
    what: 'another master key than stored values need',
    breaks: ({ masterKey }) => writeFile(masterKey, randomBytes(32).toString('base64')),
    fails: {
      deployment_secrets: {
        message: /they need mk_[0-9a-f]{16}, this one is mk_[0-9a-f]{16}$/,
        repair: /former master key/
      }
    }
  },
  {
    what: 'a new master key in the place of the old one, which stored values need',
    breaks: ({ masterKey, secretsDir }) =>
      rename(masterKey, join(secretsDir, 'former.key')).then(() => addKey(secretsDir)),
    fails: {
      deployment_secrets: {
        message: /they need mk_[0-9a-f]{16}, this one is mk_[0-9a-f]{16}$/,
        repair: /former master key/
      }
    }
  },
  {
    what: 'a master key that is brought, without the one before it',
    env: { PAPERCLIP_SECRETS_MASTER_KEY: randomBytes(32).toString('base64') },
    breaks: ({ secretsDir }) => addKey(secretsDir),
    fails: { deployment_secrets: { message: /they need mk_[0-9a-f]{16}, this one is mk_/, repair: /former/ } }
  },
  {
    what: 'a previous master key that is none',
    env: { PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS: 'canary-3' },
    fails: { deployment_secrets: { message: /previous master key is not 32 random bytes/, repair: /backup/ } }
  },
  {
    what: 'a master key file that is named and not there',
    env: { PAPERCLIP_SECRETS_MASTER_KEY_FILE: '/nonexistent/master_key' },
    fails: {
      deployment_secrets: { message: /^the file of PAPERCLIP_SECRETS_MASTER_KEY_FILE/, repair: /its path/ }
    }
  },
  {
    what: 'a key file that others can read',
    breaks: ({ auditKey }) => chmod(auditKey, 0o644),
    fails: { deployment_secrets: { message: /others can read .*audit\.key/, repair: repairIt } },
    closes: ['secrets/audit.key'],
    repair: 'mends'
  },
  {
    what: 'an instance that others can enter',
    breaks: async ({ instanceDir, secretsDir, env }) => {
      for (const path of [instanceDir, secretsDir]) await chmod(path, 0o755)
      await chmod(env, 0o640)
    },
    fails: { deployment_secrets: { message: /others can read /, repair: repairIt } },
    closes: ['', '.env', 'secrets'],
    repair: 'mends'
  },
  {
    what: 'one secret used twice, in two spellings',
    breaks: async ({ masterKey, auditKey }) => {
      const key = Buffer.from(await readFile(masterKey, 'utf8'), 'base64')
      await writeFile(auditKey, key.toString('hex'))
    },
    fails: {
      deployment_secrets: {
        message: /master key and the audit key have the same value/,
        repair: /of its own/
      }
    }
  },
  {
    what: 'no database',
    env: { DATABASE_URL: `postgres://u:canary-3@${dead}/x` },
    fails: { database: { message: /cannot be reached/, repair: /correct DATABASE_URL/ } }
  },
  {
    what: 'no database that says which master key is needed',
    env: { DATABASE_MIGRATION_URL: `postgres://u:canary-3@${dead}/x` },
    breaks: ({ masterKey }) => writeFile(masterKey, randomBytes(32).toString('base64')),
    fails: {},
    says: {
      deployment_secrets: {
        status: 'warn',
        message: /^not judged whether the master key .*cannot be reached \(ECONNREFUSED\)/,
        repair: /bring the database of the secrets service up/
      }
    }
  },
  {
    what: 'a signing key that the secrets service does not know',
    breaks: async ({ gatewayKey }) => {
      const { id } = JSON.parse(await readFile(gatewayKey, 'utf8'))
      await writeFile(gatewayKey, JSON.stringify({ id, secret: randomBytes(32).toString('base64url') }))
    },
    fails: { secrets_service: { message: /refuses the gateway's key/, repair: /internal-keys\.json/ } }
  },
  {
    what: 'no secret for run tokens',
    breaks: ({ env }) => setLine(env, 'PAPERCLIP_AGENT_JWT_SECRET', ''),
    fails: { auth: { message: /PAPERCLIP_AGENT_JWT_SECRET is set nowhere/, repair: repairIt } },
    mends: ['.env'],
    repair: 'mends'
  },
  {
    what: 'a secret for sessions that can be guessed',
    env: { ...authenticated, PAPERCLIP_SECRETS_STRICT_MODE: '', BETTER_AUTH_SECRET: 'canary-3' },
    fails: {
      auth: { message: /BETTER_AUTH_SECRET is not 32 random bytes/, repair: /openssl/ },
      // The service that runs is one of local_trusted.
      strict_mode: { message: /^off/, repair: /PAPERCLIP_SECRETS_STRICT_MODE=true/ }
    }
  },
  {
    what: 'strict mode switched off where several people share an instance',
    env: { ...authenticated, PAPERCLIP_SECRETS_URL: `http://${dead}` },
    fails: {
      secrets_service: { message: /cannot be reached/, repair: /paperclipai run/ },
      strict_mode: { message: /^off, as it is set here/, repair: /PAPERCLIP_SECRETS_STRICT_MODE=true/ }
    }
  },
  {
    what: 'everybody an operator',
    env: { HOST: '0.0.0.0' },
    fails: { deployment_mode: { message: /not loopback/, repair: /PAPERCLIP_DEPLOYMENT_MODE=authenticated/ } }
  },
  {
    what: 'no gateway, and a storage nobody knows',
    env: { PAPERCLIP_API_URL: `http://${dead}`, PAPERCLIP_STORAGE_PROVIDER: 'canary-3' },
    fails: {
      storage: { message: /PAPERCLIP_STORAGE_PROVIDER/, repair: /set one of the two/ },
      gateway: { message: /cannot be reached|ECONNREFUSED/, repair: /paperclipai run/ }
    }
  }
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

for (const { what, env = {}, breaks, fails, says = {}, mends = [], closes = [], repair } of [
  ...breakages,
  ...oddBreakages({ databaseUrl: databaseUrls.gateway })
])
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

async function addKey(secretsDir: string): Promise<void> {
  await writeFile(join(secretsDir, 'master-2.key'), randomBytes(32).toString('base64'), { mode: 0o600 })
}
