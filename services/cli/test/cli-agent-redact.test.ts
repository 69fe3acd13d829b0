import { createHash } from 'node:crypto'
import { startProcess } from '@paperclip/testing'
import t from 'tap'
import { type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { binPath, type CliRun, runBin, startCli } from './fixtures/run-cli.js'
import {
  acme,
  apiKey,
  coder,
  companyId,
  openedRun,
  plainValue,
  runToken,
  sampleId
} from './fixtures/sample-rows.js'

t.jobs = 4
t.setTimeout(120_000)
const sideBySide = { buffered: true }
const mask = '***REDACTED***'

const { run } = openedRun
const boundAs = (envKey: string) => ({
  configPath: `env.${envKey}`,
  envKey,
  secretId: sampleId(4),
  secretKey: 'anthropic-api-key',
  version: 1,
  provider: 'local_encrypted' as const,
  outcome: 'success' as const
})
const env: Record<string, string> = {
  WORD: plainValue,
  PIN: '123',
  DB_PASSWORD: 'say "hi" & go/50%',
  NODE_ENV: 'production'
}
const basics: Record<string, FakeHandler> = {
  listCompanies: () => ({ body: [acme] }),
  listAgents: () => ({ body: [coder] }),
  openRun: () => ({ body: openedRun }),
  resolveRunEnvironment: () => ({ body: { env, manifest: [boundAs('WORD'), boundAs('PIN')] } }),
  renewRun: () => ({ body: { run, expiresAt: run.expiresAt } }),
  finishRun: ({ token }) => (token === runToken ? { body: run } : { problem: 'unauthenticated' })
}
const redactArgs = (...command: string[]) => ['agent', 'run', 'coder', '--redact', '--', ...command]
const node = (script: string) => redactArgs(process.execPath, '-e', script)
const options = (origin: string): CliRun => ({ origin })

t.test('no form of a secret gets out, on stdout or stderr, and everything else does', async (t) => {
  const gateway = await fakeGateway(t, basics)
  const script = `
    const { WORD, DB_PASSWORD, PAPERCLIP_API_KEY, PIN, NODE_ENV } = process.env
    const show = (value) => [value, JSON.stringify({ value }), encodeURIComponent(value), ...['', 'x', 'xy'].map(
      (before) => Buffer.from(before + value).toString('base64'))].join(' ')
    for (const stream of [process.stdout, process.stderr])
      for (const value of [WORD, DB_PASSWORD, PAPERCLIP_API_KEY]) stream.write('<' + show(value) + '>\\n')
    process.stdout.write(PIN + ' ' + NODE_ENV + '\\n')
    process.exitCode = 7`
  const { code, stdout, stderr } = await runBin(t, node(script), options(gateway.origin))
  t.equal(code, 7)
  const shown =
    /^<\*{3}REDACTED\*{3} \{"value":"\*{3}REDACTED\*{3}"\} \*{3}REDACTED\*{3}(?: \S{0,3}\*{3}REDACTED\*{3}\S{0,3}){3}>$/
  const lines = stdout.split('\n')
  for (const line of lines.slice(0, 3)) t.match(line, shown)
  t.equal(lines[3], '123 production')
  const note = 'paperclipai: --redact: the value of PIN is shorter than 4 bytes and is not masked\n'
  t.ok(stderr.startsWith(note))
  for (const line of stderr.slice(note.length).trim().split('\n')) t.match(line, shown)
  for (const secret of [plainValue, runToken, 'say "hi"', apiKey]) t.notOk((stdout + stderr).includes(secret))
  t.match(gateway.last('finishRun')?.body, { status: 'failed' })
  const open = await runBin(
    t,
    ['agent', 'run', 'coder', '--', 'sh', '-c', 'echo "$WORD"'],
    options(gateway.origin)
  )
  t.same(open, { code: 0, stdout: `${plainValue}\n`, stderr: '' }, 'only when it is asked for')
  t.same(gateway.violations, [])
})

t.test('bytes that are no text pass as they are, however many', sideBySide, async (t) => {
  const gateway = await fakeGateway(t, basics)
  const piece = Buffer.from(Array.from({ length: 256 }, (_, index) => 255 - index))
  const count = 20_000
  const script = `const b = Buffer.from(Array.from({ length: 256 }, (_, i) => 255 - i));
    for (let i = 0; i < ${count}; i++) process.stdout.write(b)`
  const hash = createHash('sha256')
  for (let index = 0; index < count; index++) hash.update(piece)
  const started = await startProcess(t, {
    command: 'sh',
    args: ['-c', '"$@" | sha256sum', 'sh', process.execPath, binPath, ...node(script)],
    env: { PAPERCLIP_API_URL: gateway.origin, PAPERCLIP_COMPANY_ID: companyId }
  })
  t.equal((await started.ended).code, 0)
  t.equal(started.stdout(), `${hash.digest('hex')}  -\n`)
})

t.test(
  'a prompt shows at once, also one that ends as a secret begins; signals pass',
  sideBySide,
  async (t) => {
    const gateway = await fakeGateway(t, basics)
    const script = `process.on('SIGTERM', () => process.exit(9)); setInterval(() => {}, 1000)
    process.stdout.write('ready> s'); process.stderr.write('password: sk-test')`
    const started = await startCli(t, node(script), options(gateway.origin))
    await Promise.all([started.waitForLine(/ready> s/), started.waitForLine(/password: \*{3}REDACTED\*{3}/)])
    started.child.kill('SIGTERM')
    t.same(await started.ended, { code: 9, signal: null })
    t.equal(started.stdout(), 'ready> s')
    t.ok(started.stderr().endsWith(`password: ${mask}`))
    t.match(gateway.last('finishRun')?.body, { status: 'cancelled' })
    const killed = await runBin(
      t,
      redactArgs('sh', '-c', 'echo "$WORD"; kill -9 $$'),
      options(gateway.origin)
    )
    t.match(killed, { code: 137, stdout: `${mask}\n` })
    const missing = await runBin(t, redactArgs('no-such-command-here'), options(gateway.origin))
    t.match(missing, { code: 127, stdout: '', stderr: /was not found/ })
  }
)

t.test('what the command leaves behind does not hold up the end of the run', sideBySide, async (t) => {
  const gateway = await fakeGateway(t, basics)
  const left = await runBin(
    t,
    redactArgs('sh', '-c', 'sleep 60 & echo "$WORD"; exit 3'),
    options(gateway.origin)
  )
  t.match(left, { code: 3, stdout: `${mask}\n` })
  t.match(gateway.last('finishRun')?.body, { status: 'failed' })
})

t.test('a reader that stops reading ends the command, and the run is closed', sideBySide, async (t) => {
  const gateway = await fakeGateway(t, basics)
  const started = await startProcess(t, {
    command: 'sh',
    args: ['-c', '"$@" | head -n 1', 'sh', process.execPath, binPath, ...redactArgs('yes')],
    env: { PAPERCLIP_API_URL: gateway.origin, PAPERCLIP_COMPANY_ID: companyId }
  })
  t.equal((await started.ended).code, 0)
  t.equal(started.stdout(), 'y\n')
  t.match(gateway.last('finishRun')?.body, { status: 'failed' })
})
