import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { completeEnvFile, instancePaths, readEnvFile } from '@paperclip/instance'
import { canEnter, findProcess } from '@paperclip/postgres'
import t from 'tap'
import {
  askStandIn,
  isReady,
  type Launcher,
  newHome,
  pidsOf,
  startLauncher,
  until,
  untilGone
} from './fixtures/launcher-harness.js'

const suiteMsMax = 240_000
const stopMsMax = 5_000
const nobody = { uid: 65_534, gid: 65_534 }
const asRoot = process.getuid?.() === 0
// Starting takes seconds on a machine that is busy with other suites.
t.setTimeout(suiteMsMax)

/** Tap loads itself into every Node process below a test, whatever environment it was given. */
function namesIn(env: Record<string, string>): string[] {
  return Object.keys(env)
    .filter((name) => name !== 'NODE_OPTIONS' && !name.startsWith('_TAPJS_'))
    .sort()
}

/** Whatever the signal, everything stops within 5 s and nothing is left. */
async function stop(t: Checks, launcher: Launcher, signal: NodeJS.Signals): Promise<void> {
  const runtime = await launcher.ready()
  const asked = performance.now()
  launcher.child.kill(signal)
  t.same(await launcher.exited(), { code: 0, signal: null })
  t.ok(performance.now() - asked < stopMsMax, 'within 5 s')
  for (const pid of pidsOf(runtime)) t.equal(await findProcess(pid), undefined)
  t.same(
    readdirSync(launcher.paths.instanceDir).filter((name) => /lock|runtime/.test(name)),
    []
  )
}

interface Checks {
  ok(value: unknown, message: string): void
  equal(found: unknown, wanted: unknown): void
  same(found: unknown, wanted: unknown): void
}

t.test(
  'one start makes files, database and both services, and says in one line where everything is',
  async (t) => {
    const launcher = startLauncher(t, await newHome(t))
    const runtime = await launcher.ready()
    const { stdout, stderr } = launcher.output()
    t.equal(stdout.split('\n').length, 2, 'one line')
    for (const part of [
      `API at ${runtime.gateway.url}`,
      runtime.database.dataDir ?? '?',
      launcher.paths.masterKey,
      'back up'
    ]) {
      t.ok(stdout.includes(part), part)
    }
    t.equal(stderr, '')
    t.equal(statSync(launcher.paths.masterKey).mode & 0o777, 0o600)
    const text = readFileSync(launcher.paths.runtime, 'utf8')
    for (const secret of Object.values(await readEnvFile(launcher.paths.env))) t.notOk(text.includes(secret))
    t.match(runtime.database, { embedded: true, address: /^postgres:\/\/127\.0\.0\.1:\d+\/paperclip$/ })
    await stop(t, launcher, 'SIGINT')
  }
)

t.test('each service gets an environment built for it, and never the other service’s secrets', async (t) => {
  const canary = {
    AWS_ACCESS_KEY_ID: 'aws',
    AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://127.0.0.1/role',
    AWS_PROFILE: 'paperclip',
    AWS_WEB_IDENTITY_TOKEN_FILE: '/run/token',
    PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES: 'shared/',
    PAPERCLIP_SECRETS_AWS_REGION: 'eu-west-1',
    PAPERCLIP_ALLOWED_HOSTNAMES: 'a.example'
  }
  const stray = {
    MY_OWN_TOKEN: 'mine',
    PAPERCLIP_SECRETS_MASTERKEY: 'misspelt',
    NODE_TLS_REJECT_UNAUTHORIZED: '1'
  }
  const home = await newHome(t)
  const paths = instancePaths({ home: home.PAPERCLIP_HOME ?? '', instanceId: 'default' })
  mkdirSync(paths.instanceDir, { recursive: true, mode: 0o700 })
  // What an operator adds there to rotate the secret of run tokens.
  await completeEnvFile(paths.env, { PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS: 'former' })
  const launcher = startLauncher(t, { ...home, ...canary, ...stray, LC_ALL: 'C' })
  const runtime = await launcher.ready()
  const gateway = (await askStandIn(runtime.gateway.url))?.env ?? {}
  const secrets = (await askStandIn(runtime.secrets.url))?.env ?? {}
  const both = [
    'DATABASE_URL',
    'HOME',
    'LC_ALL',
    'PAPERCLIP_DEPLOYMENT_MODE',
    'PAPERCLIP_HOME',
    'PAPERCLIP_INSTANCE_ID',
    'PAPERCLIP_PARENT_FD',
    'PATH'
  ]
  const gatewayOnly = [
    'BETTER_AUTH_SECRET',
    'HOST',
    'PAPERCLIP_AGENT_JWT_SECRET',
    'PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS',
    'PAPERCLIP_ALLOWED_HOSTNAMES',
    'PAPERCLIP_GATEWAY_KEY_FILE',
    'PAPERCLIP_SECRETS_URL',
    'PORT'
  ]
  const secretsOnly = [
    'AWS_ACCESS_KEY_ID',
    'AWS_CONTAINER_CREDENTIALS_FULL_URI',
    'AWS_PROFILE',
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'PAPERCLIP_AUDIT_KEY_FILE',
    'PAPERCLIP_EMBEDDED_DATABASE',
    'PAPERCLIP_INTERNAL_KEYS_FILE',
    'PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES',
    'PAPERCLIP_SECRETS_AWS_REGION',
    'PAPERCLIP_SECRETS_HOST',
    'PAPERCLIP_SECRETS_MASTER_KEY_FILE',
    'PAPERCLIP_SECRETS_PORT'
  ]
  t.same(namesIn(gateway), [...both, ...gatewayOnly].sort())
  t.same(namesIn(secrets), [...both, ...secretsOnly].sort())
  t.match(gateway.DATABASE_URL, /^postgres:\/\/paperclip_gateway:/)
  t.match(secrets.DATABASE_URL, /^postgres:\/\/paperclip_secrets:/)
  t.match(launcher.output().stderr, /PAPERCLIP_SECRETS_MASTERKEY/, 'a misspelt variable is named')
  t.notMatch(launcher.output().stderr, /misspelt/)
  await stop(t, launcher, 'SIGTERM')
})

t.test('the next start finds the data and changes no key', async (t) => {
  const env = await newHome(t)
  const launcher = startLauncher(t, env)
  await stop(t, launcher, 'SIGHUP')
  const key = readFileSync(launcher.paths.masterKey, 'utf8')
  const again = startLauncher(t, env)
  await stop(t, again, 'SIGTERM')
  t.equal(readFileSync(again.paths.masterKey, 'utf8'), key)
  t.equal(again.output().stderr, '')
})

t.test('kill -9 of the launcher stops everything, and the next start works at once', async (t) => {
  const env = await newHome(t)
  const launcher = startLauncher(t, env)
  const runtime = await launcher.ready()
  launcher.child.kill('SIGKILL')
  await untilGone(pidsOf(runtime))
  const again = startLauncher(t, env)
  await again.ready()
  again.child.kill('SIGTERM')
  await again.exited()
})

t.test('whatever is killed runs again, at its old address, and runtime.json follows', async (t) => {
  const launcher = startLauncher(t, await newHome(t))
  const before = await launcher.ready()
  for (const [name, url] of [
    ['gateway', before.gateway.url],
    ['secrets', before.secrets.url]
  ] as const) {
    process.kill(before[name].pid ?? 0, 'SIGKILL')
    const pid = await until(`a new ${name}`, async () => {
      const found = await askStandIn(url)
      return found !== undefined && found.pid !== before[name].pid && found.pid
    })
    await until('runtime.json', async () => (await launcher.ready())[name].pid === pid)
  }
  process.kill(before.database.pid ?? 0, 'SIGKILL')
  await until('a new server', async () => (await launcher.ready()).database.pid !== before.database.pid)
  await until('a working database', async () => await isReady(before.gateway.url))
  t.match(
    launcher.output().stderr,
    /gateway service was ended by SIGKILL.*secrets service was ended by SIGKILL.*PostgreSQL/s
  )
  const after = await launcher.ready()
  t.equal(after.database.address, before.database.address)
  await stop(t, launcher, 'SIGTERM')
})

t.test(
  'a service that ignores SIGTERM is killed in time, and a second signal ends everything at once',
  async (t) => {
    const env = { ...(await newHome(t)), TRUST_PROXY: 'stubborn' }
    const launcher = startLauncher(t, env)
    const runtime = await launcher.ready()
    const asked = performance.now()
    launcher.child.kill('SIGTERM')
    t.match(await launcher.exited(), { code: 0 })
    t.ok(performance.now() - asked < stopMsMax)
    const again = startLauncher(t, env)
    const second = await again.ready()
    again.child.kill('SIGINT')
    const askedAgain = performance.now()
    const repeat = setInterval(() => again.child.kill('SIGINT'), 600)
    t.match(await again.exited(), { code: 0 })
    clearInterval(repeat)
    t.ok(performance.now() - askedAgain < 2_000)
    await untilGone([...pidsOf(runtime), ...pidsOf(second)])
  }
)

t.test('a signal in the middle of a start leaves nothing', async (t) => {
  const env = await newHome(t)
  const launcher = startLauncher(t, env)
  await until('the data directory to be made', () => readdirSync(env.HOME ?? '').length > 0)
  const asked = performance.now()
  launcher.child.kill('SIGINT')
  t.match(await launcher.exited(), { code: 0 })
  t.ok(performance.now() - asked < stopMsMax)
  t.equal(launcher.output().stdout, '')
})

const forNobody = asRoot && (await canEnter(import.meta.dirname, nobody))
t.test('an ordinary user runs everything from a home of their own', { skip: !forNobody }, async (t) => {
  const launcher = startLauncher(t, await newHome(t, nobody), nobody)
  const runtime = await launcher.ready()
  t.ok(runtime.database.dataDir?.startsWith(launcher.paths.instanceDir), 'data lies in the instance folder')
  await stop(t, launcher, 'SIGTERM')
})
