import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { runCli } from './fixtures/run-cli.js'
import {
  acme,
  anthropic,
  coder,
  companyId,
  plainValue,
  sampleId,
  secretId,
  website
} from './fixtures/sample-rows.js'

const { id, key, name, status } = anthropic
const basics: Record<string, FakeHandler> = {
  listCompanies: () => ({ body: [acme] }),
  listAgents: () => ({ body: [coder] }),
  listProjects: () => ({ body: [website] }),
  listSecretCatalog: () => ({ body: [{ id, key, name, status }] }),
  createSecret: () => ({ body: anthropic }),
  rotateSecret: () => ({ body: { ...anthropic, latestVersion: 2 } })
}

t.test('a value from stdin, a file or a variable arrives byte for byte and is printed nowhere', async (t) => {
  const gateway = await fakeGateway(t, basics)
  const folder = t.testdir({})
  const file = join(folder, 'value')
  const values = [
    '  spaces kept  ',
    'emoji 🔑 ü',
    'two\nlines\n',
    'crlf\r\nlines\r\n',
    'tab\tand\u0000nul',
    '\ufeffbom'
  ]
  for (const value of [...values, plainValue]) {
    await writeFile(file, value)
    const ways: [args: string[], options: object][] = [
      [[], { input: value }],
      [['--value-file', file], {}]
    ]
    if (!value.includes('\u0000')) ways.push([['--value-env', 'MY_VALUE'], { env: { MY_VALUE: value } }])
    const results = await Promise.all(
      ways.map(([args, options]) => {
        return runCli(['secrets', 'create', 'Anthropic API Key', ...args], {
          origin: gateway.origin,
          ...options
        })
      })
    )
    for (const { code, stdout, stderr } of results) {
      t.equal(code, 0, stderr)
      t.notOk((stdout + stderr).includes(value.trim()))
    }
    const sent = gateway.calls.filter((call) => call.operationId === 'createSecret').slice(-ways.length)
    for (const call of sent) t.same(call.body, { name: 'Anthropic API Key', value })
  }
  t.same(gateway.violations, [])
})

t.test(
  'one line loses the line end that echo and editors add, with a note; --keep-newline keeps it',
  async (t) => {
    const gateway = await fakeGateway(t, basics)
    const rotate = (input: string, ...flags: string[]) =>
      runCli(['secrets', 'rotate', key, ...flags], { origin: gateway.origin, input })
    const sent = () => (gateway.last('rotateSecret')?.body as { value: string } | undefined)?.value
    t.match(await rotate('abc\n'), { code: 0, stderr: /line end of the value was dropped/ })
    t.equal(sent(), 'abc')
    await rotate('abc\r\n')
    t.equal(sent(), 'abc')
    t.match(await rotate('abc\n', '--keep-newline'), { code: 0, stderr: '' })
    t.equal(sent(), 'abc\n')
    t.match(await rotate('abc\n\n'), { code: 0, stderr: '' })
    t.equal(sent(), 'abc\n\n')
    t.match(await rotate('\n'), { code: 2, stderr: /no value came on stdin/ })
  }
)

t.test(
  'the largest value is taken; a larger one, and what is not UTF-8, is refused before a request',
  async (t) => {
    const gateway = await fakeGateway(t, basics)
    const folder = t.testdir({ binary: Buffer.from([0x66, 0xff, 0x66]) })
    const create = (args: string[], input = '') =>
      runCli(['secrets', 'create', 'A', ...args], { origin: gateway.origin, input })
    t.equal((await create([], 'x'.repeat(65_536))).code, 0)
    const before = gateway.calls.length
    t.match(await create([], 'x'.repeat(65_537)), { code: 1, stderr: /larger than 65536 bytes/ })
    t.match(await create([], 'x'.repeat(5_000_000)), { code: 1, stderr: /larger than 65536 bytes/ })
    t.match(await create(['--value-file', join(folder, 'binary')]), { code: 1, stderr: /not UTF-8/ })
    t.match(await create(['--value-file', folder]), { code: 1, stderr: /cannot be read \(EISDIR\)/ })
    t.equal(gateway.calls.length, before)
  }
)

t.test('a secret is found by id, key or name; rotate passes the expected version', async (t) => {
  const gateway = await fakeGateway(t, basics)
  for (const secret of [id, key, name]) {
    const args = ['secrets', 'rotate', secret, '--expect-version', '1', '--json']
    const { code, stdout } = await runCli(args, { origin: gateway.origin, input: 'v' })
    t.equal(code, 0)
    t.equal(JSON.parse(stdout).latestVersion, 2)
    t.match(gateway.last('rotateSecret'), { params: { id }, body: { value: 'v', expectedLatestVersion: 1 } })
  }
  const missing = await runCli(['secrets', 'versions', 'nope'], { origin: gateway.origin })
  t.match(missing, { code: 1, stderr: /no secret "nope"[\s\S]*secrets list/ })
  t.same(gateway.violations, [])
})

t.test('delete says that a secret is in use, and what to do', async (t) => {
  const gateway = await fakeGateway(t, {
    ...basics,
    deleteSecret: ({ query }) =>
      query.force ? { body: { ok: true, remote: 'none' } } : { problem: 'in_use' }
  })
  const refused = await runCli(['secrets', 'delete', key], { origin: gateway.origin })
  t.match(refused, { code: 1, stdout: '', stderr: /\(in_use\)[\s\S]*secrets usage.*--force/ })
  const forced = await runCli(['secrets', 'delete', key, '--force', '--json'], { origin: gateway.origin })
  t.match(forced, { code: 0, stdout: /"remote": "none"/ })
  t.same(gateway.violations, [])
})

t.test('delete says in words what became of a value that lay elsewhere', async (t) => {
  const words = {
    none: /is deleted\n/,
    scheduled: /recovery window/,
    pending: /not delete the value yet/,
    kept: /left alone/
  }
  for (const [remote, stderr] of Object.entries(words)) {
    const deleteSecret = () => ({ body: { ok: true, remote } })
    const gateway = await fakeGateway(t, { ...basics, deleteSecret })
    const result = await runCli(['secrets', 'delete', key, '--yes'], { origin: gateway.origin })
    t.match(result, { code: 0, stdout: '', stderr })
    t.same(gateway.violations, [])
  }
})

t.test('update sends what was named and nothing else, and asks for something to change', async (t) => {
  const gateway = await fakeGateway(t, { ...basics, updateSecret: () => ({ body: anthropic }) })
  const update = (...flags: string[]) =>
    runCli(['secrets', 'update', key, ...flags], { origin: gateway.origin })
  const flags = ['--name', 'Other', '--key', 'other', '--description', 'd', '--status', 'archived']
  t.match(await update(...flags), { code: 0, stdout: /Anthropic API Key/ })
  t.match(gateway.last('updateSecret'), { params: { id } })
  t.same(gateway.last('updateSecret')?.body, {
    name: 'Other',
    key: 'other',
    description: 'd',
    status: 'archived'
  })
  t.equal((await update('--clear-description', '--json')).code, 0)
  t.same(gateway.last('updateSecret')?.body, { description: null })
  const before = gateway.calls.length
  t.match(await update(), { code: 2, stderr: /nothing to change[\s\S]*--name/ })
  t.match(await update('--description', 'd', '--clear-description'), { code: 2, stderr: /contradict/ })
  t.match(await update('--status', 'deleted'), { code: 2, stderr: /archived/ })
  t.equal(gateway.calls.length, before, 'nothing was sent')
  t.same(gateway.violations, [])
})

t.test(
  'a link sends where a value lies; rotate points it elsewhere, and reads no value for that',
  async (t) => {
    const gateway = await fakeGateway(t, basics)
    const run = (...args: string[]) =>
      runCli(['secrets', ...args], { origin: gateway.origin, input: plainValue })
    const flags = ['--provider', 'aws_secrets_manager', '--provider-version', 'v-1', '--vault', sampleId(8)]
    const linked = await run('link', 'Stripe', '--external-ref', 'prod/stripe', '--key', 's', ...flags)
    t.match(linked, { code: 0, stderr: /secret:anthropic-api-key/ })
    t.same(gateway.last('createSecret')?.body, {
      name: 'Stripe',
      key: 's',
      managedMode: 'external_reference',
      externalRef: 'prod/stripe',
      provider: 'aws_secrets_manager',
      providerVersionRef: 'v-1',
      providerConfigId: sampleId(8)
    })
    const rotated = async (...args: string[]) => {
      t.equal((await run('rotate', key, ...args)).code, 0)
      return gateway.last('rotateSecret')?.body
    }
    t.same(await rotated('--external-ref', 'prod/b', '--expect-version', '1'), {
      externalRef: 'prod/b',
      expectedLatestVersion: 1
    })
    t.same(await rotated('--provider-version', 'v-2'), { providerVersionRef: 'v-2' })
    t.same(await rotated('--unpin'), { providerVersionRef: null })
    t.same(await rotated('--vault', sampleId(8)), { value: plainValue, providerConfigId: sampleId(8) })
    const before = gateway.calls.length
    t.match(await run('link', 'Stripe'), { code: 2, stderr: /--external-ref/ })
    for (const args of [
      ['--external-ref', 'x', '--value-env', 'V'],
      ['--provider-version', 'x', '--unpin']
    ])
      t.match(await run('rotate', key, ...args), { code: 2, stderr: /exclude|contradict/ })
    t.equal(gateway.calls.length, before, 'nothing was sent')
    t.same(gateway.violations, [])
  }
)

t.test('versions are disabled, enabled and destroyed by number; destroying wants --yes', async (t) => {
  const row = { version: 2, createdAt: anthropic.createdAt, createdByUserId: 'local-board' }
  const version = (status: string) => () => ({
    body: { ...row, status, createdByAgentId: null, providerVersionRef: null }
  })
  const gateway = await fakeGateway(t, {
    ...basics,
    disableSecretVersion: version('disabled'),
    enableSecretVersion: version('previous'),
    destroySecretVersion: version('destroyed')
  })
  const change = (...args: string[]) => runCli(['secrets', ...args], { origin: gateway.origin })
  t.match(await change('disable-version', key, '2'), { code: 0, stdout: /status +disabled/ })
  t.match(await change('enable-version', key, '2'), { code: 0, stdout: /status +previous/ })
  t.match(gateway.last('enableSecretVersion')?.params, { id, version: '2' })
  const before = gateway.calls.length
  t.match(await change('destroy-version', key, '2'), { code: 2, stderr: /cannot be undone[\s\S]*--yes/ })
  t.match(await change('disable-version', key, 'latest'), { code: 2, stderr: /version number/ })
  t.equal(gateway.calls.length, before, 'nothing was sent')
  const destroyed = await change('destroy-version', id, '2', '--yes', '--json')
  t.match(JSON.parse(destroyed.stdout), { version: 2, status: 'destroyed' })
  t.same(gateway.violations, [])
})

t.test('access events and activity are shown with who stands behind them', async (t) => {
  const opener = {
    actorType: 'user',
    actorId: 'local-board',
    credentialKind: 'local_operator',
    credentialId: null
  }
  const event = {
    ...{ id: sampleId(7), companyId, secretId, secretKey: key, version: 1, provider: 'local_encrypted' },
    ...{ actorType: 'agent', actorId: coder.id, openedBy: opener, targetType: 'agent', targetId: coder.id },
    ...{ configPath: 'env.A', runId: sampleId(5), outcome: 'denied', code: 'secret_deleted' },
    ...{ followsEventId: null, requestId: 'r', createdAt: '2026-01-31T12:00:00.000Z' }
  }
  const gateway = await fakeGateway(t, {
    ...basics,
    listCompanyAccessEvents: () => ({ body: [event] }),
    listSecretAccessEvents: () => ({ body: [event] }),
    getSecretUsage: () => ({ body: { secretId, bindings: [] } }),
    listActivity: () => ({ body: [] })
  })
  const run = (...args: string[]) => runCli(args, { origin: gateway.origin })
  const all = await run('secrets', 'access-events', '--outcome', 'denied', '--run-id', sampleId(5))
  t.match(all.stdout, new RegExp(`denied +secret_deleted +${key}.*agent:${coder.id} +user:local-board`))
  t.match(gateway.last('listCompanyAccessEvents')?.query, {
    outcome: 'denied',
    runId: sampleId(5),
    limit: 101
  })
  t.same(JSON.parse((await run('secrets', 'access-events', key, '--json')).stdout), [event])
  const times = ['--from', '2026-01-30T22:00:00Z', '--to', '2026-01-31']
  t.match(await run('secrets', 'access-events', key, '--agent', 'coder', ...times), { code: 0 })
  t.match(gateway.last('listSecretAccessEvents')?.query, {
    agentId: coder.id,
    from: '2026-01-30T22:00:00.000Z',
    to: '2026-02-01T00:00:00.000Z'
  })
  t.same(JSON.parse((await run('secrets', 'usage', key, '--json')).stdout), { secretId, bindings: [] })
  t.match(await run('activity', 'list', '--action', 'secret.rotated'), { code: 0, stdout: /^TIME/ })
  t.match(gateway.last('listActivity')?.query, { action: 'secret.rotated' })
  t.same(gateway.violations, [])
})
