import { execFile } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { keepCopy } from '../src/file-copy.js'
import {
  changeConfigVariables,
  completeEnvFile,
  createMasterKey,
  createPrivateFile,
  defaultConfig,
  type InstancePaths,
  instancePaths,
  onboardInstance,
  type Runtime,
  readConfig,
  readEnvFile,
  readRuntime,
  removeRuntime,
  writeRuntime
} from '../src/index.js'

const run = promisify(execFile)
const onboardFixture = fileURLToPath(new URL('./fixtures/onboard.js', import.meta.url))
const mode = (path: string): number => statSync(path).mode & 0o777
const json = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, 'utf8'))

function newPaths(test: { teardown(clean: () => void): void }): InstancePaths {
  const home = mkdtempSync(join(tmpdir(), 'paperclip-instance-suite-'))
  test.teardown(() => rmSync(home, { recursive: true, force: true }))
  return instancePaths({ home: join(home, 'home'), instanceId: 'default' })
}

t.test('onboarding makes strong, distinct secrets that only the owner can read', async (t) => {
  const paths = newPaths(t)
  const done = await onboardInstance(paths, { mayCreateMasterKey: true })
  const files = [paths.masterKey, paths.auditKey, paths.internalKeys, paths.gatewayKey, paths.config]
  t.same([...done.created].sort(), [...files].sort())
  for (const path of [...files, paths.env]) t.equal(mode(path), 0o600, path.slice(paths.home.length))
  for (const dir of [paths.home, paths.instanceDir, paths.secretsDir, paths.logsDir])
    t.equal(mode(dir), 0o700)
  t.equal(Buffer.from(readFileSync(paths.masterKey, 'utf8').trim(), 'base64').length, 32)
  const gatewayKey = json(paths.gatewayKey)
  const secrets = [
    ...Object.values(await readEnvFile(paths.env)),
    String(gatewayKey.secret),
    ...[paths.masterKey, paths.auditKey].map((path) => readFileSync(path, 'utf8').trim())
  ]
  t.equal(new Set(secrets).size, secrets.length)
  t.ok(secrets.every((secret) => Buffer.from(secret, 'base64url').length === 32))
  t.same(json(paths.internalKeys), {
    keys: [{ ...gatewayKey, caller: 'gateway', scopes: ['activity:write'], companies: null, notAfter: null }]
  })
  t.same(Object.keys(gatewayKey), ['id', 'secret'])
  t.same(readdirSync(paths.secretsDir).length, 4, 'no temporary file is left')
})

t.test('onboarding twice changes nothing, and a master key is made only when that is allowed', async (t) => {
  const paths = newPaths(t)
  await onboardInstance(paths, { mayCreateMasterKey: false })
  t.throws(() => statSync(paths.masterKey), { code: 'ENOENT' })
  t.equal(await createMasterKey(paths), true)
  t.equal(await createMasterKey(paths), false)
  const all = [paths.env, paths.masterKey, paths.auditKey, paths.internalKeys, paths.gatewayKey, paths.config]
  const before = all.map((path) => readFileSync(path, 'utf8'))
  const again = await onboardInstance(paths, { mayCreateMasterKey: true })
  t.same(
    all.map((path) => readFileSync(path, 'utf8')),
    before
  )
  t.match(again, { created: [], variablesAdded: [], tightened: [], loose: [] })
  t.equal(again.existing.length, 5)
})

t.test(
  'of several processes that onboard at once, one key of each kind survives and all agree',
  async (t) => {
    const paths = newPaths(t)
    const runs = await Promise.all(
      Array.from({ length: 6 }, async () => await run(process.execPath, [onboardFixture, paths.home]))
    )
    const created = runs.flatMap(({ stdout }) => JSON.parse(stdout) as string[])
    t.equal(created.length, 5 + 7, 'five files and seven variables, each made once')
    t.equal(new Set(created).size, created.length)
    t.match(json(paths.internalKeys), { keys: [json(paths.gatewayKey)] })
    t.same(readdirSync(paths.instanceDir).sort(), ['.env', 'config.json', 'logs', 'secrets'])
  }
)

t.test('a lost half of the internal keys is made again to match the other half', async (t) => {
  const paths = newPaths(t)
  await onboardInstance(paths, { mayCreateMasterKey: true })
  const before = [readFileSync(paths.gatewayKey, 'utf8'), readFileSync(paths.internalKeys, 'utf8')]
  for (const lost of [paths.gatewayKey, paths.internalKeys]) {
    rmSync(lost)
    t.same((await onboardInstance(paths, { mayCreateMasterKey: true })).created, [lost])
    t.same([readFileSync(paths.gatewayKey, 'utf8'), readFileSync(paths.internalKeys, 'utf8')], before)
  }
  writeFileSync(paths.gatewayKey, JSON.stringify({ id: 'gateway-other', secret: 'something-else' }))
  const failure = await onboardInstance(paths, { mayCreateMasterKey: true }).catch(
    (error: Error) => error.message
  )
  t.match(failure, /is not listed in/)
  t.notMatch(failure, 'something-else')
})

t.test('where internal keys do not go together nothing at all is made or changed', async (t) => {
  const paths = newPaths(t)
  await onboardInstance(paths, { mayCreateMasterKey: true })
  const { keys } = json(paths.internalKeys) as { keys: object[] }
  const list = JSON.stringify({ keys: [{ ...keys[0], caller: 'runner' }] })
  writeFileSync(paths.internalKeys, list)
  writeFileSync(paths.env, '')
  chmodSync(paths.auditKey, 0o644)
  for (const path of [paths.gatewayKey, paths.config]) rmSync(path)
  await t.rejects(onboardInstance(paths, { mayCreateMasterKey: true }), {
    name: 'InstanceError',
    message: /There is no .*gateway-key\.json, and .* lists no key of the gateway/
  })
  t.same(readdirSync(paths.instanceDir).sort(), ['.env', 'logs', 'secrets'])
  t.same(readdirSync(paths.secretsDir).sort(), ['audit.key', 'internal-keys.json', 'master.key'])
  t.equal(readFileSync(paths.env, 'utf8'), '')
  t.equal(readFileSync(paths.internalKeys, 'utf8'), list)
  t.equal(mode(paths.auditKey), 0o644)
})

t.test('modes that let others read are tightened and reported', async (t) => {
  const paths = newPaths(t)
  await onboardInstance(paths, { mayCreateMasterKey: true })
  chmodSync(paths.masterKey, 0o644)
  chmodSync(paths.env, 0o640)
  chmodSync(paths.secretsDir, 0o755)
  const { tightened, loose } = await onboardInstance(paths, { mayCreateMasterKey: true })
  t.same([...tightened].sort(), [paths.env, paths.masterKey, paths.secretsDir].sort())
  t.same(loose, [])
  t.same([mode(paths.masterKey), mode(paths.env), mode(paths.secretsDir)], [0o600, 0o600, 0o700])
})

t.test('an .env file is completed, never changed, and read as others read it', async (t) => {
  const paths = newPaths(t)
  mkdirSync(paths.instanceDir, { recursive: true })
  writeFileSync(paths.env, '# mine\nexport A="one"\nB = two=2 \r\n\nnot a line\nC=\'\'', { mode: 0o600 })
  t.same(await readEnvFile(paths.env), { A: 'one', B: 'two=2', C: '' })
  t.same(await completeEnvFile(paths.env, { A: 'other', D: 'four' }), ['D'])
  t.same(await readEnvFile(paths.env), { A: 'one', B: 'two=2', C: '', D: 'four' })
  t.match(readFileSync(paths.env, 'utf8'), /^# mine\n/)
  await t.rejects(completeEnvFile(paths.env, { E: 'a b' }), { message: /E cannot be written/ })
  t.same(readdirSync(paths.instanceDir), ['.env'])
})

t.test('parallel completions of one .env file lose nothing', async (t) => {
  const paths = newPaths(t)
  mkdirSync(paths.instanceDir, { recursive: true })
  const names = Array.from({ length: 12 }, (_, n) => `NAME_${n}`)
  await Promise.all(
    names.map(async (name) => await completeEnvFile(paths.env, { [name]: 'x', SHARED: name }))
  )
  const entries = await readEnvFile(paths.env)
  t.same(Object.keys(entries).sort(), [...names, 'SHARED'].sort())
})

t.test('an exclusive file is complete or absent, and never replaced', async (t) => {
  const paths = newPaths(t)
  mkdirSync(paths.secretsDir, { recursive: true })
  const made = await Promise.all(
    ['a', 'b', 'c'].map(async (text) => await createPrivateFile(paths.auditKey, text))
  )
  t.equal(made.filter(Boolean).length, 1)
  t.match(readFileSync(paths.auditKey, 'utf8'), /^[abc]$/)
  await t.rejects(createPrivateFile(join(paths.home, 'no-such-folder', 'key'), 'x'), { code: 'ENOENT' })
})

t.test('copies of one moment each have a name of their own', async (t) => {
  const paths = newPaths(t)
  mkdirSync(paths.instanceDir, { recursive: true })
  const texts = ['a', 'b', 'c', 'd', 'e']
  const copies = await Promise.all(texts.map((text) => keepCopy(paths.config, text)))
  t.same(
    copies.map((path) => readFileSync(path, 'utf8')),
    texts
  )
})

t.test(
  'a folder that cannot be written, a malformed id and unreadable settings stop with a sentence',
  async (t) => {
    const paths = newPaths(t)
    mkdirSync(join(paths.home, '..'), { recursive: true })
    writeFileSync(paths.home, 'a file where the home should be')
    await t.rejects(onboardInstance(paths, { mayCreateMasterKey: true }), {
      name: 'InstanceError',
      message: /cannot be written \(ENOTDIR\): set PAPERCLIP_HOME/
    })
    t.throws(() => instancePaths({ home: '/x', instanceId: '../etc' }), { message: /PAPERCLIP_INSTANCE_ID/ })
    const other = newPaths(t)
    mkdirSync(other.instanceDir, { recursive: true })
    t.same(await readConfig(other), defaultConfig)
    writeFileSync(other.config, '{"version":1,"server":{"port":"canary-4711"}}')
    const failure = await readConfig(other).catch((error: Error) => error.message)
    t.match(failure, /server\.port/)
    t.notMatch(failure, 'canary')
    await t.rejects(changeConfigVariables(other, { HOST: '127.0.0.1' }), { message: /server\.port/ })
    t.same(readdirSync(other.instanceDir), ['config.json'], 'nothing is written over it, nor beside it')
    writeFileSync(other.config, '{"canary-4711')
    await t.rejects(readConfig(other), { message: /is not a JSON object: restore/ })
  }
)

t.test('runtime.json is written whole, read back, and ignored when it makes no sense', async (t) => {
  const paths = newPaths(t)
  mkdirSync(paths.instanceDir, { recursive: true })
  const service = { pid: 2, port: 3, url: 'http://127.0.0.1:3' }
  const runtime: Runtime = {
    ...{
      version: 1,
      launcherPid: 1,
      startedAt: '2026-01-01T00:00:00.000Z',
      gateway: service,
      secrets: service
    },
    database: { embedded: true, address: 'postgres://127.0.0.1:5/paperclip', pid: 4, dataDir: '/data' }
  }
  t.equal(await readRuntime(paths), undefined)
  await writeRuntime(paths, runtime)
  t.same(await readRuntime(paths), runtime)
  t.equal(mode(paths.runtime), 0o600)
  writeFileSync(paths.runtime, '{"version":1}')
  t.equal(await readRuntime(paths), undefined)
  await removeRuntime(paths)
  t.equal(await readRuntime(paths), undefined)
})
