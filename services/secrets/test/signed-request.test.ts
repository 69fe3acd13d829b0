import { newId, routes } from '@paperclip/contracts'
import t from 'tap'
import { attemptsPerSecondMax, createAttemptLimit } from '../src/auth/attempt-limit.js'
import { adminSession, createSecret, eventsOf, parseFrames, putEnv } from './support/fixtures.js'
import {
  as,
  member,
  type Outgoing,
  operator,
  resolveItem,
  run,
  type SecretsApp,
  type Sender,
  secretsDatabase,
  service,
  sign,
  startSecrets,
  transmit
} from './support/secrets-app.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const replica = await startSecrets(t, database)
const sql = await adminSession(t, database)
const canary = 'canary-5e1f-value'
const resendsMax = 10

/** Two processes with one address each; a signature names the address, as a balancer's name would. */
function sendTo(target: SecretsApp, outgoing: Outgoing) {
  return transmit(target.origin, outgoing)
}

/** Signs for one replica and, with the same nonce and time, for the other: what a shared name would look like. */
function forBoth(sender: Sender, method: string, path: string, body?: unknown): [Outgoing, Outgoing] {
  const nonce = {
    nonce: Buffer.from(newId().replaceAll('-', ''), 'hex').toString('base64url'),
    nowMs: Date.now()
  }
  const request = { method, path, body, ...nonce }
  return [sign(app.origin, sender, request), sign(replica.origin, sender, request)]
}

async function scene() {
  const [companyId, agentId] = [newId(), newId()]
  const { id } = await createSecret(app, companyId, { name: 'k', value: canary })
  await putEnv(app, { companyId, agentId }, { K: '$secret:k' })
  return { companyId, agentId, secretId: id as string }
}

t.test('a write or reveal that is sent again is refused on every replica, and happens once', async (t) => {
  const { companyId, agentId, secretId } = await scene()
  const doomed = await createSecret(app, companyId, { name: 'doomed', value: 'v' })
  const activity = {
    companyId,
    action: 'agent.created',
    actorType: 'user',
    actorId: 'u',
    entityType: 'agent',
    entityId: agentId,
    runId: null,
    metadata: {},
    timestamp: new Date().toISOString()
  }
  const attempts: [Sender, string, string, unknown?][] = [
    [operator(), 'POST', `/companies/${companyId}/secrets`, { name: 'new', value: 'v' }],
    [operator(), 'POST', `/secrets/${secretId}/rotate`, { value: canary }],
    [operator(), 'DELETE', `/secrets/${doomed.id}`],
    [operator(), 'PUT', `/companies/${companyId}/agents/${newId()}/env`, { env: { A: 'x' } }],
    [operator(), 'GET', `/companies/${companyId}/activity.csv`],
    [service('gateway'), 'POST', '/activity', { items: [{ id: newId(), activity, command: null }] }],
    [run(companyId, agentId), 'POST', '/agents/me/env'],
    [run(companyId, agentId), 'POST', '/agents/me/secrets/k/value'],
    [
      service('runner'),
      'POST',
      `/companies/${companyId}/env/resolve`,
      { targetType: 'agent', targetId: agentId }
    ]
  ]
  const count = async () => {
    const tables = ['company_secrets', 'company_secret_versions', 'secret_access_events', 'activity_log']
    return Promise.all(tables.map(async (table) => (await sql(`select count(*) from ${table}`))[0]?.count))
  }
  for (const [sender, method, path, body] of attempts) {
    const [here, there] = forBoth(sender, method, path, body)
    const first = await sendTo(app, here)
    t.ok(first.status < 300, `${method} ${path.slice(0, 20)}: ${first.status} ${first.text.slice(0, 80)}`)
    const before = await count()
    for (let index = 0; index < resendsMax; index++)
      for (const again of [await sendTo(app, here), await sendTo(replica, there)]) {
        t.match(again, { status: 401, body: { code: 'replayed' } })
        t.notMatch(again.text, canary)
      }
    t.strictSame(await count(), before, 'nothing was written')
  }
})

t.test('of one request sent at once to both replicas exactly one happens', async (t) => {
  const { companyId, agentId } = await scene()
  for (const [sender, method, path, body] of [
    [operator(), 'POST', `/companies/${companyId}/secrets`, { name: 'raced', value: 'v' }],
    [run(companyId, agentId), 'POST', '/agents/me/env', undefined]
  ] as const) {
    const [here, there] = forBoth(sender, method, path, body)
    const answers = await Promise.all([
      ...Array.from({ length: 5 }, () => sendTo(app, here)),
      ...Array.from({ length: 5 }, () => sendTo(replica, there))
    ])
    t.equal(answers.filter(({ status }) => status < 300).length, 1)
    t.equal(answers.filter(({ body }) => body?.code === 'replayed').length, 9)
  }
})

t.test('a read that is sent again is refused by the process that answered it', async (t) => {
  const { secretId } = await scene()
  const outgoing = sign(app.origin, operator(), { method: 'GET', path: `/secrets/${secretId}` })
  t.equal((await sendTo(app, outgoing)).status, 200)
  for (let index = 0; index < resendsMax; index++)
    t.match(await sendTo(app, outgoing), { status: 401, body: { code: 'replayed' } })
})

t.test(
  'a batch that is sent again reveals nothing, and a fresh item beside a used one is served',
  async (t) => {
    const { companyId, agentId } = await scene()
    const items = [resolveItem(run(companyId, agentId)), resolveItem(run(companyId, agentId))]
    const [here, there] = forBoth(service('gateway'), 'POST', '/resolve-batch', { items })
    const codes = async (target: SecretsApp, outgoing: Outgoing) =>
      parseFrames((await sendTo(target, outgoing)).text).map(
        ({ status, body }) => `${status} ${body.code ?? ''}`
      )
    t.strictSame(await codes(app, here), ['200 ', '200 '])
    t.strictSame(await codes(app, here), ['401 replayed', '401 replayed'])
    t.strictSame(await codes(replica, there), ['401 replayed', '401 replayed'])
    const mixed = {
      items: [resolveItem(run(companyId, agentId)), items[0], resolveItem(run(companyId, agentId))]
    }
    const answer = sign(replica.origin, service('gateway'), {
      method: 'POST',
      path: '/resolve-batch',
      body: mixed
    })
    t.strictSame(await codes(replica, answer), ['200 ', '401 replayed', '200 '])
  }
)

t.test('what is unsigned, stale or edited is 401, whatever its body, and has no effect', async (t) => {
  const { companyId } = await scene()
  const path = `/companies/${companyId}/secrets`
  const request = { method: 'POST', path, body: { name: 'forged', value: canary } }
  const good = () => sign(app.origin, operator(), request)
  const edited = (headers: Record<string, string>, more: Partial<Outgoing> = {}): Outgoing => {
    const outgoing = good()
    return { ...outgoing, headers: { ...outgoing.headers, ...headers }, ...more }
  }
  const { signature: _, ...unsigned } = good().headers
  const other = sign(app.origin, member(companyId, 'owner'), request).headers
  const now = Date.now()
  const forgeries: [string, Outgoing][] = [
    ['no headers', { ...good(), headers: { 'content-type': 'application/json' } }],
    [
      'no headers, malformed body',
      { ...good(), body: Buffer.from('{'), headers: { 'content-type': 'text/x' } }
    ],
    ['no signature', { ...good(), headers: unsigned }],
    ['another actor', edited({ 'paperclip-actor': other['paperclip-actor'] ?? '' })],
    ['another body', { ...good(), body: Buffer.from(JSON.stringify({ name: 'x', value: canary })) }],
    ['no body', { ...good(), body: null }],
    ['another path', { ...good(), path: `/internal/companies/${newId()}/secrets` }],
    ['another query', { ...good(), path: `${good().path}?limit=1` }],
    ['another method', { ...good(), method: 'PUT', path: `${good().path}` }],
    ['another host', sign('http://127.0.0.1:1', operator(), request)],
    [
      'a key of nobody',
      edited({
        'signature-input': (good().headers['signature-input'] ?? '').replace('gateway-1', 'gateway-2')
      })
    ],
    ['created 31 s ago', sign(app.origin, operator(), { ...request, nowMs: now - 31_000 })],
    ['created 31 s ahead', sign(app.origin, operator(), { ...request, nowMs: now + 31_000 })],
    ['created 8 s ahead', sign(app.origin, operator(), { ...request, nowMs: now + 8_000 })]
  ]
  for (const [what, outgoing] of forgeries) {
    const answer = await sendTo(app, outgoing)
    const wanted = what === 'another method' ? 404 : 401
    t.equal(answer.status, wanted, what)
    t.notMatch(answer.text, canary)
  }
  for (const nowMs of [now - 4_000, now + 4_000])
    t.equal((await sendTo(app, sign(app.origin, operator(), { method: 'GET', path, nowMs }))).status, 200)
  t.equal((await app.send(operator(), 'GET', path)).body.length, 1)
})

t.test('only the gateway speaks for others, and only with an actor that is one', async (t) => {
  const { companyId, agentId } = await scene()
  const { key } = service('runner')
  const impostors: Sender[] = [operator(), member(companyId, 'owner'), run(companyId, agentId)]
  for (const { actor } of impostors)
    t.match(await app.send({ key, actor }, 'GET', `/companies/${companyId}/secrets`), {
      status: 403,
      body: { code: 'forbidden' }
    })
  const own = service('runner').actor
  for (const facts of [
    { isInstanceAdmin: true },
    { userId: 'u' },
    { agentId },
    { memberships: [{ companyId, role: 'owner' as const }] }
  ])
    t.equal((await app.send({ key, actor: { ...own, ...facts } }, 'GET', '/health')).status, 403)
  const malformed = [
    { v: 2 },
    { type: 'root' },
    { extra: 1 },
    { requestId: '' },
    { memberships: [{ companyId, role: 'god' }] }
  ]
  for (const facts of malformed)
    t.equal(
      (await app.send(as(operator(), facts as object), 'GET', '/health')).status,
      401,
      JSON.stringify(facts)
    )
})

t.test(
  'the attempt of a service on a company it may not enter is recorded there, once on all replicas',
  async (t) => {
    const { companyId } = await scene()
    const path = `/companies/${companyId}/secret-access-events`
    const [here, there] = forBoth(service('walled'), 'GET', path)
    t.match(await sendTo(app, here), { status: 403, body: { code: 'company_forbidden' } })
    for (const [target, again] of [
      [app, here],
      [replica, there],
      [replica, there]
    ] as const)
      t.match(await sendTo(target, again), { status: 401, body: { code: 'replayed' } })
    const written = await eventsOf(app, companyId, '?outcome=denied')
    t.match(written, [
      { actorType: 'service', actorId: 'walled', code: 'company_forbidden', secretId: null, targetId: null }
    ])
    t.equal(written.length, 1)
  }
)

t.test(
  'one key fills no record with attempts, and the gateway writes none for those it should refuse',
  async (t) => {
    const [companyId, agentId] = [newId(), newId()]
    const path = `/companies/${companyId}/secrets`
    for (const sender of [member(newId(), 'owner'), run(newId(), agentId)])
      t.equal((await app.send(sender, 'GET', `${path}/catalog`)).status, 403)
    t.same(await eventsOf(app, companyId), [])
    t.match(app.logs(), 'an attempt on a company was refused and not recorded there')

    const sentMax = attemptsPerSecondMax * 6
    const startedAt = performance.now()
    const answers = await Promise.all(
      Array.from({ length: sentMax }, () =>
        app.send(service('walled'), 'GET', `/companies/${companyId}/secret-access-events`)
      )
    )
    const windows = 2 + Math.floor((performance.now() - startedAt) / 1_000)
    t.ok(answers.every(({ status }) => status === 403))
    const written = (await eventsOf(app, companyId)).length
    t.ok(
      written > 0 && written <= Math.min(windows * attemptsPerSecondMax, sentMax),
      `${written} were written`
    )
  }
)

t.test("the limit of attempts is each key's own, and a second long", async (t) => {
  const limit = createAttemptLimit()
  const admitted = (keyId: string, nowMs: number) =>
    Array.from({ length: attemptsPerSecondMax + 5 }, () => limit.admit(keyId, nowMs)).filter(Boolean).length
  t.equal(admitted('a', 5_000), attemptsPerSecondMax)
  t.equal(admitted('a', 5_999), 0)
  t.equal(admitted('b', 5_999), attemptsPerSecondMax)
  t.equal(admitted('a', 6_000), attemptsPerSecondMax)
  t.equal(admitted('a', 100), attemptsPerSecondMax, 'a clock set back does not silence it')
})

t.test('bodies are strict JSON of the one media type', async (t) => {
  const path = `/companies/${newId()}/secrets`
  const post = (body: unknown, contentType?: string) =>
    transmit(
      app.origin,
      sign(app.origin, operator(), {
        method: 'POST',
        path,
        body,
        ...(contentType === undefined ? {} : { contentType })
      })
    )
  for (const body of [
    '{',
    '',
    'null',
    '[]',
    '"x"',
    '5',
    `{"name":"n","value":"${canary}",}`,
    `{"value":"${canary}","__proto__":{}}`,
    `{"constructor":null}`,
    `{"constructor":{"prototype":1}}`
  ]) {
    const answer = await post(body === '' ? undefined : body)
    t.equal(answer.status, 400, body)
    t.notMatch(answer.text, canary)
    t.notMatch(answer.text, /\bat |node_modules|select|insert/i)
  }
  const nested = `{"name":"\\ud83d\\ude00","value":"v","providerMetadata":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
  t.equal((await post(nested)).status, 400, 'nested deeper than a stack')
  const good = JSON.stringify({ name: 'n', value: canary })
  for (const contentType of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/problem+json',
    'application/json; charset=utf-16',
    'application/json; a=b'
  ])
    t.match(
      await post(good, contentType),
      { status: 415, body: { code: 'unsupported_media_type' } },
      contentType
    )
  t.match(await post(`{"name":"n","value":"${'x'.repeat(600_000)}"}`), { status: 413 })
  t.equal((await post(good, 'application/json; charset=utf-8')).status, 201)
  t.match(await app.send(operator(), 'GET', '/no-such-route'), { status: 404, body: { code: 'not_found' } })
})

t.test('no member that a schema does not name is taken, column names and __proto__ included', async (t) => {
  const { companyId, agentId, secretId } = await scene()
  const columns = await sql<{ name: string }>(
    `select distinct column_name as name from information_schema.columns where table_schema = 'secrets'`
  )
  const camel = (name: string) => name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
  const names = new Set(columns.flatMap(({ name }) => [name, camel(name)]))
  for (const name of ['constructor', 'prototype', 'actor', 'actorId', 'actorType', 'isInstanceAdmin'])
    names.add(name)
  const vaults = `/companies/${companyId}/secret-provider-configs`
  const local = { provider: 'local_encrypted', displayName: 'mass' }
  const remote = { provider: 'aws_secrets_manager', config: { region: 'eu-west-1' } }
  const { body: vault } = await app.send(operator(), 'POST', vaults, local)
  const [imports, ofVault] = [`/companies/${companyId}/secrets/remote-import`, { providerConfigId: vault.id }]
  const ofAgent = { targetType: 'agent', targetId: agentId }
  const bodies: Record<string, [Sender, string, Record<string, unknown>]> = {
    createSecret: [operator(), `/companies/${companyId}/secrets`, { name: 'mass', value: 'v' }],
    rotateSecret: [operator(), `/secrets/${secretId}/rotate`, { value: 'v' }],
    updateSecret: [operator(), `/secrets/${secretId}`, { description: 'mass' }],
    createVault: [operator(), vaults, local],
    updateVault: [operator(), `/secret-provider-configs/${vault.id}`, { displayName: 'mass' }],
    previewVaultDiscovery: [operator(), `${vaults}/discovery/preview`, remote],
    previewRemoteImport: [operator(), `${imports}/preview`, ofVault],
    commitRemoteImport: [operator(), imports, { ...ofVault, secrets: [{ externalRef: 'mass' }] }],
    rotateMasterKey: [operator(), '/admin/master-keys/rotate', { masterKeyId: 'mk_0000000000000000' }],
    putAgentEnvironment: [operator(), `/companies/${companyId}/agents/${agentId}/env`, { env: {} }],
    putProjectEnvironment: [operator(), `/companies/${companyId}/projects/${agentId}/env`, { env: {} }],
    migrateInlineEnvironments: [operator(), `/companies/${companyId}/env/migrate-inline`, { apply: true }],
    resolveEnvironment: [service('runner'), `/companies/${companyId}/env/resolve`, ofAgent],
    resolveBatch: [service('gateway'), '/resolve-batch', { items: [resolveItem(run(companyId, agentId))] }],
    deliverOutbox: [
      service('gateway'),
      '/activity',
      { items: [{ id: newId(), activity: null, command: null }] }
    ]
  }
  const withBody = routes.filter(
    ({ config, schema }) => config.owner === 'secrets' && schema.body !== undefined
  )
  t.strictSame(
    Object.keys(bodies).sort(),
    withBody.map(({ config }) => config.operationId).sort(),
    'every body'
  )
  const rowsBefore = await sql('select * from company_secrets order by id')
  for (const { method, config, schema } of withBody) {
    const [sender, path, body] = bodies[config.operationId] ?? [operator(), '', {}]
    const known = Object.keys((schema.body as { properties?: object } | undefined)?.properties ?? {})
    const refused = [...names].filter((name) => !known.includes(name))
    const answers = await Promise.all(
      refused.map((name) => app.send(sender, method, path, { ...body, [name]: 'x' }))
    )
    t.ok(
      answers.every(({ status }) => status === 400),
      config.operationId
    )
    const proto = `{"__proto__":{"name":"x"},${JSON.stringify(body).slice(1)}`
    t.equal((await app.send(sender, method, path, proto)).status, 400, `${config.operationId} __proto__`)
  }
  t.strictSame(await sql('select * from company_secrets order by id'), rowsBefore)
})

t.test('no log line holds a value', async (t) => {
  for (const { logs } of [app, replica]) t.notMatch(logs(), canary)
})
