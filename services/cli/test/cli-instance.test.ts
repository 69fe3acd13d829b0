import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SecretsHealth } from '@paperclip/contracts'
import { instancePaths } from '@paperclip/instance'
import { repositoryRoot } from '@paperclip/testing'
import t from 'tap'
import { findApiAddress } from '../src/api/api-address.js'
import { settledEnvironment } from '../src/configure/settled-environment.js'
import { readDoctorContext } from '../src/doctor/doctor-context.js'
import { checkVersions, judgeRoom } from '../src/doctor/machine-checks.js'
import { checkProvider } from '../src/doctor/service-checks.js'
import { takeProcessLock } from '../src/process-lock.js'
import { binPath, runCli } from './fixtures/run-cli.js'

const instanceOf = (home: string) => join(home, 'instances', 'default')

/** Nothing listens on the ports of discard and of its neighbour. */
const noServices = { PORT: '9', PAPERCLIP_SECRETS_PORT: '10' }

t.test('npm links a committed file that says how to build when nothing is built', async (t) => {
  const manifest = JSON.parse(await readFile(join(repositoryRoot, 'services/cli/package.json'), 'utf8'))
  t.same(manifest.bin, { paperclipai: './bin/paperclipai.js' })
  t.equal(binPath, join(repositoryRoot, 'services/cli/bin/paperclipai.js'))
  t.match(await readFile(binPath, 'utf8'), /^#!\/usr\/bin\/env node\n/)
  t.ok(((await stat(binPath)).mode & 0o111) !== 0, 'it is executable')
  t.notOk(/dist/.test(manifest.bin.paperclipai), 'it exists before any build')
})

t.test('building what is built writes no program anew: others may be starting from it', async (t) => {
  const program = join(repositoryRoot, 'services/cli/dist/bin/main.js')
  const before = await stat(program)
  execFileSync(process.execPath, [join(repositoryRoot, 'deploy/bundle.mjs')])
  const { ino, mtimeMs } = await stat(program)
  t.same({ ino, mtimeMs }, { ino: before.ino, mtimeMs: before.mtimeMs })
})

t.test('onboarding twice leaves every file as it was, all for their owner alone', async (t) => {
  const home = t.testdir({})
  const env = { PAPERCLIP_HOME: home }
  const first = await runCli(['onboard', '--yes', '--json'], { env })
  t.equal(first.code, 0, first.stderr)
  const made = JSON.parse(first.stdout) as { created: string[]; masterKey: string }
  t.equal(made.masterKey, 'created')
  const before = await contents(instanceOf(home))
  t.ok(before.size >= 6)
  const second = await runCli(['onboard', '--yes', '--json'], { env })
  t.match(JSON.parse(second.stdout), { created: [], variablesAdded: [], masterKey: 'existing' })
  t.same(await contents(instanceOf(home)), before)
  for (const path of before.keys()) t.equal((await stat(path)).mode & 0o077, 0, path)
  for (const secret of await secretsOf(home)) t.notOk((first.stdout + first.stderr).includes(secret))
})

t.test('a configuration that cannot be read is left alone, exit 1', async (t) => {
  const home = t.testdir({ instances: { default: { 'config.json': '{"server":{"port":"x"}}' } } })
  const result = await runCli(['onboard', '--yes'], { env: { PAPERCLIP_HOME: home } })
  t.match(result, { code: 1, stdout: '', stderr: /server\.port/ })
  t.equal(await readFile(join(instanceOf(home), 'config.json'), 'utf8'), '{"server":{"port":"x"}}')
  t.same(await readdir(instanceOf(home)), ['config.json'])
})

t.test('doctor without a configuration fails with that one check', async (t) => {
  const { code, stdout } = await runCli(['doctor', '--json'], { env: { PAPERCLIP_HOME: t.testdir({}) } })
  t.equal(code, 1)
  const { status, checks } = JSON.parse(stdout)
  t.equal(status, 'fail')
  t.match(checks, [{ id: 'config', status: 'fail', repair: /onboard/ }])
  t.equal(checks.length, 1)
})

t.test('doctor checks in order, names what is down, and shows no secret', async (t) => {
  const home = t.testdir({})
  const env = { PAPERCLIP_HOME: home, ...noServices }
  await runCli(['onboard', '--yes'], { env })
  const { code, stdout, stderr } = await runCli(['doctor', '--json'], { env })
  t.equal(code, 1)
  const { checks } = JSON.parse(stdout) as { checks: { id: string; status: string }[] }
  const order = ['config', 'deployment_mode', 'public_url', 'proxy', 'company_deletion', 'auth']
  order.push('deployment_secrets', 'master_key', 'database', 'database_hosting', 'database_access')
  order.push('database_tls', 'database_roles', 'secrets_service', 'private_hop', 'secret_provider', 'aws')
  order.push('strict_mode', 'storage', 'gateway', 'admins', 'ports', 'versions')
  t.same(
    checks.map((check) => check.id),
    order
  )
  const failing = checks.filter((check) => check.status === 'fail').map((check) => check.id)
  t.match(failing, ['database', 'secrets_service', 'gateway'])
  for (const secret of await secretsOf(home)) t.notOk((stdout + stderr).includes(secret))

  const lock = await takeProcessLock(instancePaths({ home, instanceId: 'default' }).lock)
  if (lock === null || 'heldBy' in lock) throw new Error('the lock is taken')
  const starting = await runCli(['doctor', '--json'], { env })
  await lock.release()
  const repair = `process ${process.pid} starts or stops this instance: ask again in a moment`
  t.match(
    JSON.parse(starting.stdout).checks.filter(({ id }: { id: string }) => [...failing, 'ports'].includes(id)),
    [{ repair }, { repair }, { repair }, { id: 'ports', status: 'warn', message: /^not looked at: process/ }],
    'while it starts nobody is told to start it, or to stop what holds its ports'
  )
})

t.test('doctor judges the fullest of the disks, and the version of each part', (t) => {
  const mib = 1024 ** 2
  const judged = (...free: number[]) =>
    judgeRoom(
      '/srv/x',
      free.map((bytes, index) => ({ path: `/disk${index}`, bytes }))
    )
  t.match(judged(1024 * mib), { status: 'pass', message: /: 1024 MiB free$/ })
  for (const free of [1024 * mib - 1, 100 * mib]) t.match(judged(free), { status: 'warn', repair: /soon/ })
  t.match(judged(100 * mib - 1), { status: 'fail', message: /: 99 MiB free$/, repair: /make room/ })
  const other = { gateway: null, secrets: { version: '0.0.1' } as SecretsHealth }
  t.match(checkVersions(other), { status: 'warn', message: /the secrets service is version 0\.0\.1/ })
  t.match(judged(2048 * mib, 7 * mib), { status: 'fail', message: /: 2048 MiB, 7 MiB for \/disk1 free$/ })
  t.end()
})

t.test('doctor shows every warning of the secrets service, and a fault before them', (t) => {
  const ok = { status: 'ok' } as const
  const components = { database: ok, masterKey: ok, provider: ok }
  const healthy = { ...ok, version: '0.1.0', strictMode: false, warnings: [], components }
  t.match(checkProvider(healthy), { id: 'secret_provider', status: 'pass' })
  const atAws = { ...ok, message: 'aws_secrets_manager: region eu-west-1' }
  const remote = { ...healthy, components: { ...components, provider: atAws } }
  t.match(checkProvider(remote), { status: 'pass', message: atAws.message })
  const warnings = ['The key file is open.', 'Append-only rests on triggers alone.']
  t.match(checkProvider({ ...healthy, warnings }), { status: 'warn', message: warnings.join(' ') })
  const faulty = {
    ...components,
    database: { status: 'degraded', code: 'slow' } as const,
    provider: { status: 'unhealthy', code: 'provider_failed' } as const
  }
  t.match(checkProvider({ ...healthy, warnings, components: faulty }), {
    status: 'fail',
    message: /provider_failed; database of the secrets service: slow; The key file is open\./,
    repair: /secrets doctor/
  })
  t.end()
})

t.test('doctor sees weak, shared, open and missing keys', async (t) => {
  const home = t.testdir({})
  const env = { PAPERCLIP_HOME: home, ...noServices }
  await runCli(['onboard', '--yes'], { env })
  const secrets = join(instanceOf(home), 'secrets')
  const keyCheck = async (more: Record<string, string> = {}) => {
    const { stdout } = await runCli(['doctor', '--json'], { env: { ...env, ...more } })
    const { checks } = JSON.parse(stdout) as { checks: { id: string; status: string; message: string }[] }
    return checks.find((check) => check.id === 'deployment_secrets')
  }
  t.match(await keyCheck(), { status: 'pass' })
  t.match(await keyCheck({ PAPERCLIP_SECRETS_MASTER_KEY: 'a'.repeat(32) }), {
    status: 'fail',
    message: /master key/
  })
  const audit = (await readFile(join(secrets, 'audit.key'), 'utf8')).trim()
  t.match(await keyCheck({ PAPERCLIP_SECRETS_MASTER_KEY: audit }), { status: 'fail', message: /same value/ })
  await chmod(join(secrets, 'audit.key'), 0o644)
  t.match(await keyCheck(), { status: 'fail', message: /others can read .*audit\.key/ })
  await rm(join(secrets, 'master.key'))
  t.match(await keyCheck(), { status: 'fail', message: /no .*master\.key, and nothing needs one yet/ })
})

t.test('doctor --repair makes what is missing once and replaces nothing', async (t) => {
  const home = t.testdir({})
  const env = { PAPERCLIP_HOME: home, ...noServices }
  await runCli(['onboard', '--yes'], { env })
  const masterKey = join(instanceOf(home), 'secrets/master.key')
  const dotEnv = join(instanceOf(home), '.env')
  const withoutToken = (await readFile(dotEnv, 'utf8')).replace(/^PAPERCLIP_AGENT_JWT_SECRET=.*\n/m, '')
  await writeFile(dotEnv, withoutToken)
  await rm(masterKey)
  const first = await runCli(['doctor', '--repair', '-y', '--json'], { env })
  t.match(first.stderr, /created .*master\.key[\s\S]*added PAPERCLIP_AGENT_JWT_SECRET/)
  t.ok(existsSync(masterKey))
  t.ok((await readFile(dotEnv, 'utf8')).startsWith(withoutToken))
  const before = await contents(instanceOf(home))
  const second = await runCli(['doctor', '--repair', '-y', '--json'], { env })
  t.equal(second.stderr, '')
  t.same(await contents(instanceOf(home)), before)
})

t.test('the address comes from the flag, the variable, the configuration, in this order', async (t) => {
  const home = t.testdir({ instances: { default: { 'config.json': '{"server":{"port":9}}' } } })
  const address = async (args: string[], env: Record<string, string>) => {
    const { stderr } = await runCli(['company', 'list', ...args], {
      env: { PAPERCLIP_HOME: home, ...env }
    })
    return /http:\/\/\S+/.exec(stderr)?.[0]
  }
  t.equal(await address([], {}), 'http://127.0.0.1:9')
  t.equal(await address([], { PAPERCLIP_API_URL: 'http://127.0.0.1:10' }), 'http://127.0.0.1:10')
  const both = await address(['--api-url', 'http://127.0.0.1:11'], {
    PAPERCLIP_API_URL: 'http://127.0.0.1:10'
  })
  t.equal(both, 'http://127.0.0.1:11')
})

t.test('where nothing runs yet, commands and doctor look where `run` would start it', async (t) => {
  const homes = t.testdir({ fresh: {}, configured: {} })
  const [fresh, configured] = [join(homes, 'fresh'), join(homes, 'configured')]
  const set = ['--set', 'port=9', 'secretsPort=10', 'mode=authenticated', 'host=127.0.0.2', '--yes']
  await runCli(['configure', '--section', 'server', ...set], { env: { PAPERCLIP_HOME: configured } })
  const cases: [env: Record<string, string>, gateway: string, secrets: string][] = [
    [{ PAPERCLIP_HOME: fresh }, 'http://127.0.0.1:3100', 'http://127.0.0.1:3200'],
    [{ PAPERCLIP_HOME: fresh, ...noServices }, 'http://127.0.0.1:9', 'http://127.0.0.1:10'],
    [{ PAPERCLIP_HOME: fresh, ...noServices, HOST: '::1' }, 'http://[::1]:9', 'http://127.0.0.1:10'],
    [{ PAPERCLIP_HOME: configured }, 'http://127.0.0.2:9', 'http://127.0.0.1:10'],
    [{ PAPERCLIP_HOME: configured, PORT: '11' }, 'http://127.0.0.2:11', 'http://127.0.0.1:10'],
    [{ PAPERCLIP_HOME: configured, HOST: '0.0.0.0' }, 'http://127.0.0.1:9', 'http://127.0.0.1:10']
  ]
  for (const [env, gateway, secrets] of cases) {
    const { stdin, stdout, stderr } = process
    const io = { env: { HOME: '/nonexistent', ...env }, stdin, stdout, stderr, exitCode: 0 }
    t.equal(await findApiAddress(io, undefined), gateway)
    const settled = await settledEnvironment(io.env)
    t.match(await readDoctorContext({ ...io, env: settled }), { gatewayUrl: gateway, secretsUrl: secrets })
  }
  const wrong = await runCli(['company', 'list'], { env: { PAPERCLIP_HOME: fresh, PORT: 'canary' } })
  t.match(wrong, { code: 1, stderr: /^paperclipai: PORT must be a port number from 1 to 65535/ })
})

async function contents(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile())
      found.set(
        join(entry.parentPath, entry.name),
        await readFile(join(entry.parentPath, entry.name), 'utf8')
      )
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** Every key and password of an instance, to look for in what was printed. */
async function secretsOf(home: string): Promise<string[]> {
  const files = [...(await contents(instanceOf(home)))]
  const texts = files.flatMap(([path, text]) => {
    if (path.endsWith('.key')) return [text.trim()]
    if (path.endsWith('.env')) return [...text.matchAll(/^\w+=(\S+)$/gm)].map((match) => match[1] as string)
    return [...text.matchAll(/"secret": "([^"]+)"/g)].map((match) => match[1] as string)
  })
  return texts.filter((text) => text.length > 20)
}
