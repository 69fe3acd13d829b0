import t from 'tap'
import { type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { runBin, startCli } from './fixtures/run-cli.js'
import {
  acme,
  agentId,
  apiKey,
  coder,
  companyId,
  openedRun,
  plainValue,
  projectId,
  runId,
  runToken,
  website
} from './fixtures/sample-rows.js'

// Leases are seconds long: tests that wait for one do so side by side.
t.jobs = 4
t.setTimeout(120_000)
const sideBySide = { buffered: true }

const { run } = openedRun
const basics: Record<string, FakeHandler> = {
  listCompanies: () => ({ body: [acme] }),
  listAgents: () => ({ body: [coder] }),
  listProjects: () => ({ body: [website] }),
  openRun: () => ({ body: openedRun }),
  resolveRunEnvironment: ({ token }) =>
    token === runToken
      ? { body: { env: { ANTHROPIC_API_KEY: plainValue }, manifest: [] } }
      : { problem: 'unauthenticated' },
  renewRun: () => ({ body: { run, expiresAt: run.expiresAt } }),
  finishRun: ({ token }) => (token === runToken ? { body: run } : { problem: 'unauthenticated' })
}
const runArgs = (...command: string[]) => ['agent', 'run', 'coder', '--', ...command]
const statusOf = (call: { body: unknown } | undefined) =>
  (call?.body as { status: string } | undefined)?.status

t.test('the command has an environment made from nothing, with the values and its run', async (t) => {
  const gateway = await fakeGateway(t, basics)
  const own = {
    ...{ PAPERCLIP_API_KEY: apiKey, DATABASE_URL: 'postgres://operator', BETTER_AUTH_SECRET: 'operator' },
    ...{ AWS_SECRET_ACCESS_KEY: 'operator', PAPERCLIP_SECRETS_MASTER_KEY: 'operator', NODE_OPTIONS: '' },
    ...{ LANG: 'C.UTF-8', LC_TIME: 'C', TERM: 'dumb', TZ: 'UTC', PASSED: 'yes', NOT_PASSED: 'operator' }
  }
  const script = 'process.stdout.write(JSON.stringify(process.env))'
  const args = [
    'agent',
    'run',
    'coder',
    '--pass',
    'PASSED',
    '--project',
    'website',
    '--',
    process.execPath,
    '-e',
    script
  ]
  const { code, stdout, stderr } = await runBin(t, args, {
    origin: gateway.origin,
    env: own,
    home: '/home/me'
  })
  t.same({ code, stderr }, { code: 0, stderr: '' })
  const { PATH, ...rest } = JSON.parse(stdout) as Record<string, string>
  t.equal(PATH, process.env.PATH)
  t.same(rest, {
    ...{ HOME: '/home/me', LANG: 'C.UTF-8', LC_TIME: 'C', TERM: 'dumb', TZ: 'UTC', PASSED: 'yes' },
    ANTHROPIC_API_KEY: plainValue,
    PAPERCLIP_API_URL: gateway.origin,
    PAPERCLIP_API_KEY: runToken,
    PAPERCLIP_AGENT_ID: agentId,
    PAPERCLIP_COMPANY_ID: companyId,
    PAPERCLIP_RUN_ID: runId
  })
  t.same(gateway.last('openRun')?.body, { projectId, ttlSeconds: 86_400, leaseSeconds: 60 })
  t.equal(gateway.last('openRun')?.token, apiKey)
  t.equal(statusOf(gateway.last('finishRun')), 'succeeded')
  t.same(gateway.violations, [])
})

t.test('stdin, stdout and the exit code are the command’s, flags and a further -- included', async (t) => {
  const gateway = await fakeGateway(t, basics)
  const script = 'cat; printf "|%s" "$@"; exit 7'
  const args = runArgs('sh', '-c', script, 'sh', '--json', '--help', '--', '-V', 'a b')
  const { code, stdout, stderr } = await runBin(t, args, { origin: gateway.origin, input: 'in' })
  t.same({ code, stdout, stderr }, { code: 7, stdout: 'in|--json|--help|--|-V|a b', stderr: '' })
  t.equal(statusOf(gateway.last('finishRun')), 'failed')
})

t.test(
  'a missing binding stops before the command starts, lists the paths, and closes the run',
  async (t) => {
    const errors = [{ pointer: 'env.A', message: 'The secret is not bound.', code: 'binding_missing' }]
    const gateway = await fakeGateway(t, {
      ...basics,
      resolveRunEnvironment: () => ({ problem: 'secret_deleted', errors })
    })
    const { code, stdout, stderr } = await runBin(t, runArgs('echo', 'started'), { origin: gateway.origin })
    t.same({ code, stdout }, { code: 1, stdout: '' })
    t.match(stderr, /was not started[\s\S]*env\.A: The secret is not bound \(binding_missing\)[\s\S]*hint:/)
    t.equal(statusOf(gateway.last('finishRun')), 'failed')
  }
)

t.test('a run that cannot be opened starts nothing and closes nothing', async (t) => {
  const gateway = await fakeGateway(t, { ...basics, openRun: () => ({ problem: 'agent_inactive' }) })
  const { code, stdout } = await runBin(t, runArgs('echo', 'started'), { origin: gateway.origin })
  t.same({ code, stdout }, { code: 1, stdout: '' })
  t.equal(gateway.operations().at(-1), 'openRun')
})

t.test('a command that is not there is 127, one that may not run 126; both close the run', async (t) => {
  const gateway = await fakeGateway(t, basics)
  const folder = t.testdir({ 'not-executable': 'x' })
  const missing = await runBin(t, runArgs('no-such-command-here', '--help'), { origin: gateway.origin })
  t.match(missing, { code: 127, stdout: '', stderr: /"no-such-command-here" was not found/ })
  const forbidden = await runBin(t, runArgs(`${folder}/not-executable`), { origin: gateway.origin })
  t.match(forbidden, { code: 126, stderr: /cannot be started \(EACCES\)/ })
  t.same(gateway.operations().filter((operation) => operation === 'finishRun').length, 2)
})

t.test('a value with NUL is refused by its name, never shown', async (t) => {
  const gateway = await fakeGateway(t, {
    ...basics,
    resolveRunEnvironment: () => ({ body: { env: { BINARY: `${plainValue}\u0000` }, manifest: [] } })
  })
  const { code, stdout, stderr } = await runBin(t, runArgs('env'), { origin: gateway.origin })
  t.same({ code, stdout }, { code: 1, stdout: '' })
  t.match(stderr, /the value of BINARY has a NUL byte/)
  t.notMatch(stderr, plainValue)
  t.equal(statusOf(gateway.last('finishRun')), 'failed')
})

t.test('signals reach the command once, and its end by one is 128 + n', sideBySide, async (t) => {
  const gateway = await fakeGateway(t, basics)
  const counting = `let n = 0; process.on('SIGINT', () => { n++; setTimeout(() => { console.log('got ' + n); process.exit(5) }, 200) })
    setInterval(() => {}, 1000); console.log('ready')`
  const handled = await startCli(t, runArgs(process.execPath, '-e', counting), { origin: gateway.origin })
  await handled.waitForLine(/ready/)
  handled.child.kill('SIGINT')
  t.same(await handled.ended, { code: 5, signal: null })
  t.match(handled.stdout(), /got 1\n/)
  t.equal(statusOf(gateway.last('finishRun')), 'cancelled')
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
    ['SIGUSR2', 140]
  ] as const) {
    const script = 'console.log("ready"); setInterval(() => {}, 1000)'
    const started = await startCli(t, runArgs(process.execPath, '-e', script), { origin: gateway.origin })
    await started.waitForLine(/ready/)
    started.child.kill(signal)
    t.same(await started.ended, { code, signal: null }, signal)
    t.equal(statusOf(gateway.last('finishRun')), signal === 'SIGUSR2' ? 'failed' : 'cancelled')
  }
  const suicide = await runBin(t, runArgs('sh', '-c', 'kill -9 $$'), { origin: gateway.origin })
  t.equal(suicide.code, 137)
  t.equal(statusOf(gateway.last('finishRun')), 'failed')
  t.same(gateway.violations, [])
})

t.test('a signal while the values are fetched starts nothing and cancels the run', async (t) => {
  let reached = () => {}
  const waiting = new Promise<void>((resolve) => {
    reached = resolve
  })
  const gateway = await fakeGateway(t, {
    ...basics,
    resolveRunEnvironment: () => {
      reached()
      return new Promise(() => {})
    }
  })
  const started = await startCli(t, runArgs('echo', 'started'), { origin: gateway.origin })
  await waiting
  started.child.kill('SIGTERM')
  t.same(await started.ended, { code: 143, signal: null })
  t.equal(started.stdout(), '')
  t.equal(statusOf(gateway.last('finishRun')), 'cancelled')
})

t.test('a run closed from outside is told once and ends the command', sideBySide, async (t) => {
  const gateway = await fakeGateway(t, {
    ...basics,
    renewRun: () => ({ problem: 'run_closed' }),
    finishRun: () => ({ problem: 'run_closed' })
  })
  const args = ['agent', 'run', 'coder', '--lease', '15', '--', 'sleep', '60']
  const startedMs = performance.now()
  const { code, stderr } = await runBin(t, args, { origin: gateway.origin })
  t.equal(code, 143)
  t.equal(
    stderr,
    'paperclipai: the run is closed (run_closed); ending the command, which still holds its values\n'
  )
  t.ok(performance.now() - startedMs < 15_000)
})

t.test(
  'renewing goes on through failures, which are told once, and a lost finish is repeated',
  sideBySide,
  async (t) => {
    let renewed = () => {}
    const again = new Promise<void>((resolve) => {
      renewed = resolve
    })
    const gateway = await fakeGateway(t, {
      ...basics,
      renewRun: (_, count) => {
        if (count < 3) return { problem: 'database_unavailable' }
        renewed()
        return { body: { run, expiresAt: run.expiresAt } }
      },
      finishRun: (_, count) => (count === 1 ? null : { problem: 'run_closed' })
    })
    const args = ['agent', 'run', 'coder', '--lease', '15', '--', 'sleep', '60']
    const started = await startCli(t, args, { origin: gateway.origin })
    await again
    started.child.kill('SIGTERM')
    t.same(await started.ended, { code: 143, signal: null })
    t.equal(started.stderr().match(/could not be renewed/g)?.length, 1)
    t.notMatch(started.stderr(), /could not be closed/)
    t.equal(gateway.operations().filter((operation) => operation === 'finishRun').length, 2)
  }
)

t.test(
  'a gateway that is gone at the end costs nothing but a line: the lease closes the run',
  sideBySide,
  async (t) => {
    const gateway = await fakeGateway(t, { ...basics, finishRun: () => null })
    const { code, stderr } = await runBin(t, runArgs('true'), { origin: gateway.origin })
    t.equal(code, 0)
    t.match(stderr, /could not be closed \(interrupted\); it ends with its lease/)
    t.notMatch(stderr, runToken)
  }
)
