import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { type ProblemCode, problemOf, problems } from '@paperclip/contracts'
import { freePort, startProcess, testAuthority } from '@paperclip/testing'
import type { Command } from 'commander'
import t from 'tap'
import { buildProgram } from '../src/program.js'
import { fakeGateway } from './fixtures/fake-gateway.js'
import { binPath, runBin, runCli } from './fixtures/run-cli.js'
import { agentId, apiKey, companyId, keyId, sampleId, secretId } from './fixtures/sample-rows.js'

// Of a server that hangs: half a minute passes in half a second.
const longMsMin = 20_000
const hurry = 60
let isHurried = false
const inTime = globalThis.setTimeout
const setTimeoutHurried = ((act: () => void, ms = 0) =>
  inTime(act, isHurried && ms >= longMsMin ? ms / hurry : ms)) as typeof setTimeout
Object.assign(globalThis, { setTimeout: Object.assign(setTimeoutHurried, inTime) })

const folder = mkdtempSync(join(tmpdir(), 'paperclip-failures-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const file = (name: string, content: string) => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const manifest = file('manifest.json', '{"format":"paperclip-company","version":1}')
const rows = file('rows.json', '[{"externalRef":"prod/a"}]')
const value = file('value', 'canary-value')
const vaultId = sampleId(7)

/** How each command that asks the gateway is typed; a command that is not here fails the first test. */
const typed: Record<string, readonly string[]> = {
  'auth login': [],
  'auth logout': [],
  'auth whoami': [],
  'company list': [],
  'company create': ['Acme'],
  'company archive': ['Acme'],
  'company unarchive': ['Acme'],
  'company delete': ['Acme', '--confirm', 'Acme'],
  'company export': [],
  'company import': ['--file', manifest],
  'invite list': [],
  'invite create': ['viewer'],
  'invite revoke': [sampleId(9)],
  'project list': [],
  'project create': ['website'],
  'agent list': [],
  'agent create': ['coder'],
  'agent run': ['coder', '--', 'true'],
  'agent keys': ['coder'],
  'agent create-key': ['coder', 'laptop'],
  'agent revoke-key': [agentId, keyId],
  'agent rotate-keys': ['coder', '--out', join(folder, 'new-keys'), '--yes'],
  'agent pause': ['coder'],
  'agent resume': ['coder'],
  'agent terminate': ['coder', '--yes'],
  'secrets list': [],
  'secrets exposed': [],
  'secrets create': ['Key', '--value-file', value],
  'secrets link': ['Key', '--external-ref', 'prod/a', '--vault', vaultId],
  'secrets rotate': [secretId, '--value-file', value],
  'secrets update': [secretId, '--name', 'New'],
  'secrets delete': [secretId, '--yes'],
  'secrets versions': ['key'],
  'secrets disable-version': [secretId, '1'],
  'secrets enable-version': [secretId, '1'],
  'secrets destroy-version': [secretId, '1', '--yes'],
  'secrets usage': ['key'],
  'secrets access-events': [],
  'secrets providers': [],
  'secrets declarations': [],
  'secrets migrate-inline-env': ['--apply'],
  'secrets doctor': [],
  'vault list': [],
  'vault create': ['local_encrypted', 'Main'],
  'vault update': [vaultId, '--name', 'Other'],
  'vault default': [vaultId],
  'vault disable': [vaultId, '--yes'],
  'vault health': [vaultId],
  'import preview': [vaultId],
  'import commit': [vaultId, '--file', rows, '--yes'],
  'env get': ['coder'],
  'env set': ['coder', 'A=secret:key'],
  'audit list': [],
  'audit export': ['--output', join(folder, 'changes.csv')],
  'user list': [],
  'user delete': ['eve', '--yes'],
  'user promote': ['eve'],
  'user demote': ['eve'],
  'user end-sessions': ['eve'],
  'user revoke-keys': ['eve', '--yes'],
  'activity list': [],
  'master-key status': [],
  'master-key rotate': [],
  'master-key retire': ['mk_0123456789abcdef', '--yes']
}

/** What may go wrong between a command and a gateway, what is said about it, and what to do. */
interface Fault {
  readonly what: string
  readonly origin: string
  readonly says: RegExp
  readonly hints: RegExp
}

const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
const program = buildProgram({
  env: {},
  stdin: Readable.from([]),
  stdout: nowhere,
  stderr: nowhere,
  exitCode: 0
})

/** The commands that can be typed, by their words; groups are left out. */
function leaves(command: Command, words: readonly string[] = []): [name: string, command: Command][] {
  const below = command.commands.filter((child) => child.name() !== 'help')
  if (below.length === 0) return [[words.join(' '), command]]
  return below.flatMap((child) => leaves(child, [...words, child.name()]))
}

const commands = leaves(program)
const met = await faults()
const signIn = { token: apiKey, userId: 'u-1', keyId, signedInAt: '2026-01-31T12:00:00.000Z' }
file(
  'auth.json',
  JSON.stringify({ version: 1, gateways: Object.fromEntries(met.map(({ origin }) => [origin, signIn])) })
)
const env = { PAPERCLIP_API_KEY: apiKey, PAPERCLIP_COMPANY_ID: companyId, PAPERCLIP_HOME: folder }

t.test('help of every command has a worked example, on stdout, exit 0', async (t) => {
  for (const [name] of commands) {
    const { code, stdout, stderr } = await runCli([...name.split(' '), '--help'])
    t.same({ code, stderr }, { code: 0, stderr: '' }, name)
    t.match(stdout, new RegExp(`\\n {2}\\$ .*paperclipai ${name}`), name)
  }
})

/** What these print is not theirs: a command's own output, a script for a shell, one line of what runs. */
const printsNoData = ['run', 'agent run', 'completion']

t.test('every command that prints data takes --json', (t) => {
  const without = commands.filter(([, command]) => !command.options.some(({ long }) => long === '--json'))
  t.same(without.map(([name]) => name).sort(), [...printsNoData].sort())
  t.end()
})

t.test('the table below has every command that asks the gateway', (t) => {
  const asking = commands.filter(([, command]) => command.options.some(({ long }) => long === '--api-url'))
  t.same(Object.keys(typed).sort(), asking.map(([name]) => name).sort())
  t.end()
})

for (const { what, origin, says, hints } of met)
  t.test(`${what}: every command says so in one line with the next step, exit 1`, async (t) => {
    isHurried = what === 'a server that hangs'
    const checked = Object.entries(typed).map(async ([name, args]) => {
      // A key that is refused needs no revoking: the sign-in is forgotten.
      if (name === 'auth logout' && /^a key that/.test(what)) return []
      const { code, stdout, stderr } = await runCli([...name.split(' '), ...args], { origin, env })
      const [told = '', next = '', ...more] = stderr.trimEnd().split('\n')
      const isRight =
        code === 1 &&
        stdout === '' &&
        more.length === 0 &&
        told.startsWith('paperclipai: ') &&
        says.test(told) &&
        next.startsWith('paperclipai: hint: ') &&
        hints.test(next) &&
        !/canary|never-printed/.test(stderr)
      return isRight ? [] : [`${name} ends with ${code}: ${stdout}${stderr}`]
    })
    t.same((await Promise.all(checked)).flat(), [])
  })

t.test('by the real command: a dead server, a disk that is full, and a reader who has enough', async (t) => {
  const origin = met[0]?.origin ?? ''
  const dead = await runBin(t, ['company', 'list'], { origin, env })
  t.match(dead, { code: 1, stdout: '', stderr: /cannot be reached.*\npaperclipai: hint: start it.*\n$/ })
  const shell = async (line: string) => {
    const started = await startProcess(t, {
      command: 'sh',
      args: ['-c', line],
      env: { PAPERCLIP: `${process.execPath} ${binPath}`, PAPERCLIP_HOME: join(folder, 'none') }
    })
    return { ...(await started.ended), stdout: started.stdout(), stderr: started.stderr() }
  }
  t.match(await shell('$PAPERCLIP completion bash >&-'), { code: 0, stderr: '' })
  t.match(await shell('{ $PAPERCLIP completion zsh; echo $? >&2; } | true'), { stderr: '0\n' })
  t.match(
    await shell('{ $PAPERCLIP doctor --json; echo $? >&2; } | true'),
    { stderr: '1\n' },
    'a gate stays shut'
  )
  const old = "data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'18.20.4'}})"
  t.match(await shell(`NODE_OPTIONS="--import=${old}" $PAPERCLIP --version`), {
    ...{ code: 1, stdout: '' },
    stderr: /^paperclipai: Node 20\.19 or newer is needed.*\npaperclipai: hint: .*\n$/
  })
  if (!existsSync('/dev/full')) return
  const full = await shell('$PAPERCLIP completion bash >/dev/full')
  t.match(full, { code: 1, stderr: /^paperclipai: .*ENOSPC.*\npaperclipai: hint: make room .*\n$/ })
  t.match(await shell('$PAPERCLIP completion bash >/dev/full 2>&1'), { code: 1 })
})

t.test('an address that is none, and what only admins may: one line each, and the next step', async (t) => {
  const gateway = await fakeGateway(t, { listUsers: () => ({ problem: 'forbidden' }) })
  const none = await runCli(['company', 'list'], { origin: 'nonsense' })
  const refused = await runCli(['user', 'list'], { origin: gateway.origin })
  for (const [{ code, stdout, stderr }, expected] of [
    [none, /is not an address like[^\n]*\n[^\n]*hint: give scheme/],
    [refused, /forbidden[^\n]*\n[^\n]*hint: /]
  ] as const) {
    t.ok(code !== 0 && stdout === '')
    t.match(stderr, expected)
    t.equal(stderr.trim().split('\n').length, 2, stderr)
  }
})

async function faults(): Promise<Fault[]> {
  const { certFile, keyFile } = await (await testAuthority(t)).issue()
  const tls = { cert: readFileSync(certFile), key: readFileSync(keyFile) }
  const wrongUrl = /check that --api-url or PAPERCLIP_API_URL is the address of a gateway/
  const anotherKey = /sign in with `paperclipai auth login`, or set PAPERCLIP_API_KEY/
  const answer =
    (status: number, type: string, text: string): RequestListener =>
    (_, reply) =>
      reply.writeHead(status, { 'content-type': type, location: 'https://canary.example/' }).end(text)
  const page = '<!doctype html><title>canary</title>'
  const http = (listener: RequestListener) => listening(createServer(listener))
  const problem = (code: ProblemCode) =>
    http(
      answer(
        problems[code].status,
        'application/problem+json',
        JSON.stringify(problemOf(code, { requestId: 'request-1' }))
      )
    )
  const secure = (await listening(createTlsServer(tls, answer(200, 'text/html', page)))).replace(
    'http:',
    'https:'
  )
  const deaf = await listening(createTcpServer(() => {}))
  return [
    {
      what: 'a dead server',
      origin: `http://127.0.0.1:${await freePort()}`,
      says: /cannot be reached \(ECONNREFUSED\)/,
      hints: /start it with `paperclipai run`/
    },
    {
      what: 'a website',
      origin: await http(answer(200, 'text/html', page)),
      says: /answered 200 in a form/,
      hints: wrongUrl
    },
    {
      what: 'a website that has no such page',
      origin: await http(answer(404, 'text/html', page)),
      says: /answered 404 in a form/,
      hints: wrongUrl
    },
    {
      what: 'an API of somebody else',
      origin: await http(answer(404, 'application/json', '{"error":"canary"}')),
      says: /answered 404 in a form/,
      hints: wrongUrl
    },
    {
      what: 'a redirect',
      origin: await http(answer(302, 'text/html', page)),
      says: /cannot be used \(redirect\)/,
      hints: wrongUrl
    },
    {
      what: 'http to a port of https',
      origin: secure.replace('https:', 'http:'),
      says: /ended the connection|cannot be used/,
      hints: /look before you repeat it. If it speaks https/
    },
    {
      what: 'https to a port of http',
      origin: (await http(answer(200, 'text/html', page))).replace('http:', 'https:'),
      says: /cannot be reached/,
      hints: /seems to speak no https/
    },
    {
      what: 'a certificate that nobody vouches for',
      origin: secure,
      says: /cannot be reached/,
      hints: /name its certificate is for.*NODE_EXTRA_CA_CERTS/
    },
    {
      what: 'a server that is no http',
      origin: await listening(createTcpServer((socket) => socket.end('SSH-2.0-canary\r\n'))),
      says: /cannot be used/,
      hints: wrongUrl
    },
    { what: 'a server that hangs', origin: deaf, says: /did not answer in time/, hints: /./ },
    {
      what: 'a key that has expired',
      origin: await problem('credential_expired'),
      says: /credential_expired/,
      hints: anotherKey
    },
    {
      what: 'a key that was revoked',
      origin: await problem('credential_revoked'),
      says: /credential_revoked/,
      hints: anotherKey
    },
    {
      what: 'a key that is none',
      origin: await problem('unauthenticated'),
      says: /unauthenticated/,
      hints: /PAPERCLIP_API_KEY must hold a valid key/
    },
    {
      what: "a viewer's key",
      origin: await problem('read_only_role'),
      says: /read_only_role/,
      hints: /ask an owner of the company/
    },
    { what: 'too many requests', origin: await problem('rate_limited'), says: /rate_limited/, hints: /./ },
    {
      what: 'a secrets service that is down',
      origin: await problem('secrets_unavailable'),
      says: /secrets_unavailable/,
      hints: /./
    }
  ]
}

/** Starts a server and gives its address; what hangs is cut with the test. */
async function listening(server: Server): Promise<string> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket.on('error', () => {})))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
