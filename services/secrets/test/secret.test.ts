import { newId } from '@paperclip/contracts'
import t from 'tap'
import { adminSession, createSecret, eventsOf, putEnv, resolve, rotate, walk } from './support/fixtures.js'
import { member, operator, secretsDatabase, startSecrets } from './support/secrets-app.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const sql = await adminSession(t, database)
const canary = 'canary-4f1d-value'

function post(companyId: string, body: unknown) {
  return app.send(operator(), 'POST', `/companies/${companyId}/secrets`, body)
}

t.test('a created secret is shown as metadata only', async (t) => {
  const companyId = newId()
  const created = await post(companyId, { name: 'Anthropic API Key', value: canary })
  t.equal(created.status, 201)
  const { id, createdAt, updatedAt } = created.body
  t.strictSame(created.body, {
    id,
    companyId,
    key: 'anthropic-api-key',
    name: 'Anthropic API Key',
    provider: 'local_encrypted',
    status: 'active',
    managedMode: 'paperclip_managed',
    externalRef: null,
    providerConfigId: null,
    providerMetadata: null,
    latestVersion: 1,
    description: null,
    referenceCount: 0,
    lastResolvedAt: null,
    lastRotatedAt: null,
    deletedAt: null,
    createdByAgentId: null,
    createdByUserId: 'local-board',
    createdAt,
    updatedAt
  })
  t.match(createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  t.strictSame((await app.send(operator(), 'GET', `/companies/${companyId}/secrets`)).body, [created.body])
  t.strictSame((await app.send(operator(), 'GET', `/secrets/${id}`)).body, created.body)
})

t.test('keys are slugs of names unless given', async (t) => {
  const companyId = newId()
  for (const name of ['日本', '--']) {
    const refused = await post(companyId, { name, value: canary })
    t.match(refused, { status: 422, body: { code: 'key_required', detail: /key required/ } })
  }
  t.match(await post(companyId, { name: '日本', key: 'Tokyo_1.x', value: canary }), {
    status: 201,
    body: { key: 'tokyo_1.x', name: '日本' }
  })
  t.equal((await createSecret(app, companyId, { name: 'A'.repeat(130), value: canary })).key, 'a'.repeat(120))
  for (const key of ['a b', 'a/b', '', 'ä', `${'k'.repeat(121)}`])
    t.match(await post(companyId, { name: newId(), key, value: canary }), { status: 400 }, `key "${key}"`)
})

t.test('names and keys are taken within a company, and free in another', async (t) => {
  const [companyId, other] = [newId(), newId()]
  await createSecret(app, companyId, { name: 'One Key', value: canary })
  t.match(await post(companyId, { name: 'One Key', key: 'else', value: canary }), {
    status: 409,
    body: { code: 'name_taken' }
  })
  t.match(await post(companyId, { name: 'One-Key', value: canary }), {
    status: 409,
    body: { code: 'key_taken' }
  })
  t.equal((await post(other, { name: 'One Key', value: canary })).status, 201)
})

t.test('of parallel creates of one name exactly one wins, and the others leave nothing', async (t) => {
  const companyId = newId()
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => post(companyId, { name: 'Raced', value: canary }))
  )
  t.strictSame(answers.map((answer) => answer.status).sort(), [201, 409, 409, 409, 409, 409])
  t.equal((await sql('select from company_secret_versions where company_id = $1', [companyId])).length, 1)
  const activity = await sql('select action from activity_log where company_id = $1', [companyId])
  t.strictSame(activity, [{ action: 'secret.created' }])
})

t.test('values come back byte for byte, and those out of bounds are refused without an echo', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  const values = [
    ' padded \n',
    '\u0000nul\u0000',
    '🔑\r\n',
    'x'.repeat(65_536),
    'é'.repeat(32_768),
    '"\\\u2028'
  ]
  const env: Record<string, string> = {}
  for (const [index, value] of values.entries()) {
    await createSecret(app, companyId, { name: `v${index}`, value })
    env[`V${index}`] = `$secret:v${index}`
  }
  await putEnv(app, { companyId, agentId }, env)
  const resolved = await resolve(app, { companyId, agentId })
  t.ok(values.every((value, index) => resolved.body.env[`V${index}`] === value))
  for (const value of ['x'.repeat(65_537), `${'é'.repeat(32_768)}x`, '😀'.repeat(16_385)]) {
    const refused = await post(companyId, { name: 'Too long', value })
    t.match(refused, { status: 400, body: { code: 'invalid_request', errors: [{ pointer: '/value' }] } })
    t.ok(refused.text.length < 1000)
  }
  for (const value of ['', ' \t\n', '\u00a0'])
    t.match(await post(companyId, { name: 'Blank', value }), { status: 422, body: { code: 'value_blank' } })
  for (const value of ['***REDACTED***', ' ***REDACTED***\n'])
    t.match(await post(companyId, { name: 'P', value }), { status: 422, body: { code: 'value_placeholder' } })
  t.match(await post(companyId, `{"name":"Half","value":"\\ud800"}`), { status: 400 })
  t.match(await post(companyId, Buffer.from([...Buffer.from('{"name":"x","value":"'), 0xff, 0x22, 0x7d])), {
    status: 400
  })
})

t.test('members that are too long or do not fit together are named, never echoed', async (t) => {
  const companyId = newId()
  const cases: [string, object, number, string][] = [
    ['a long name', { name: canary.repeat(20), value: 'v' }, 400, '/name'],
    ['a blank name', { name: '  ', value: 'v' }, 400, '/name'],
    ['a long description', { name: 'n', value: 'v', description: canary.repeat(40) }, 400, '/description'],
    ['no value', { name: 'n' }, 400, '/value'],
    ['a reference of a managed one', { name: 'n', value: canary, externalRef: 'x' }, 400, '/externalRef'],
    [
      'no reference of an external one',
      { name: 'n', managedMode: 'external_reference' },
      400,
      '/externalRef'
    ],
    [
      'both',
      { name: 'n', managedMode: 'external_reference', externalRef: 'x', value: canary },
      400,
      '/value'
    ],
    ['a number as value', { name: 'n', value: 4711 }, 400, '/value'],
    ['a NUL in the name', { name: `n\u0000`, value: canary }, 400, '/name'],
    ['a line break in the name', { name: 'n\nfake row', value: canary }, 400, '/name'],
    ['a NUL in the description', { name: 'n', value: canary, description: '\u0000' }, 400, '']
  ]
  for (const [what, body, status, pointer] of cases) {
    const answer = await post(companyId, body)
    t.equal(answer.status, status, what)
    if (pointer !== '') t.equal(answer.body.errors?.[0]?.pointer, pointer, what)
    t.notMatch(answer.text, canary, what)
  }
  const external = { name: 'n', managedMode: 'external_reference', externalRef: 'x' }
  t.match(await post(companyId, external), { status: 422, body: { code: 'external_ref_unsupported' } })
  t.match(await post(companyId, { name: 'n', value: 'v', provider: 'vault' }), {
    status: 422,
    body: { code: 'provider_unsupported' }
  })
  t.match(await post(companyId, { name: 'n', value: 'v', providerConfigId: newId() }), {
    status: 404,
    body: { code: 'vault_not_found' }
  })
})

t.test('metadata of a secret is flat, short and few', async (t) => {
  const companyId = newId()
  const refused = [
    { nested: { a: 1 } },
    { 'line\nbreak': { nested: canary } },
    { ['k'.repeat(65)]: 'v' },
    { list: [1] },
    Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`k${index}`, 1]))
  ]
  for (const providerMetadata of refused) {
    const answer = await post(companyId, { name: newId(), value: 'v', providerMetadata })
    t.equal(answer.status, 400, JSON.stringify(providerMetadata).slice(0, 40))
  }
  const providerMetadata = { team: 'core', hasOwnProperty: 'x', toString: null, ok: true, n: 1.5 }
  t.match((await post(companyId, { name: 'm', value: 'v', providerMetadata })).body, { providerMetadata })
})

t.test("names of the deployment's own secrets are refused with guidance", async (t) => {
  for (const name of [
    'BETTER_AUTH_SECRET',
    'Database URL',
    'paperclip-anything',
    'PORKBUN_API',
    'aws_secret_access_key'
  ])
    t.match(await post(newId(), { name, value: 'v' }), { status: 422, body: { code: 'infra_secret' } }, name)
  t.match(await post(newId(), { name: 'ok', key: 'DATABASE-URL', value: 'v' }), { status: 422 })
})

t.test('rotation adds versions, keeps the former ones and moves the time', async (t) => {
  const companyId = newId()
  const { id } = await createSecret(app, companyId, { name: 'Rotated', value: 'one' })
  const second = await rotate(app, id, 'two')
  t.match(second, { latestVersion: 2, lastRotatedAt: /Z$/ })
  const versions = await app.send(operator(), 'GET', `/secrets/${id}/versions`)
  const facts = { createdByUserId: 'local-board', createdByAgentId: null, providerVersionRef: null }
  t.strictSame(
    versions.body.map(({ createdAt: _, ...row }: { createdAt: string }) => row),
    [
      { version: 2, status: 'current', ...facts },
      { version: 1, status: 'previous', ...facts }
    ]
  )
  for (const body of [
    {},
    { value: ' ' },
    { value: '' },
    { providerConfigId: null },
    { valeu: 'x' },
    { value: 1 }
  ])
    t.match(await app.send(operator(), 'POST', `/secrets/${id}/rotate`, body), { status: 400 })
  const placeholder = { value: '***REDACTED***' }
  t.equal((await app.send(operator(), 'POST', `/secrets/${id}/rotate`, placeholder)).status, 422)
  const elsewhere = { value: 'x', providerConfigId: newId() }
  t.equal((await app.send(operator(), 'POST', `/secrets/${id}/rotate`, elsewhere)).status, 404)
  t.equal((await app.send(operator(), 'GET', `/secrets/${id}`)).body.latestVersion, 2)
})

t.test('of parallel rotations that expect one version exactly one wins; numbers have no gap', async (t) => {
  const { id } = await createSecret(app, newId(), { name: 'Raced', value: 'one' })
  const body = { value: 'two', expectedLatestVersion: 1 }
  const raced = await Promise.all(
    Array.from({ length: 4 }, () => app.send(operator(), 'POST', `/secrets/${id}/rotate`, body))
  )
  t.strictSame(raced.map((answer) => answer.status).sort(), [200, 409, 409, 409])
  t.ok(raced.every(({ status, body }) => status === 200 || body.code === 'version_conflict'))
  await Promise.all(Array.from({ length: 5 }, (_, index) => rotate(app, id, `free ${index}`)))
  const numbers = (await walk(app, `/secrets/${id}/versions?limit=2`)).map(({ version }) => version)
  t.strictSame(numbers, [7, 6, 5, 4, 3, 2, 1])
  const current = await sql(
    `select version from company_secret_versions where secret_id = $1 and status = 'current'`,
    [id]
  )
  t.strictSame(current, [{ version: 7 }])
})

t.test('deletion frees name and key, destroys the material and keeps the history', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  const { id } = await createSecret(app, companyId, { name: 'Gone', value: canary })
  await putEnv(app, { companyId, agentId }, { GONE: '$secret:gone' })
  t.equal((await resolve(app, { companyId, agentId })).status, 200)
  t.equal((await app.send(operator(), 'GET', `/secrets/${id}`)).body.referenceCount, 1)
  const inUse = await app.send(operator(), 'DELETE', `/secrets/${id}`)
  t.match(inUse, { status: 409, body: { code: 'in_use', detail: /1 environment entry/ } })
  const forced = await app.send(operator(), 'DELETE', `/secrets/${id}?force=true`)
  t.strictSame(forced.body, { ok: true, remote: 'none' })
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/versions'],
    ['GET', '/usage'],
    ['DELETE', ''],
    ['POST', '/rotate']
  ] as const) {
    const body = method === 'POST' ? { value: 'x' } : undefined
    t.match(await app.send(operator(), method, `/secrets/${id}${path}`, body), {
      status: 404,
      body: { code: 'secret_not_found' }
    })
  }
  t.strictSame(await walk(app, `/companies/${companyId}/secrets`), [])
  t.match((await app.send(operator(), 'GET', `/secrets/${id}/access-events`)).body, [{ outcome: 'success' }])
  const rows = await sql('select status, sealed from company_secret_versions where secret_id = $1', [id])
  t.strictSame(rows, [{ status: 'destroyed', sealed: null }])
  const again = await createSecret(app, companyId, { name: 'Gone', value: 'new' })
  t.not(again.id, id)
  t.equal(again.latestVersion, 1)
  t.match(await resolve(app, { companyId, agentId }), { status: 422, body: { code: 'secret_deleted' } })
  t.match((await eventsOf(app, companyId))[0], { outcome: 'failure', code: 'secret_deleted', secretId: id })
})

t.test('a secret that is not active cannot be rotated', async (t) => {
  for (const status of ['disabled', 'archived']) {
    const { id } = await createSecret(app, newId(), { name: status, value: canary })
    await sql('update company_secrets set status = $2 where id = $1', [id, status])
    t.match(await app.send(operator(), 'POST', `/secrets/${id}/rotate`, { value: 'x' }), {
      status: 422,
      body: { code: 'secret_inactive' }
    })
  }
})

t.test('roles decide, and what is foreign looks like what is absent', async (t) => {
  const companyId = newId()
  const { id } = await createSecret(app, companyId, { name: 'Mine', value: canary })
  const [viewer, outsider] = [member(companyId, 'viewer'), member(newId(), 'owner')]
  t.equal((await app.send(viewer, 'GET', `/secrets/${id}`)).status, 200)
  for (const [method, path, body] of [
    ['POST', `/companies/${companyId}/secrets`, { name: 'n', value: 'v' }],
    ['POST', `/secrets/${id}/rotate`, { value: 'v' }],
    ['DELETE', `/secrets/${id}`, undefined]
  ] as const)
    t.match(await app.send(viewer, method, path, body), { status: 403, body: { code: 'read_only_role' } })
  t.match(await app.send(outsider, 'GET', `/companies/${companyId}/secrets`), {
    status: 403,
    body: { code: 'company_forbidden' }
  })
  const foreign = await app.send(outsider, 'GET', `/secrets/${id}`)
  t.same(foreign, { ...(await app.send(outsider, 'GET', `/secrets/${newId()}`)), headers: foreign.headers })
  t.match(foreign, { status: 404, body: { code: 'secret_not_found' } })
  for (const path of ['/secrets/not-a-uuid', '/secrets/1', `/secrets/${id}x`])
    t.match(await app.send(operator(), 'GET', path), { status: 404, body: { code: 'not_found' } })
  for (const caller of [operator(), outsider])
    t.match(await app.send(caller, 'GET', '/companies/not-a-uuid/secrets'), { status: 404 })
  t.equal((await app.send(operator(), 'GET', `/secrets/${id.toUpperCase()}`)).body.id, id, 'either case')
})

t.test('limits of lists are checked by name', async (t) => {
  const companyId = newId()
  for (const path of ['secrets', 'secrets/catalog', 'activity', 'secret-access-events'])
    for (const limit of ['0', '501', 'abc', '-1', '1.5', ''])
      t.match(
        await app.send(operator(), 'GET', `/companies/${companyId}/${path}?limit=${limit}`),
        { status: 400, body: { errors: [{ pointer: '?limit' }], detail: /"limit"/ } },
        `${path} ${limit}`
      )
  t.equal((await app.send(operator(), 'GET', `/companies/${companyId}/secrets?limit=500`)).status, 200)
})

t.test('a walk over pages repeats no row and skips none that was there throughout', async (t) => {
  const companyId = newId()
  const kept: string[] = []
  const doomed: string[] = []
  for (let index = 0; index < 12; index++) {
    const { id } = await createSecret(app, companyId, { name: `row ${index}`, value: 'v' })
    ;(index % 3 === 0 ? doomed : kept).push(id)
  }
  let added = 0
  const seen = await walk(app, `/companies/${companyId}/secrets?limit=3`, async () => {
    await createSecret(app, companyId, { name: `later ${added++}`, value: 'v' })
    const id = doomed.pop()
    if (id !== undefined) await app.send(operator(), 'DELETE', `/secrets/${id}`)
  })
  const ids = seen.map(({ id }) => id)
  t.equal(new Set(ids).size, ids.length, 'none twice')
  t.ok(
    kept.every((id) => ids.includes(id)),
    'none skipped'
  )
})

t.test('a list filters, and a cursor serves only the list and filter it came from', async (t) => {
  const [companyId, other] = [newId(), newId()]
  for (const name of ['100% sure', 'under_score', 'back\\slash', 'plain'])
    await createSecret(app, companyId, { name, value: 'v', description: `about ${name}` })
  const path = `/companies/${companyId}/secrets`
  const found = async (query: string) =>
    (await app.send(operator(), 'GET', `${path}?query=${encodeURIComponent(query)}`)).body.map(
      ({ name }: { name: string }) => name
    )
  t.strictSame(await found('100%'), ['100% sure'])
  t.strictSame(await found('_'), ['under_score'])
  t.strictSame(await found('\\'), ['back\\slash'])
  t.strictSame(await found('PLAIN'), ['plain'])
  t.strictSame((await app.send(operator(), 'GET', `${path}?status=disabled`)).body, [])
  const first = await app.send(operator(), 'GET', `${path}?limit=1`)
  const cursor = new URL(
    /<([^>]+)>/.exec(first.headers.get('link') ?? '')?.[1] ?? '',
    'http://x'
  ).searchParams.get('cursor')
  t.equal((await app.send(operator(), 'GET', `${path}?limit=1&cursor=${cursor}`)).body.length, 1)
  for (const wrong of [
    `${path}?cursor=${cursor}x`,
    `${path}?status=active&cursor=${cursor}`,
    `${path}/catalog?cursor=${cursor}`,
    `/companies/${other}/secrets?cursor=${cursor}`,
    `/companies/${companyId}/activity?cursor=${cursor}`,
    `${path}?cursor=${'A'.repeat(60)}`
  ])
    t.match(await app.send(operator(), 'GET', wrong), { status: 400, body: { code: 'invalid_cursor' } })
})

t.test('no log line holds a value', async (t) => {
  t.notMatch(app.logs(), canary)
})
