import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import t from 'tap'
import { reportFailure } from '../src/output/report-failure.js'
import { type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { runCli } from './fixtures/run-cli.js'
import { acme, agentId, apiKey, coder, companyId, sampleId, website } from './fixtures/sample-rows.js'

const basics: Record<string, FakeHandler> = {
  listCompanies: () => ({ body: [acme] }),
  listAgents: () => ({ body: [coder] }),
  listProjects: () => ({ body: [website] })
}

t.test('misuse is exit 2, says so in one line with a hint, and sends nothing', async (t) => {
  const gateway = await fakeGateway(t, basics)
  const printed = join(t.testdir({ key: `{\n  "token": "${apiKey}"\n}\n` }), 'key')
  const misuses: [args: string[], message: RegExp, env?: Record<string, string>][] = [
    [['nope'], /unknown command 'nope'/],
    [['company', 'lst'], /unknown command 'lst'\n.*Did you mean list/],
    [['company', 'list', '--bogus'], /unknown option '--bogus'/],
    [['company', 'create'], /missing required argument 'name'/],
    [['company', 'create', 'a', 'b'], /too many arguments/],
    [['agent', 'run', 'coder'], /missing required argument 'command'/],
    [
      ['agent', 'run', 'coder', 'sh', '-c', 'true'],
      /unknown option '-c'[\s\S]*agent run <agent> -- <command>/
    ],
    [['agent', 'terminate', 'coder'], /cannot be undone[\s\S]*--yes/],
    [['env', 'set', 'coder', '--plain-env', 'HOME', 'PATH'], /form NAME=…[\s\S]*once for each/],
    [['agent', 'run', 'coder', '--pass', 'NOT_SET_HERE', '--', 'true'], /NOT_SET_HERE.*not set/],
    [['agent', 'run', 'coder', '--lease', '3', '--', 'true'], /from 15 to 3600/],
    [['agent', 'revoke-key', 'coder', 'paperclip_agent_x'], /<key-id> is not an id/],
    [['agent', 'create-key', 'coder', 'ci', '--expires-at', 'soon'], /--expires-at is not a time/],
    [['activity', 'list', '--limit', '0'], /whole number from 1/],
    [['secrets', 'list', '--status', 'gone'], /Allowed choices are active/],
    [
      ['secrets', 'create', 'A', '--value-env', 'NOT_SET_HERE'],
      /--value-env names a variable that is not set/
    ],
    [['secrets', 'create', 'A', '--value-env', 'HOME', '--value-file', '/x'], /cannot be used together/],
    [['secrets', 'create', 'A'], /no value came on stdin/],
    [['secrets', 'create', 'A', 'x'], /too many arguments[\s\S]*hint: a value comes on stdin/],
    [['secrets', 'list', '--company-id', 'acme'], /--company-id is not an id/],
    [['secrets', 'list'], /PAPERCLIP_COMPANY_ID is not an id/, { PAPERCLIP_COMPANY_ID: 'acme' }],
    [['env', 'get'], /name an agent, or a project/],
    [['env', 'get', 'coder', '--project', 'website'], /cannot be named together/],
    [['env', 'set', 'coder'], /nothing to change/],
    [['env', 'set', 'A=secret:b'], /must name the agent/],
    [['env', 'set', 'coder', 'A=secret:x', '--secret', 'A=y'], /A is given twice/],
    [['env', 'set', 'coder', 'A=secret:x', '--unset', 'A'], /A is both set and unset/],
    [['env', 'set', 'coder', '1A=secret:x'], /begins with no digit/],
    [['env', 'set', 'coder', 'A=secret:x@0'], /may end in @version/],
    [
      ['env', 'set', 'coder', '--plain-env', 'NOT_SET_HERE'],
      /NOT_SET_HERE: --plain-env names .* not set\n.*hint: it is --plain-env NAME/
    ],
    [['doctor', '--yes'], /--yes is for --repair/],
    [['doctor', '--repair'], /--repair asks on a terminal/],
    [['company', 'list', '--api-url', 'http://u:p@h'], /is not an address/],
    [['company', 'list'], /is not a key/, { PAPERCLIP_API_KEY: 'a b' }],
    [['company', 'list'], /both set/, { PAPERCLIP_API_KEY: 'a', PAPERCLIP_API_KEY_FILE: '/x' }],
    [['company', 'list'], /API_KEY_FILE does not hold one key.*\n.*jq/, { PAPERCLIP_API_KEY_FILE: printed }]
  ]
  for (const [args, message, env = {}] of misuses) {
    const { code, stdout, stderr } = await runCli(args, { origin: gateway.origin, env })
    t.equal(code, 2, args.join(' '))
    t.equal(stdout, '', args.join(' '))
    t.match(stderr, message)
    t.ok(
      stderr.split('\n').every((line) => line === '' || line.startsWith('paperclipai: ')),
      stderr
    )
    t.notMatch(stderr, /\n\s+at |paperclip_board_/)
  }
  const absent = { PAPERCLIP_API_KEY_FILE: '/nonexistent' }
  t.match(await runCli(['company', 'list'], { origin: gateway.origin, env: absent }), {
    code: 1,
    stderr: /^paperclipai: .*PAPERCLIP_API_KEY_FILE cannot be read \(ENOENT\)\npaperclipai: hint: .*\n$/
  })
  t.same(gateway.calls, [])
})

t.test(
  'what follows a flag or stands where a reference should is never repeated: it may be a value',
  async (t) => {
    const gateway = await fakeGateway(t, basics)
    const slips = [
      ['secrets', 'create', 'A', '--value=hunter2'],
      ['secrets', 'create', 'A', 'hunter2'],
      ['secrets', 'create', 'A', '--value-env', 'hunter2'],
      ['secrets', 'create', 'A', '--value-file', '/nonexistent/hunter2'],
      ['env', 'set', 'coder', 'PASSWORD=hunter2'],
      ['env', 'set', 'coder', 'hunter2'],
      ['env', 'set', 'coder', '--secret', 'A=!hunter2'],
      ['env', 'set', 'coder', '--plain-env', 'PASSWORD=hunter2'],
      ['env', 'set', 'coder', '--plain-file', 'PASSWORD=hunter2'],
      ['env', 'set', 'coder', '--from-file', 'hunter2'],
      ['agent', 'run', 'coder', '--pass', 'PASSWORD=hunter2', '--', 'true'],
      ['company', 'list', '--api-url', 'http://me:hunter2@127.0.0.1'],
      ['agent', 'revoke-key', 'coder', 'hunter2']
    ]
    for (const args of slips) {
      const { code, stdout, stderr } = await runCli(args, { origin: gateway.origin })
      t.ok(code === 2 || code === 1, args.join(' '))
      t.notMatch(stdout + stderr, /hunter2/)
    }
    const drawn = 'x7Qm2Lw9Rt4Vb8Zk1Np5'
    for (const noun of ['company', 'project', 'agent'])
      t.match(await runCli([noun, 'create', `ghp_${drawn}`], { origin: gateway.origin }), {
        code: 2,
        stdout: '',
        stderr: new RegExp(`^(?![^]*${drawn})paperclipai: an argument looks like the value itself`)
      })
    const misplaced = [
      ['secrets', `ghp_${drawn}`],
      ['secrets', 'destroy-version', 'key', `ghp_${drawn}`],
      ['env', 'set', 'coder', '--plain-env', `ghp_${drawn}`],
      ['agent', 'run', 'coder', '--pass', `ghp_${drawn}`, '--', 'true']
    ]
    for (const args of misplaced) {
      const { code, stdout, stderr } = await runCli(args, { origin: gateway.origin })
      t.equal(code, 2, args.join(' '))
      t.notMatch(stdout + stderr, drawn)
    }
    t.same(gateway.calls, [])
  }
)

t.test('a file that this user may not use is named, with what to look at', (t) => {
  const stderr = new PassThrough()
  const io = { env: {}, stdin: Readable.from([]), stdout: new PassThrough(), stderr, exitCode: 0 }
  const path = '/home/other/config.json.lock.tmp-0123456789abcdef'
  const error = Object.assign(new Error('canary-message'), { code: 'EACCES', path })
  t.equal(reportFailure(io, error), 1)
  t.equal(
    String(stderr.read()).replace(/hint: .*/, 'hint'),
    'paperclipai: /home/other/config.json.lock cannot be used by this user (EACCES)\npaperclipai: hint\n'
  )
  reportFailure(io, Object.assign(new Error('canary-message'), { code: 'ENOENT', path: 'canary-path' }))
  t.equal(String(stderr.read()), 'paperclipai: something failed inside this command (Error, ENOENT)\n')
  t.end()
})

t.test('a problem is told with its code, its places and a hint; the token stays unseen', async (t) => {
  const gateway = await fakeGateway(t, {
    ...basics,
    createAgent: () => ({
      problem: 'env_invalid',
      detail: 'One entry is not valid.',
      errors: [{ pointer: '/env/A', message: 'There is no such secret.', code: 'secret_not_found' }]
    }),
    listCompanies: ({ token }) => (token === apiKey ? { body: [acme] } : { problem: 'unauthenticated' })
  })
  const env = { PAPERCLIP_API_KEY: apiKey }
  const { code, stdout, stderr } = await runCli(['agent', 'create', 'x'], { origin: gateway.origin, env })
  t.same({ code, stdout }, { code: 1, stdout: '' })
  t.equal(
    stderr,
    'paperclipai: One entry is not valid (env_invalid)\n' +
      'paperclipai:   /env/A: There is no such secret (secret_not_found)\n' +
      'paperclipai: hint: keys are in `paperclipai secrets list`; store what is not there with `paperclipai secrets create`\n'
  )
  const refused = await runCli(['company', 'list'], {
    origin: gateway.origin,
    env: { PAPERCLIP_API_KEY: 'paperclip_board_other' }
  })
  t.equal(refused.code, 1)
  t.match(refused.stderr, /unauthenticated.*\n.*hint: PAPERCLIP_API_KEY/)
  t.notMatch(refused.stderr, /paperclip_board_other/)
})

t.test('tables are aligned and harmless to a terminal; --json gives the rows as they came', async (t) => {
  const nasty = { ...acme, id: sampleId(1, 2), name: 'A\u001b[2J\nB\u202e' }
  const gateway = await fakeGateway(t, { listCompanies: () => ({ body: [acme, nasty] }) })
  const table = await runCli(['company', 'list'], { origin: gateway.origin })
  const json = await runCli(['company', 'list', '--json'], { origin: gateway.origin })
  const [head = '', first = '', second = ''] = table.stdout.split('\n')
  t.match(head, /^ID {2,}NAME {2,}STATUS {2,}CREATED$/)
  t.equal(first.indexOf('active'), head.indexOf('STATUS'))
  t.match(second, 'A\\u001b[2J\\u000aB\\u202e')
  t.equal(table.stderr, '')
  t.same(JSON.parse(json.stdout), [acme, nasty])
  t.equal(gateway.violations.length, 0)
})

t.test('lists walk every page, up to --limit, and say when there is more', async (t) => {
  const rows = Array.from({ length: 7 }, (_, index) => ({ ...acme, id: sampleId(1, index + 1) }))
  const gateway = await fakeGateway(t, {
    listCompanies: ({ query }) => {
      const from = Number(query.cursor ?? 0)
      const next = from + 3 < rows.length ? { link: `</api/companies?cursor=${from + 3}>; rel="next"` } : {}
      return { body: rows.slice(from, from + 3), ...next }
    }
  })
  const all = await runCli(['company', 'list', '--json'], { origin: gateway.origin })
  t.same(JSON.parse(all.stdout), rows)
  t.equal(all.stderr, '')
  const some = await runCli(['company', 'list', '--json', '--limit', '5'], { origin: gateway.origin })
  t.same(JSON.parse(some.stdout), rows.slice(0, 5))
  t.match(some.stderr, /showing the newest 5/)
  t.same(gateway.violations, [])
})

t.test('the company is the flag, else the variable, else the only active one, else a question', async (t) => {
  const other = { ...acme, id: sampleId(1, 2), name: 'Other' }
  const archived = { ...acme, id: sampleId(1, 3), status: 'archived' as const }
  let companies = [acme, archived]
  const gateway = await fakeGateway(t, {
    ...basics,
    listCompanies: () => ({ body: companies }),
    getAgent: () => ({ body: { ...coder, companyId: other.id } }),
    getAgentEnvironment: () => ({ body: { env: {} } })
  })
  const list = (args: string[], env = {}) =>
    runCli(['agent', 'list', '--json', ...args], { origin: gateway.origin, env })
  await list([])
  t.equal(gateway.last('listAgents')?.params.companyId, companyId)
  await list([], { PAPERCLIP_COMPANY_ID: other.id })
  t.equal(gateway.last('listAgents')?.params.companyId, other.id)
  await list(['--company-id', archived.id], { PAPERCLIP_COMPANY_ID: other.id })
  t.equal(gateway.last('listAgents')?.params.companyId, archived.id)
  companies = [acme, other]
  const several = await list([])
  t.equal(several.code, 2)
  t.match(
    several.stderr,
    new RegExp(`several companies[\\s\\S]*${acme.id}[\\s\\S]*${other.id}[\\s\\S]*--company-id`)
  )
  await runCli(['env', 'get', agentId], { origin: gateway.origin })
  t.equal(gateway.last('getAgentEnvironment')?.params.companyId, other.id, 'an id says which company')
  companies = [archived]
  t.match(await list([]), { code: 1, stderr: /every company is archived[\s\S]*company unarchive/ })
  companies = []
  const none = await list([])
  t.equal(none.code, 1)
  t.match(none.stderr, /no company yet[\s\S]*company create/)
  t.same(gateway.violations, [])
})

t.test('a group without a command is misuse, and shows what it has', async (t) => {
  const bare = await runCli(['secrets'])
  t.same({ code: bare.code, stdout: bare.stdout }, { code: 2, stdout: '' })
  t.match(bare.stderr, /Usage: paperclipai secrets/)
})
