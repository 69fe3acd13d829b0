import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, repositoryRoot, type StartedProcess, startProcess } from '@paperclip/testing'
import t, { type Test } from 'tap'
import { runCli } from './fixtures/run-cli.js'
import { newOperator, type Operator } from './support/e2e-cli.js'
import { type Canaries, findLeaks, makeCanary } from './support/e2e-leaks.js'

// One launch of everything and some thirty commands, on a machine that is busy with other suites.
const fileMsMax = 110_000
t.setTimeout(fileMsMax)

const remoteSecrets = 250
const emulatorProgram = join(repositoryRoot, 'services/secrets/dist/test/emulator/run-emulator.js')
const printEnvironment = [process.execPath, '-e', 'process.stdout.write(JSON.stringify(process.env))']

t.test('an operator keeps secrets at AWS and links what lies there, by the command line alone', async (t) => {
  const canaries: Canaries = new Map()
  const emulator = await startEmulator(t)
  const operator = await newOperator(t, { ...emulator.settings, PAPERCLIP_LOG_LEVEL: 'trace' })
  const { process } = await operator.launch()
  const scene = { operator, emulator, canaries, companyId: '' }
  const company = await json<Row>(operator, ['company', 'create', 'Acme'])
  scene.companyId = String(company.id)
  await json(operator, ['agent', 'create', 'writer'])
  await t.test('a vault is made and probed', (t) => makeVault(t, scene))
  await t.test('a managed secret is written, rotated, pinned, resolved and deleted', (t) => manage(t, scene))
  await t.test('250 remote secrets are looked at and linked without one being read', (t) => bringIn(t, scene))
  await t.test('a linked secret resolves for a run', (t) => useLinked(t, scene))
  t.match(await process.stop(), { code: 0 })
  await t.test('no value stands in any log', async (t) => noLeaks(t, scene))
})

type Row = Record<string, unknown>

interface Scene {
  readonly operator: Operator
  readonly emulator: RunningEmulator
  readonly canaries: Canaries
  companyId: string
}

interface RunningEmulator {
  /** What a secrets service needs to use it. */
  readonly settings: Record<string, string>
  /** Requests so far, as `operation outcome name`. */
  requests(): string[]
}

async function startEmulator(t: Test): Promise<RunningEmulator> {
  const args = [emulatorProgram, '--seed', String(remoteSecrets)]
  const started: StartedProcess = await startProcess(t, { command: process.execPath, args, env: {} })
  await started.waitForLine(/^AWS_SESSION_TOKEN=/m)
  const lines = () => started.stdout().split('\n').slice(0, -1)
  const settings = Object.fromEntries(
    lines()
      .filter((line) => /^[A-Z_]+=/.test(line))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
  )
  return { settings, requests: () => lines().filter((line) => /^[A-Z][a-z]\w+ /.test(line)) }
}

/** Runs a command with `--json` and returns what it printed. Only `agent run` needs a process of its own. */
async function json<T = Row[]>(
  operator: Operator,
  args: readonly string[],
  env: Record<string, string> = {}
): Promise<T> {
  const { code, stdout, stderr } = await runCli([...args, '--json'], { env: { ...operator.env, ...env } })
  if (code !== 0) throw new Error(`${args.join(' ')} ends with ${code}: ${stderr}`)
  return JSON.parse(stdout) as T
}

async function environmentOf(operator: Operator): Promise<Row> {
  const { code, stdout, stderr } = await operator.run(['agent', 'run', 'writer', '--', ...printEnvironment])
  if (code !== 0) throw new Error(`agent run ends with ${code}: ${stderr}`)
  return JSON.parse(stdout) as Row
}

async function makeVault(t: Test, { operator, emulator }: Scene): Promise<void> {
  const args = ['vault', 'create', 'aws_secrets_manager', 'Prod', '--default', '--set', 'region=us-east-1']
  t.match(await json<Row>(operator, [...args, '--set', 'namespace=prod-1', '--set', 'ownerTag=acme']), {
    status: 'ready',
    isDefault: true
  })
  const before = emulator.requests().length
  t.match(await json<Row>(operator, ['vault', 'health', 'Prod']), { status: /ready|warning/ })
  t.match(emulator.requests().slice(before), [/^GetSecretValue ResourceNotFoundException .*health-probe$/])
  const providers = await json(operator, ['secrets', 'providers'])
  t.match(
    providers.find(({ id }) => id === 'aws_secrets_manager'),
    { configured: true, supportsExternalReferences: true }
  )
}

async function manage(t: Test, { operator, emulator, canaries, companyId }: Scene): Promise<void> {
  const values = ['first', 'second'].map((name) => makeCanary(canaries, `the ${name} value`))
  const value = (n: number) => ({ VALUE: values[n] ?? '' })
  const create = ['secrets', 'create', 'Stripe', '--vault', 'Prod', '--value-env', 'VALUE']
  t.match(await json<Row>(operator, create, value(0)), { key: 'stripe', latestVersion: 1 })
  const name = `paperclip/prod-1/${companyId}/stripe`
  t.ok(emulator.requests().includes(`CreateSecret ok ${name}`))
  await json(operator, ['secrets', 'rotate', 'stripe', '--value-env', 'VALUE'], value(1))
  await json(operator, ['env', 'set', 'writer', 'NOW=secret:stripe', 'PINNED=secret:stripe@1'])
  t.match(await environmentOf(operator), { NOW: values[1], PINNED: values[0] })
  t.match(await json(operator, ['secrets', 'versions', 'stripe']), [
    { version: 2, status: 'current' },
    { version: 1, status: 'previous' }
  ])
  const events = await json(operator, ['secrets', 'access-events', 'stripe'])
  t.match(events.slice(0, 2), [
    { outcome: 'success', provider: 'aws_secrets_manager' },
    { outcome: 'success', provider: 'aws_secrets_manager' }
  ])
  await json(operator, ['env', 'set', 'writer', '--unset', 'NOW', '--unset', 'PINNED'])
  t.match(await json<Row>(operator, ['secrets', 'delete', 'stripe', '--yes']), { remote: 'scheduled' })
  t.match(emulator.requests().at(-1), /^DeleteSecret ok arn:/)
}

async function bringIn(t: Test, { operator, emulator }: Scene): Promise<void> {
  const before = emulator.requests().length
  await json(operator, ['secrets', 'link', 'Known', '--vault', 'Prod', '--external-ref', 'prod/app-001'])
  await json(operator, ['secrets', 'create', 'prod/app-002', '--value-env', 'VALUE'], { VALUE: 'of our own' })
  const preview = ['import', 'preview', 'Prod', '--all', '--page-size', '100']
  const candidates = (await json<{ candidates: Row[] }>(operator, preview)).candidates
  const having = (status: string) => candidates.filter((candidate) => candidate.status === status).length
  // The deleted one is not shown any more.
  t.equal(candidates.length, remoteSecrets)
  t.same([having('ready'), having('duplicate'), having('conflict')], [remoteSecrets - 2, 1, 1])
  const commit = await json<Row>(operator, ['import', 'commit', 'Prod', '--all-ready', '--yes'])
  t.match(commit, { importedCount: remoteSecrets - 2, errorCount: 0 })
  const again = (await json<{ candidates: Row[] }>(operator, preview)).candidates
  t.equal(again.filter(({ status }) => status === 'duplicate').length, remoteSecrets - 1)
  const asked = emulator.requests().slice(before)
  t.ok(asked.length >= 6)
  t.ok(
    asked.every((line) => line.startsWith('ListSecrets ok')),
    'the inventory was read, and no value'
  )
}

async function useLinked(t: Test, { operator, emulator }: Scene): Promise<void> {
  await json(operator, ['env', 'set', 'writer', 'LINKED=secret:prod-app-007'])
  t.match(await environmentOf(operator), { LINKED: 'value of prod/app-007' })
  await eventually(async () => {
    if (!/^GetSecretValue ok /.test(emulator.requests().at(-1) ?? '')) throw new Error('not read yet')
  })
}

function noLeaks(t: Test, { operator, canaries, emulator }: Scene): void {
  for (const [name, value] of Object.entries(emulator.settings))
    if (name.startsWith('AWS_SECRET') || name.startsWith('AWS_SESSION')) canaries.set(name, value)
  canaries.set('a linked value', 'value of prod/app-007')
  const folder = operator.paths.logsDir
  const text = readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n')
  t.ok(text.length > 0)
  t.same(findLeaks(text, canaries), [])
  t.notMatch(text, /arn:aws|prod\/app-\d{3}/, 'nor an ARN, nor a remote name')
}
