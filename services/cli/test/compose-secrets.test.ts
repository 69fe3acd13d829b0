import { execFile } from 'node:child_process'
import type { KeyObject } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { repositoryRoot } from '@paperclip/testing'
import t from 'tap'

type Loaded = Record<string | number, unknown>

/** Empty while nothing is rotated. */
const formers = ['agent_jwt_secret_previous', 'master_key_previous']

// Each drill starts a shell with some thirty commands.
t.setTimeout(100_000)
const run = promisify(execFile)
const names = [
  ...['agent_jwt_secret', 'audit_key', 'better_auth_secret', 'gateway-key.json', 'gateway_database_url'],
  ...[
    'gateway_migration_url',
    'gateway_owner_password',
    'gateway_password',
    'internal-keys.json',
    'master_key'
  ],
  ...['postgres_password', 'secrets_database_url', 'secrets_migration_url', 'secrets_owner_password'],
  'secrets_password'
]
const mode = (path: string): number => statSync(path).mode & 0o777

/** The script in a folder of its own, as in `deploy/`. */
function newDeploy(test: { teardown(clean: () => void): void }) {
  const folder = mkdtempSync(join(tmpdir(), 'paperclip-compose-'))
  test.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const script = join(folder, 'compose-secrets.sh')
  copyFileSync(`${repositoryRoot}deploy/compose-secrets.sh`, script)
  const secrets = join(folder, 'secrets')
  return {
    secrets,
    read: (name: string) => readFileSync(join(secrets, name), 'utf8'),
    /** Everything it wrote; rejects when it failed. `-x` shows every command with its arguments. */
    async make(...args: string[]): Promise<string> {
      const { stdout, stderr } = await run('sh', [...args, script], { cwd: tmpdir() })
      return stdout + stderr
    },
    all: () => names.map((name) => [name, readFileSync(join(secrets, name), 'utf8')])
  }
}

function empty(path: string): void {
  chmodSync(path, 0o600)
  truncateSync(path)
}

/** What the script says when it refuses. */
async function refusal(attempt: Promise<string>): Promise<string> {
  return await attempt.then(
    () => 'it did not refuse',
    ({ code, stderr }: { code: number; stderr: string }) => `${code} ${stderr}`
  )
}

t.test('one step makes every secret, distinct, for containers to read and for nobody else', async (t) => {
  const deploy = newDeploy(t)
  const trace = await deploy.make('-x')
  t.same(readdirSync(deploy.secrets).sort(), [...names, ...formers].sort())
  t.equal(mode(deploy.secrets), 0o700)
  for (const name of formers) t.equal(deploy.read(name), '')
  for (const name of [...names, ...formers]) t.equal(mode(join(deploy.secrets, name)), 0o444, name)
  const plain = names.filter((name) => !/url|json/.test(name)).map((name) => deploy.read(name))
  const key = JSON.parse(deploy.read('gateway-key.json')) as { id: string; secret: string }
  const secrets = [...plain, key.secret]
  t.equal(new Set(secrets).size, 10)
  for (const secret of secrets) {
    t.match(secret, /^([0-9a-f]{64}|[\w+/-]{43}=?)$/)
    t.notOk(trace.includes(secret), 'no secret is ever an argument, a variable or an output')
  }
  t.match(trace, 'Back this folder up')
})

t.test('a second run changes nothing, and makes what is missing', async (t) => {
  const deploy = newDeploy(t)
  await deploy.make()
  const before = deploy.all()
  t.match(await deploy.make(), 'nothing was changed')
  t.same(deploy.all(), before)
  const removed = ['gateway_migration_url', 'agent_jwt_secret', 'master_key_previous']
  for (const name of removed) rmSync(join(deploy.secrets, name))
  chmodSync(join(deploy.secrets, 'audit_key'), 0o600)
  chmodSync(deploy.secrets, 0o755)
  const [first = ''] = (await deploy.make()).split('\n')
  t.match(first, /: agent_jwt_secret gateway_migration_url master_key_previous$/)
  t.equal(mode(deploy.secrets), 0o700)
  t.equal(mode(join(deploy.secrets, 'audit_key')), 0o444)
  const changed = deploy.all().filter(([, text], index) => text !== before[index]?.[1])
  t.same(
    changed.map(([name]) => name),
    ['agent_jwt_secret']
  )
})

t.test('what cannot be made again is refused with a sentence, and nothing is changed', async (t) => {
  const cases: [name: string, change: (path: string) => void, sentence: RegExp][] = [
    ['master_key', rmSync, /^1 .*master_key is missing.*restore the old one/],
    ['gateway_owner_password', rmSync, /^1 .*gateway_migration_url contains it/],
    ['internal-keys.json', rmSync, /^1 .*only one is in .*restore both/],
    ['gateway-key.json', rmSync, /^1 .*only one is in .*restore both/],
    ['audit_key', empty, /^1 .*audit_key is empty/],
    ['.new', (path) => mkdirSync(path), /^1 .*another run is at work/]
  ]
  for (const [name, change, sentence] of cases) {
    const deploy = newDeploy(t)
    await deploy.make()
    change(join(deploy.secrets, name))
    const listed = readdirSync(deploy.secrets)
    t.match(await refusal(deploy.make()), sentence)
    t.same(readdirSync(deploy.secrets), listed, name)
  }
})

t.test('both services accept the files as they are', async (t) => {
  const deploy = newDeploy(t)
  await deploy.make()
  const file = (name: string) => join(deploy.secrets, name)
  const url = (role: string, name: string) =>
    `postgres://${role}:${deploy.read(`${name}_password`)}@postgres:5432/paperclip`
  t.equal(deploy.read('gateway_database_url'), url('paperclip_gateway', 'gateway'))
  t.equal(deploy.read('gateway_migration_url'), url('paperclip_gateway_owner', 'gateway_owner'))
  t.equal(deploy.read('secrets_database_url'), url('paperclip_secrets', 'secrets'))
  t.equal(deploy.read('secrets_migration_url'), url('paperclip_secrets_owner', 'secrets_owner'))
  // A service exports nothing; these are the functions its processes begin with.
  const load = async (module: string, name: string, given: unknown): Promise<Loaded> => {
    const { [name]: read } = (await import(`${repositoryRoot}${module}`)) as Record<
      string,
      (given: unknown) => Loaded
    >
    if (read === undefined) throw new Error(`${module} has no ${name}`)
    return read(given)
  }
  const gateway = await load('services/gateway/dist/src/config.js', 'loadConfig', {
    DATABASE_URL_FILE: file('gateway_database_url'),
    BETTER_AUTH_SECRET_FILE: file('better_auth_secret'),
    PAPERCLIP_AGENT_JWT_SECRET_FILE: file('agent_jwt_secret'),
    PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS_FILE: file('agent_jwt_secret_previous'),
    PAPERCLIP_GATEWAY_KEY_FILE: file('gateway-key.json')
  })
  t.match(gateway.config, { gatewayKeyFile: file('gateway-key.json') })
  t.match(gateway.secrets, { agentJwtSecretPrevious: null })
  const secrets = await load('services/secrets/dist/src/config.js', 'loadConfig', {
    DATABASE_URL_FILE: file('secrets_database_url'),
    PAPERCLIP_SECRETS_MASTER_KEY_FILE: file('master_key'),
    PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS_FILE: file('master_key_previous'),
    PAPERCLIP_AUDIT_KEY_FILE: file('audit_key'),
    PAPERCLIP_INTERNAL_KEYS_FILE: file('internal-keys.json')
  })
  t.match(secrets.config, { internalKeysFile: file('internal-keys.json') })
  t.match(secrets.secrets, { previousMasterKey: null })
  const signing = 'libs/signing/dist/src/index.js'
  const { 0: listed, length } = await load(signing, 'loadVerifierKeys', file('internal-keys.json'))
  const own = await load(signing, 'loadSignerKey', file('gateway-key.json'))
  t.equal(length, 1)
  t.match(listed, {
    id: own.id,
    caller: 'gateway',
    scopes: ['activity:write'],
    companies: null,
    notAfterMs: null
  })
  t.ok((own.hmacKey as KeyObject).equals((listed as Loaded).hmacKey as KeyObject), 'both hold one key')
})

/** Drills a backup of compose, of which the check of its values says `counted`, beside a project that is live. */
async function drill(test: { teardown(clean: () => void): void }, counted: string) {
  const deploy = newDeploy(test)
  await deploy.make()
  const backup = mkdtempSync(join(tmpdir(), 'paperclip-compose-'))
  test.teardown(() => rmSync(backup, { recursive: true, force: true }))
  cpSync(deploy.secrets, join(backup, 'keys'), { recursive: true })
  writeFileSync(join(backup, 'database.dump'), 'dump')
  mkdirSync(join(backup, 'tmp'))
  const standIn = fileURLToPath(new URL('./fixtures/compose-drill.js', import.meta.url))
  const compose = join(backup, 'compose')
  const quoted = [process.execPath, standIn, backup, counted].map((word) => `'${word}'`).join(' ')
  writeFileSync(compose, `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 })
  const live = {
    COMPOSE_PROJECT_NAME: 'live',
    PAPERCLIP_PORT: '3100',
    REDIS_URL: 'redis://live',
    DATABASE_URL: 'postgres://live',
    AWS_ACCESS_KEY_ID: 'live',
    BETTER_AUTH_SECRET: 'live',
    HOST: 'live',
    HOME: '/home/live',
    PAPERCLIP_SECRETS_AWS_DEPLOYMENT_ID: 'live'
  }
  const env = { ...process.env, ...live, COMPOSE: compose, TMPDIR: join(backup, 'tmp') }
  const said = await run('sh', [`${repositoryRoot}deploy/restore-drill.sh`, backup], { env }).then(
    ({ stdout, stderr }) => `0 ${stdout}${stderr}`,
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) =>
      `${code} ${stdout}${stderr}`
  )
  const notes = readFileSync(join(backup, 'notes'), 'utf8').trim().split('\n')
  return {
    said,
    notes,
    restored: readFileSync(join(backup, 'restored'), 'utf8'),
    left: readdirSync(join(backup, 'tmp'))
  }
}

t.test(
  'a drill has a project of its own each time, which is removed, and touches none that is live',
  async (t) => {
    const both = await Promise.all([
      drill(t, '1 of secrets, 2 of environments'),
      drill(t, '1 of secrets, 0 of environments')
    ])
    const projects = both.map(({ said, notes, restored, left }) => {
      t.match(said, /^0 [\s\S]*== the backup restores\n$/)
      t.equal(restored, 'dump')
      t.same(left, [])
      const named = new Set(notes.map((note) => / -p ([a-z0-9-]+) /.exec(note)?.[1]))
      t.equal(named.size, 1, 'every command means the same project')
      t.ok(notes.every((note) => !note.includes('live')))
      t.match(notes.at(-1), /down -v/)
      return [...named][0]
    })
    t.not(projects[0], projects[1])
    for (const project of projects) t.match(project, /^paperclip-drill-[0-9a-f]{12}$/)
  }
)

t.test('a drill in which no value was opened proves nothing, and says so', async (t) => {
  const nothing = '0 of secrets, 0 of environments'
  const [empty, deleted, elsewhere, broken, cut] = await Promise.all(
    [
      nothing,
      `${nothing}; of deleted companies, which nothing opens: 3`,
      `${nothing}; at a provider, which was not asked: 3`,
      '5 of secrets, 0 of environments; that do not open: 1',
      'a dump that is cut off'
    ].map((counted) => drill(t, counted))
  )
  for (const drilled of [empty, deleted]) {
    t.match(drilled?.said, /^1 [\s\S]*this proves nothing/)
    t.notMatch(drilled?.said, /the backup restores/)
  }
  t.match(elsewhere?.said, /^0 [\s\S]*WARNING: all values lie at a provider[\s\S]*the backup restores/)
  t.match(broken?.said, /^1 [\s\S]*that do not open: 1/)
  t.match(cut?.said, /^1 [\s\S]*the dump could not be restored/)
  for (const { said } of [broken, cut].filter((each) => each !== undefined))
    t.notMatch(said, /the backup restores/)
  for (const drilled of [empty, deleted, elsewhere, broken, cut]) t.match(drilled?.notes.at(-1), /down -v/)
})
