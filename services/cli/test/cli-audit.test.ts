import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ActivityView } from '@paperclip/contracts'
import t from 'tap'
import { type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { runCli } from './fixtures/run-cli.js'
import { acme, companyId, sampleId } from './fixtures/sample-rows.js'

const time = '2026-01-31T12:00:00.000Z'

const rowOf = (n: number): ActivityView => ({
  id: sampleId(7, n),
  companyId,
  action: 'secret.rotated',
  actorType: 'user',
  actorId: n === 2 ? '=HYPERLINK("http://x")' : 'u-1',
  entityType: 'secret',
  entityId: sampleId(4, n),
  runId: null,
  metadata: { name: n === 3 ? 'a, "b"\r\n' : n === 4 ? 'k;=1+1|@x\t-y \u{1f511}' : 'k' },
  timestamp: time
})
const rows = Array.from({ length: 7 }, (_, index) => rowOf(index + 1))

/** Gives three rows a page, and what `fails` says instead of some. */
const paged =
  (fails: (cursor: string | undefined) => boolean = () => false): FakeHandler =>
  ({ query }) => {
    const cursor = query.cursor as string | undefined
    if (fails(cursor)) return { problem: 'secrets_unavailable' }
    const from = Number(cursor ?? 0)
    const next = from + 3 < rows.length ? { link: `</api/x?cursor=${from + 3}>; rel="next"` } : {}
    return { body: rows.slice(from, from + 3), ...next }
  }

const companies: Record<string, FakeHandler> = { listCompanies: () => ({ body: [acme] }) }

t.test('audit list filters, shows the instance when asked, and gives the rows as they came', async (t) => {
  const gateway = await fakeGateway(t, { ...companies, listActivity: paged(), listInstanceActivity: paged() })
  const { origin } = gateway
  const filter = [
    '--action',
    'secret.rotated',
    '--actor-id',
    'u-1',
    '--from',
    '2026-01-01',
    '--entity-type',
    'secret'
  ]
  const listed = await runCli(['audit', 'list', '--json', ...filter], { origin })
  t.same(JSON.parse(listed.stdout), rows)
  t.match(gateway.calls.find(({ operationId }) => operationId === 'listActivity')?.query, {
    action: 'secret.rotated',
    actorId: 'u-1',
    entityType: 'secret',
    from: '2026-01-01T00:00:00.000Z'
  })
  await runCli(['audit', 'list', '--from', '2026-01-31', '--to', '2026-01-31'], { origin })
  t.match(
    gateway.last('listActivity')?.query,
    { from: '2026-01-31T00:00:00.000Z', to: '2026-02-01T00:00:00.000Z' },
    'a day is the whole of it: the server gives what was before `to`'
  )
  for (const at of ['soon', '2026-02-30', '2026'])
    t.match(await runCli(['audit', 'list', '--to', at], { origin }), { code: 2, stderr: /not a time like/ })
  t.match(await runCli(['audit', 'list', '--instance', '--company-id', companyId], { origin }), {
    code: 2,
    stderr: /both given/
  })
  t.match(await runCli(['audit', 'list', '--instance'], { origin }), { code: 0, stdout: /^TIME +ACTION +BY/ })
  t.same(gateway.violations, [])
})

t.test('an export cut off half-way goes on where it was, and no row is lost, doubled or half', async (t) => {
  let isDown = true
  const gateway = await fakeGateway(t, {
    ...companies,
    listActivity: paged((cursor) => isDown && cursor === '6')
  })
  const { origin } = gateway
  const output = join(await folder(t), 'changes.csv')
  const exported = (...more: string[]) =>
    runCli(['audit', 'export', '--output', output, '--json', ...more], { origin })
  const cut = await exported()
  t.match(cut, {
    code: 1,
    stdout: '',
    stderr: /6 rows are kept in .*changes\.csv\.part: the same command goes on/
  })
  t.notOk(existsSync(output), 'an unfinished export never has the name')
  for (const other of [['--action', 'x.y'], ['--format', 'jsonl'], ['--access']])
    t.match(await exported(...other), { code: 1, stderr: /of another export/ }, other.join(' '))
  const kept = gateway.calls.length
  t.notMatch((await exported('--restart')).stderr, /going on/)
  t.match(
    gateway.calls.slice(kept).find(({ operationId }) => operationId === 'listActivity')?.query.cursor,
    undefined,
    'all of it is asked for again'
  )
  // What a kill leaves behind: a page that was being written, and here is longer than all that is left.
  const part = `${output}.part`
  await writeFile(part, `${await readFile(part, 'utf8')}0198f7a0${'-half'.repeat(1_000)}`)
  isDown = false
  const before = gateway.calls.length
  const done = await exported()
  t.match(done, { code: 0, stderr: /going on after 6 rows/ })
  t.same(JSON.parse(done.stdout), { output, rows: 7 })
  t.equal(
    gateway.calls.slice(before).filter(({ operationId }) => operationId === 'listActivity').length,
    1,
    'pages that are there are not asked for again'
  )
  const text = await readFile(output, 'utf8')
  t.equal(text.split('\r\n')[0], 'id,timestamp,action,actorType,actorId,entityType,entityId,runId,metadata')
  for (const { id } of rows) t.equal(text.split(id).length, 2, 'each row once')
  t.match(text, `,"'=HYPERLINK(""http://x"")",`)
  t.match(text, '"{""name"":""k;\\u003d1+1|\\u0040x\\t-y \u{1f511}""}"', 'nor where others divide cells')
  t.notOk(text.includes('half'))
  t.equal((await stat(output)).mode & 0o077, 0)
  t.notOk(existsSync(part) || existsSync(`${part}.json`))
  t.match(await exported(), { code: 1, stderr: /there already/ })
  t.same(gateway.violations, [])
})

t.test('an export never replaces a file that came meanwhile, nor follows a server in circles', async (t) => {
  const output = join(await folder(t), 'changes.csv')
  const gateway = await fakeGateway(t, {
    ...companies,
    listActivity: async (call, count) => {
      if (call.query.cursor === '6') await writeFile(output, 'of somebody else')
      return await paged()(call, count)
    },
    listInstanceActivity: () => ({ body: rows.slice(0, 3), link: '</api/x?cursor=3>; rel="next"' })
  })
  const { origin } = gateway
  const late = await runCli(['audit', 'export', '--output', output], { origin })
  t.notMatch(late.stderr, /goes on/)
  t.match(late, { code: 1, stderr: /is there by now.*\n.*whole in .*\.part/s })
  t.equal(await readFile(output, 'utf8'), 'of somebody else')
  t.equal((await readFile(`${output}.part`, 'utf8')).split('\r\n').length, rows.length + 2)
  t.notOk(existsSync(`${output}.part.json`), 'the next one begins anew, with what came in meanwhile')
  const circle = await runCli(['audit', 'export', '--instance', '--output', `${output}.2`], { origin })
  t.match(circle, { code: 1, stderr: /repeats a page/ })
})

t.test(
  'of two exports to one file the second is refused, and a file that was cut is not filled up',
  async (t) => {
    const output = join(await folder(t), 'changes.csv')
    const args = ['audit', 'export', '--output', output]
    let first = true
    let isDown = true
    const gateway = await fakeGateway(t, {
      ...companies,
      listActivity: async (call, count) => {
        if (first) {
          first = false
          t.match(await runCli(args, { origin }), {
            code: 1,
            stderr: /another command is at work on .*changes/
          })
        }
        return await paged((cursor) => isDown && cursor === '3')(call, count)
      }
    })
    const { origin } = gateway
    t.match(await runCli(args, { origin }), { code: 1, stderr: /3 rows are kept/ })
    await truncate(`${output}.part`, 100)
    t.match(await runCli(args, { origin }), { code: 1, stderr: /not what was written[^\n]*\n.*--restart/ })
    isDown = false
    t.match(await runCli([...args, '--restart'], { origin }), { code: 0, stderr: /7 rows/ })
    t.same(await readdir(dirname(output)), ['changes.csv'], 'nothing is left beside it')
    t.match(await runCli(['audit', 'export', '--output', '-'], { origin }), {
      code: 2,
      stderr: /goes to a file/
    })
    t.match(await runCli(['audit', 'export', '--output', join(output, 'x')], { origin }), {
      code: 1,
      stderr: /^paperclipai: .* cannot be written \(ENOTDIR\)\npaperclipai: hint: name a file.*\n$/
    })
  }
)

t.test('who got a value is exported as well, and rows of the instance say of which company', async (t) => {
  const opener = { actorType: 'user', actorId: 'u-1', credentialKind: 'board_key', credentialId: 'k-1' }
  const event = {
    ...{ id: sampleId(7), companyId, secretId: null, secretKey: '=x', version: null, provider: null },
    ...{ actorType: 'agent', actorId: sampleId(2), openedBy: opener, targetType: null, targetId: null },
    ...{ configPath: 'env.A', runId: null, outcome: 'denied', code: 'secret_deleted' },
    ...{ followsEventId: null, requestId: 'r', createdAt: time }
  }
  const gateway = await fakeGateway(t, {
    ...companies,
    listCompanyAccessEvents: ({ query }) =>
      query.cursor === undefined
        ? { body: [event], link: '</api/x?cursor=1>; rel="next"' }
        : { body: [event] },
    listInstanceActivity: paged()
  })
  const { origin } = gateway
  const output = join(await folder(t), 'reads.csv')
  const exported = (...more: string[]) => runCli(['audit', 'export', '--output', output, ...more], { origin })
  t.match(await exported('--access', '--action', 'x.y'), { code: 2, stderr: /only --from and --to/ })
  t.match(await exported('--access', '--instance'), { code: 2, stderr: /exclude each other/ })
  t.match(await exported('--access', '--from', '2026-01-01'), { code: 0, stderr: /2 rows are in/ })
  t.match(gateway.last('listCompanyAccessEvents')?.query, { cursor: '1', from: '2026-01-01T00:00:00.000Z' })
  const [head, row, again] = (await readFile(output, 'utf8')).split('\r\n')
  t.match(head, /^id,createdAt,outcome,code,secretId,secretKey,version,.*,openedByCredentialId,.*,requestId$/)
  t.equal(
    row,
    `${event.id},${time},denied,secret_deleted,,'=x,,,agent,${event.actorId},user,u-1,board_key,k-1,,,env.A,,,r`
  )
  t.equal(again, row)
  await rm(output)
  t.match(await exported('--instance'), { code: 0 })
  const [titles, change] = (await readFile(output, 'utf8')).split('\r\n')
  t.match(titles, /,metadata,companyId$/)
  t.match(change, new RegExp(`,${companyId}$`))
  t.same(gateway.violations, [])
})

t.test('who exports much is told how far it is', async (t) => {
  const [many, pages] = [Array.from({ length: 500 }, (_, n) => rowOf(n)), 11]
  const gateway = await fakeGateway(t, {
    listInstanceActivity: ({ query }) => {
      const next = Number(query.cursor ?? 0) + 1
      return { body: many, ...(next < pages ? { link: `</api/x?cursor=${next}>; rel="next"` } : {}) }
    }
  })
  const args = ['audit', 'export', '--instance', '--output', join(await folder(t), 'x.csv')]
  t.match(await runCli(args, { origin: gateway.origin }), {
    stderr: /^paperclipai: 5000 rows …\npaperclipai: 5500 rows are in/
  })
})

t.test('an export as JSON lines gives every row as it came, also of the instance', async (t) => {
  const gateway = await fakeGateway(t, { listInstanceActivity: paged() })
  const output = join(await folder(t), 'changes.jsonl')
  const args = ['audit', 'export', '--instance', '--output', output, '--format', 'jsonl']
  t.match(await runCli(args, { origin: gateway.origin }), { code: 0, stdout: '', stderr: /7 rows are in/ })
  const lines = (await readFile(output, 'utf8')).trim().split('\n')
  t.same(
    lines.map((line) => JSON.parse(line)),
    rows
  )
  t.same(gateway.violations, [])
})

async function folder(t: { teardown(act: () => unknown): unknown }): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'paperclip-cli-'))
  t.teardown(() => rm(dir, { recursive: true, force: true }))
  return dir
}
