import { join } from 'node:path'
import type { ImportCandidate, ImportRow, RemoteImportPreview, VaultView } from '@paperclip/contracts'
import t from 'tap'
import { type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { runCli } from './fixtures/run-cli.js'
import { acme, companyId, sampleId } from './fixtures/sample-rows.js'

const time = '2026-01-31T12:00:00.000Z'
const vaultId = sampleId(7)
const prod: VaultView = {
  id: vaultId,
  companyId,
  provider: 'aws_secrets_manager',
  displayName: 'Prod',
  status: 'ready',
  isDefault: true,
  config: { region: 'us-east-1' },
  healthStatus: null,
  healthCheckedAt: null,
  healthMessage: null,
  healthDetails: null,
  disabledAt: null,
  createdByAgentId: null,
  createdByUserId: 'local-board',
  createdAt: time,
  updatedAt: time
}
const place = { providerConfigId: vaultId, provider: 'aws_secrets_manager' } as const

function candidate(index: number, status: ImportCandidate['status'] = 'ready'): ImportCandidate {
  const type = status === 'duplicate' ? 'exact_reference' : 'name'
  return {
    externalRef: `arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/s${index}-AbCdEf`,
    remoteName: `prod/s${index}`,
    name: `prod/s${index}`,
    key: `prod-s${index}`,
    providerVersionRef: null,
    providerMetadata: {
      createdDate: time,
      lastChangedDate: null,
      hasDescription: true,
      hasKmsKey: false,
      tagCount: 2
    },
    status,
    importable: status === 'ready',
    conflicts:
      status === 'ready' ? [] : [{ type, message: 'Something is in the way.', existingSecretId: null }]
  }
}

const pages: RemoteImportPreview[] = [
  { ...place, nextToken: 'to+2==', candidates: [candidate(1), candidate(2, 'duplicate')] },
  { ...place, nextToken: 'to+3==', candidates: [candidate(3, 'conflict')] },
  { ...place, nextToken: null, candidates: [candidate(4)] }
]

/** A result a row; rows whose name has "bad" in it are errors. */
const answerRows: FakeHandler = ({ body }) => {
  const { secrets } = body as { secrets: ImportRow[] }
  const results = secrets.map(({ externalRef, name = 'made' }) => {
    const isBad = name.includes('bad')
    return {
      externalRef,
      name,
      key: 'k',
      status: isBad ? 'error' : 'imported',
      reason: isBad ? 'name_invalid' : null,
      secretId: isBad ? null : sampleId(4),
      conflicts: []
    }
  })
  const errorCount = results.filter(({ status }) => status === 'error').length
  const counts = { importedCount: results.length - errorCount, skippedCount: 0, errorCount }
  return { body: { ...place, ...counts, results } }
}

const basics: Record<string, FakeHandler> = {
  listCompanies: () => ({ body: [acme] }),
  listVaults: () => ({ body: [prod] }),
  getVault: () => ({ body: prod }),
  previewRemoteImport: ({ body }) => {
    const { nextToken = null } = body as { nextToken?: string | null }
    return { body: pages.find((_, index) => (pages[index - 1]?.nextToken ?? null) === nextToken) }
  },
  commitRemoteImport: answerRows
}

async function scene(test: Parameters<typeof fakeGateway>[0], handlers: Record<string, FakeHandler> = {}) {
  const gateway = await fakeGateway(test, { ...basics, ...handlers })
  const run = (...args: string[]) => runCli(['import', ...args], { origin: gateway.origin })
  const calls = (id: string) => gateway.calls.filter(({ operationId }) => operationId === id)
  return { gateway, run, calls }
}

t.test('a preview shows one page, says that there are more, and goes on from a token', async (t) => {
  const { gateway, run } = await scene(t)
  const first = await run('preview', 'Prod', '--query', 'prod', '--page-size', '2')
  t.match(first, {
    code: 0,
    stdout:
      /STATUS +REMOTE NAME +NAME +KEY +CONFLICTS +REFERENCE\nready +prod\/s1 +prod\/s1 +prod-s1 +- +arn:aws/,
    stderr: /2 found, 1 ready\n.*--all shows them/
  })
  t.match(first.stdout, /duplicate +prod\/s2 .*exact_reference/)
  t.same(gateway.last('previewRemoteImport')?.body, { providerConfigId: vaultId, query: 'prod', pageSize: 2 })
  const second = await run('preview', vaultId, '--next-token', 'to+2==', '--json')
  t.same(JSON.parse(second.stdout), pages[1])
  t.same(gateway.last('previewRemoteImport')?.body, { providerConfigId: vaultId, nextToken: 'to+2==' })
  t.same(gateway.violations, [])
})

t.test('every page is asked for only when told so, one after the other', async (t) => {
  const { gateway, run, calls } = await scene(t)
  const all = await run('preview', 'Prod', '--all', '--json')
  t.same(JSON.parse(all.stdout), {
    ...place,
    nextToken: null,
    candidates: pages.flatMap((page) => page.candidates)
  })
  t.equal(calls('previewRemoteImport').length, 3)
  t.match(all.stderr, /2 looked at, more to come\n.*3 looked at, more to come\n.*4 found, 2 ready/)
  t.same(gateway.violations, [])
})

t.test('references are linked by name, from a file, or from what a preview printed', async (t) => {
  const { gateway, run, calls } = await scene(t)
  const sent = () => gateway.last('commitRemoteImport')?.body
  const byRef = await run('commit', 'Prod', '--ref', 'prod/a', '--ref', 'prod/b')
  t.match(byRef, { code: 0, stdout: /imported +made +k +- /, stderr: /2 imported, 0 skipped, 0 failed/ })
  t.same(sent(), {
    providerConfigId: vaultId,
    secrets: [{ externalRef: 'prod/a' }, { externalRef: 'prod/b' }]
  })
  const rows = [{ externalRef: 'prod/a', name: 'A', description: 'd', providerMetadata: { tagCount: 1 } }]
  const folder = t.testdir({ 'rows.json': JSON.stringify(rows) })
  t.equal((await run('commit', 'Prod', '--file', join(folder, 'rows.json'))).code, 0)
  t.same(sent(), { providerConfigId: vaultId, secrets: rows })
  const piped = (await run('preview', 'Prod', '--all', '--json')).stdout
  const fromPipe = await runCli(['import', 'commit', 'Prod', '--json'], {
    origin: gateway.origin,
    input: piped
  })
  t.equal(fromPipe.code, 0)
  t.match(JSON.parse(fromPipe.stdout), { ...place, importedCount: 2 })
  const { externalRef, name, key, providerMetadata } = candidate(1)
  t.match(sent(), { secrets: [{ externalRef, name, key, providerMetadata }, { name: 'prod/s4' }] })
  t.equal(calls('commitRemoteImport').length, 3)
  t.same(gateway.violations, [])
})

t.test('all that is ready is linked, once somebody said yes', async (t) => {
  const { gateway, run, calls } = await scene(t)
  t.match(await run('commit', 'Prod', '--all-ready'), { code: 2, stderr: /say --yes/ })
  t.same(gateway.calls, [])
  const all = await run('commit', 'Prod', '--all-ready', '--query', 'prod', '--yes')
  t.match(all, { code: 0, stderr: /2 imported/ })
  t.ok(calls('previewRemoteImport').every(({ body }) => (body as { query?: string }).query === 'prod'))
  t.equal(calls('commitRemoteImport').length, 1)
  t.same(gateway.violations, [])
  const none = await scene(t, {
    previewRemoteImport: () => ({ body: { ...place, nextToken: null, candidates: [] } })
  })
  t.match(await none.run('commit', 'Prod', '--all-ready', '--yes'), { code: 0, stderr: /0 imported/ })
  t.equal(none.calls('commitRemoteImport').length, 0)
})

t.test(
  'many rows go in hundreds; an error among them is exit 1, and what was linked before a failure is shown',
  async (t) => {
    const rows = Array.from({ length: 250 }, (_, index) => ({
      externalRef: `r${index}`,
      name: index === 240 ? 'bad' : `n${index}`
    }))
    const folder = t.testdir({ 'rows.json': JSON.stringify(rows) })
    const file = ['--file', join(folder, 'rows.json')]
    const { gateway, run, calls } = await scene(t)
    const all = await run('commit', 'Prod', ...file)
    t.match(all, {
      code: 1,
      stdout: /error +bad +k +name_invalid/,
      stderr: /100 of 250 done\n.*200 of 250 done\n.*249 imported, 0 skipped, 1 failed/
    })
    t.same(
      calls('commitRemoteImport').map(({ body }) => (body as { secrets: unknown[] }).secrets.length),
      [100, 100, 50]
    )
    t.same(gateway.violations, [])
    const failing = await scene(t, {
      commitRemoteImport: (call, count) =>
        count > 1 ? { problem: 'vault_inactive' } : answerRows(call, count)
    })
    const half = await failing.run('commit', 'Prod', ...file)
    t.match(half, { code: 1, stderr: /100 imported, 0 skipped, 0 failed\n.*vault_inactive/ })
    t.equal(half.stdout.trim().split('\n').length, 101)
  }
)

t.test('misuse is told before anything is sent, without what was given', async (t) => {
  const { gateway, run } = await scene(t)
  const folder = t.testdir({
    bad: '{"hunter2',
    none: '{"x":"hunter2"}',
    row: '[{"externalRef":"a","hunter2":1}]',
    ref: '[{"name":"hunter2"}]'
  })
  const cases: [args: string[], message: RegExp][] = [
    [['preview', 'Prod', '--page-size', '0'], /from 1 to 100/],
    [['preview', 'Prod', '--page-size', '101'], /from 1 to 100/],
    [['commit', 'Prod', '--ref', 'a', '--all-ready'], /exclude each other/],
    [['commit', 'Prod', '--ref', 'a', '--query', 'b'], /--query goes with --all-ready/],
    [['commit', 'Prod'], /no JSON/],
    [['commit', 'Prod', '--file', join(folder, 'bad')], /no JSON/],
    [['commit', 'Prod', '--file', join(folder, 'none')], /no rows/],
    [['commit', 'Prod', '--file', join(folder, 'row')], /row 1 has a member that is not known/],
    [['commit', 'Prod', '--file', join(folder, 'ref')], /row 1 has no externalRef/]
  ]
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await run(...args)
    t.same([code, stdout], [2, ''], args.join(' '))
    t.match(stderr, message)
    t.notMatch(stderr, /hunter2/)
  }
  t.match(await run('commit', 'Prod', '--file', join(folder, 'absent')), { code: 1, stderr: /ENOENT/ })
  t.same(gateway.calls, [])
})

t.test('a search that is under way, and one too many, are told with what to do', async (t) => {
  for (const [problem, hint] of [
    ['preview_in_progress', /hint: wait until the other one has ended/],
    ['provider_throttled', /hint: .*--query/],
    ['provider_access_denied', /hint: .*vault health/]
  ] as const) {
    const { run } = await scene(t, { previewRemoteImport: () => ({ problem }) })
    t.match(await run('preview', 'Prod'), { code: 1, stderr: hint })
  }
})
