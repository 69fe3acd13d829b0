import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createAgent,
  createSecret,
  deleteSecret,
  getMe,
  listAgents,
  listCompanies,
  listCompanyAccessEvents,
  listRuns,
  openRun,
  resolveRunEnvironment
} from '@paperclip/contracts'
import type { Runtime } from '@paperclip/instance'
import { findProcess } from '@paperclip/postgres'
import { eventually } from '@paperclip/testing'
import t, { type Test } from 'tap'
import { pidsOf, untilGone } from './fixtures/launcher-harness.js'
import { type Api, openApi } from './support/e2e-api.js'
import { newOperator, type Operator, readmeCommands } from './support/e2e-cli.js'
import { type Canaries, findLeaks, makeCanary } from './support/e2e-leaks.js'

// One launch of everything, two stops, some twenty commands, on a machine that is busy with other suites.
const fileMsMax = 110_000
const stopMsMax = 5_000
const restartMsMax = 30_000
t.setTimeout(fileMsMax)

const operatorsOwn = {
  DATABASE_URL: 'postgres://nobody:canary-of-the-operator@127.0.0.1:1/none',
  BETTER_AUTH_SECRET: 'canary-of-the-operators-session-secret',
  AWS_SECRET_ACCESS_KEY: 'canary-of-the-operators-aws-key',
  MY_OWN: 'mine',
  LANG: 'C.UTF-8',
  LC_TIME: 'C',
  TERM: 'dumb',
  TZ: 'UTC'
}
const printEnvironment = [process.execPath, '-e', 'process.stdout.write(JSON.stringify(process.env))']

t.test('an empty home, one start, and what the README tells to type', async (t) => {
  const canaries: Canaries = new Map()
  // npm looks for a newer npm now and then, and says so on stderr.
  const npm = { npm_config_update_notifier: 'false' }
  const operator = await newOperator(t, { PAPERCLIP_LOG_LEVEL: 'trace', ...npm })
  const first = await operator.launch()
  const runtime = await first.runtime()
  const key = makeCanary(canaries, 'the key of the README')
  await t.test('every command of the README works as printed', (t) => readme(t, operator, key))
  const world = { operator, key, gateway: runtime.gateway.url }
  await t.test('a command of a run gets an environment built from nothing', (t) => environment(t, world))
  await t.test('exit codes and signals are those of the command', (t) => endings(t, world))
  await t.test('a missing value stops before the command starts', (t) => missing(t, world))
  await t.test('the doctor finds nothing wrong', async (t) => {
    const { code, stdout } = await operator.run(['doctor', '--json'])
    t.equal(code, 0)
    t.not((JSON.parse(stdout) as { status: string }).status, 'fail')
  })
  await t.test('whatever is killed runs again by itself', (t) => kills(t, world, first.runtime))
  const last = await first.runtime()
  const asked = performance.now()
  t.match(await first.process.stop(), { code: 0 })
  t.ok(performance.now() - asked < stopMsMax, 'stopped in time')
  for (const pid of pidsOf(last)) t.equal(await findProcess(pid), undefined)

  const second = await operator.launch()
  const again = await second.runtime()
  t.match(await json(operator, ['company', 'list']), [{ name: 'Acme' }], 'the second start finds the data')
  t.match(await second.process.stop({ signal: 'SIGINT' }), { code: 0 })
  await untilGone(pidsOf(again))
  await t.test('no value or key stands in any log', async (t) => noLeaks(t, operator, canaries))
})

/** Runs a command with `--json` and returns what it printed. */
async function json<T = Record<string, unknown>[]>(operator: Operator, args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await operator.run([...args, '--json'])
  if (code !== 0) throw new Error(`${args.join(' ')} ends with ${code}: ${stderr}`)
  return JSON.parse(stdout) as T
}

async function readme(t: Test, operator: Operator, key: string): Promise<void> {
  const commands = await readmeCommands()
  t.ok(commands.length >= 6, `${commands.length} commands`)
  for (const command of commands) {
    const { code, stdout, stderr } = await operator.shell(command, { env: { YOUR_KEY: key } })
    t.equal(code, 0, command)
    t.not(stdout, '', 'data goes to stdout')
    t.notMatch(stdout, /paperclipai:/, 'and nothing else does')
    for (const line of stderr.split('\n').filter((line) => line !== '')) t.match(line, /^paperclipai: /)
    t.notOk((stdout + stderr).includes(key), 'no value is shown')
    if (command.includes('agent run')) t.equal(stdout, `${key.length} characters\n`)
    if (command.includes('access-events')) t.match(stdout, /success.*anthropic-api-key.*local-board/)
  }
  const actions = await json(operator, ['activity', 'list'])
  const expected = ['agent.created', 'company.created', 'env.updated', 'run.finished', 'run.opened']
  t.same(actions.map(({ action }) => action).sort(), [...expected, 'secret.created'])
}

interface World {
  readonly operator: Operator
  readonly key: string
  readonly gateway: string
}

async function environment(t: Test, { operator, key, gateway }: World): Promise<void> {
  const shown = async (...flags: string[]) => {
    const args = ['agent', 'run', ...flags, 'writer', '--', ...printEnvironment]
    const { code, stdout, stderr } = await operator.run(args, { env: operatorsOwn })
    t.equal(code, 0)
    t.equal(stderr, '')
    return JSON.parse(stdout) as Record<string, string>
  }
  const env = await shown()
  const own = ['PAPERCLIP_AGENT_ID', 'PAPERCLIP_API_KEY', 'PAPERCLIP_API_URL', 'PAPERCLIP_COMPANY_ID']
  const machine = ['HOME', 'LANG', 'LC_TIME', 'PATH', 'TERM', 'TZ']
  t.same(Object.keys(env).sort(), ['ANTHROPIC_API_KEY', ...machine, ...own, 'PAPERCLIP_RUN_ID'].sort())
  t.equal(env.ANTHROPIC_API_KEY, key, 'as it is: what the command prints is not touched')
  t.equal(env.PAPERCLIP_API_URL, gateway)
  const api = openApi([gateway])
  const token = env.PAPERCLIP_API_KEY ?? ''
  t.same(await api.everywhere(getMe, {}, { token }), ['401 run_closed'], 'the token ended with the command')
  const passed = await shown('--pass', 'MY_OWN')
  t.equal(passed.MY_OWN, operatorsOwn.MY_OWN)
  t.equal(passed.AWS_SECRET_ACCESS_KEY, undefined)
}

async function endings(t: Test, { operator, gateway }: World): Promise<void> {
  const args = (...command: string[]) => ['agent', 'run', 'writer', '--', ...command]
  t.match(await operator.run(args('sh', '-c', 'exit 7')), { code: 7, stdout: '', stderr: '' })
  t.match(await operator.run(args('sh', '-c', 'kill -9 $$')), { code: 137, signal: null })
  t.match(await operator.run(args('no-such-command')), { code: 127, stdout: '' })
  const script = `process.on('SIGTERM', () => { console.log('asked'); process.exit(3) })
    console.log('ready'); setInterval(() => {}, 1_000)`
  const started = await operator.start(args(process.execPath, '-e', script))
  await started.waitForLine(/^ready$/m)
  started.child.kill('SIGTERM')
  t.match(await started.ended, { code: 3 })
  t.equal(started.stdout(), 'ready\nasked\n')
  const api = openApi([gateway])
  const runs = await api.ok(listRuns, { params: { companyId: await onlyCompany(api) } })
  t.same(
    runs.slice(0, 4).map(({ status }) => status),
    ['cancelled', 'failed', 'failed', 'failed'],
    'newest first'
  )
}

async function missing(t: Test, { operator, gateway }: World): Promise<void> {
  const api = openApi([gateway])
  const companyId = await onlyCompany(api)
  const params = { companyId }
  const value = 'the value of a secret that goes away'
  const secret = await api.ok(createSecret, { params, body: { name: 'Gone', value } })
  const env = { GONE: '$secret:gone', KEPT: '$secret:anthropic-api-key' }
  await api.ok(createAgent, { params, body: { name: 'poor', env } })
  await api.ok(deleteSecret, { params: { id: secret.id }, query: { force: true } })
  const { code, stdout, stderr } = await operator.run(['agent', 'run', 'poor', '--', 'echo', 'started'])
  t.equal(code, 1)
  t.equal(stdout, '', 'the command never started')
  t.match(stderr, /env\.GONE/)
  t.notMatch(stderr, /env\.KEPT/, 'what is wrong is named alone')
  const [run] = await api.ok(listRuns, { params })
  t.equal(run?.status, 'failed')
  const query = { runId: run?.id ?? '', outcome: 'success' as const }
  t.same(await api.ok(listCompanyAccessEvents, { params, query }), [], 'nothing was revealed for it')
}

/** The launcher's part: kill -9 of each, and the main job works again without anybody's help. */
async function kills(t: Test, { gateway }: World, runtime: () => Promise<Runtime>): Promise<void> {
  const api = openApi([gateway])
  const companyId = await onlyCompany(api)
  const agents = await api.ok(listAgents, { params: { companyId } })
  const agentId = agents.find(({ name }) => name === 'writer')?.id ?? ''
  for (const name of ['secrets', 'gateway', 'database'] as const) {
    const { pid } = (await runtime())[name]
    process.kill(pid ?? 0, 'SIGKILL')
    await eventually(
      async () => {
        const now = await runtime()
        if (now[name].pid === null || now[name].pid === pid) throw new Error(`${name} was not started again`)
        for (const { url } of [now.secrets, now.gateway])
          if (!(await fetch(`${url}/readyz`)).ok) throw new Error(`${url} is not ready`)
      },
      { deadlineMs: restartMsMax }
    )
    const { token } = await api.ok(openRun, { params: { companyId, agentId }, body: {} })
    const { env } = await api.ok(resolveRunEnvironment, {}, { token })
    t.ok('ANTHROPIC_API_KEY' in env, `after the end of ${name}`)
  }
}

async function onlyCompany(api: Api): Promise<string> {
  const [company] = await api.ok(listCompanies, {})
  if (company === undefined) throw new Error('there is no company')
  return company.id
}

function noLeaks(t: Test, { paths }: Operator, canaries: Canaries): void {
  const generated = readFileSync(paths.env, 'utf8').matchAll(/^(\w+)=(.*)$/gm)
  for (const [, name = '', value = ''] of generated) canaries.set(name, value)
  canaries.set('the master key', readFileSync(paths.masterKey, 'utf8').trim())
  const files = readdirSync(paths.logsDir)
  t.ok(files.length >= 2, files.join(', '))
  const logs = files.map((name) => readFileSync(join(paths.logsDir, name), 'utf8')).join('\n')
  t.match(logs, /"operationId":"resolveRunEnvironment"/)
  t.same(findLeaks(logs, canaries), [])
}
