import { once } from 'node:events'
import { createConnection } from 'node:net'
import { type ActorKind, newId, type Route, routes } from '@paperclip/contracts'
import t from 'tap'
import { problem, secretsWarning } from './fixtures/fake-secrets.js'
import { makeAgent, openRun, type Reply, testInstallation } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await testInstallation(t)
const { gateway, secrets, log } = installation
const mine = await makeAgent(gateway, { company: 'Mine' })
const theirs = await makeAgent(gateway, { company: 'Theirs' })
const run = await openRun(gateway, mine)
const port = String(gateway.port)
const own = `http://localhost:${port}`
secrets.answer = () => ({ status: 404, body: problem(404, 'secret_not_found') })

const publicRoutes = routes.filter((route) => route.config.visibility === 'public')
const tokens: Partial<Record<ActorKind, string>> = { agent_key: mine.key, run: run.token }

/** Fills a path: the company as given, everything else with ids that exist nowhere. */
function pathOf(route: Route, companyId: string): string {
  return `/api${route.path.replaceAll(/:(\w+)/g, (_, name) => (name === 'companyId' ? companyId : newId()))}`
}

t.test(
  'every contract is served, declares who may call it, and refuses the other kinds of callers',
  async (t) => {
    t.ok(publicRoutes.length > 35, `${publicRoutes.length} routes`)
    for (const route of publicRoutes) {
      const { operationId, auth } = route.config
      t.ok(auth.actors.length > 0, operationId)
      // Some people's routes want a session or a board key, which the local operator is not.
      const admitsOperator = auth.credentials?.includes('local_operator') ?? true
      for (const kind of ['board', 'agent_key', 'run'] as const) {
        const token = tokens[kind]
        // A body that no schema takes: whoever is let in is told so, whoever is not must not be.
        const bad = await gateway.call(route.method, pathOf(route, mine.companyId), {
          ...(token === undefined ? {} : { token }),
          ...(route.method === 'GET' ? {} : { body: '{' })
        })
        const name = `${operationId} as ${kind}`
        if (auth.actors.includes(kind) && (kind !== 'board' || admitsOperator)) t.not(bad.status, 403, name)
        else t.match(bad, { status: 403, json: { code: 'forbidden' } }, name)
        const invalid = await gateway.call(route.method, pathOf(route, mine.companyId), {
          token: 'x',
          body: '{'
        })
        t.equal(invalid.status, 401, `${operationId} with a bad bearer, before its body is looked at`)
      }
    }
  }
)

t.test(
  'a company that one may not enter is 403 before anything is looked up, whether or not it exists',
  async (t) => {
    const companyRoutes = publicRoutes.filter((route) => route.path.includes(':companyId'))
    t.ok(companyRoutes.length > 15)
    for (const route of companyRoutes)
      for (const kind of ['agent_key', 'run'] as const) {
        if (!route.config.auth.actors.includes(kind)) continue
        const token = tokens[kind] ?? ''
        const answers = await Promise.all(
          [theirs.companyId, newId()].map((id) =>
            gateway.call(route.method, pathOf(route, id), { token, body: {} })
          )
        )
        for (const answer of answers)
          t.match(answer, { status: 403, json: { code: 'company_forbidden' } }, route.config.operationId)
        t.same(plain(answers[0]), plain(answers[1]), 'the same answer')
        const malformed = await gateway.call(route.method, pathOf(route, 'x'), { token })
        t.equal(malformed.status, 404, `${route.config.operationId} with a malformed id`)
      }
    for (const route of companyRoutes.filter((each) => each.config.auth.actors.includes('board'))) {
      const { status, json } = await gateway.call(route.method, pathOf(route, newId()), {
        ...(route.method === 'GET' ? {} : { body: '{' })
      })
      t.match(
        { status, json },
        { status: 404, json: { code: 'company_not_found' } },
        route.config.operationId
      )
    }
  }
)

t.test('an id that is absent, and one that is none, are 404 on every route', async (t) => {
  const rowRoutes = publicRoutes.filter(
    ({ path, config }) =>
      /:(id|keyId|agentId|projectId|runId)/.test(path) &&
      (config.auth.credentials?.includes('local_operator') ?? true)
  )
  for (const route of rowRoutes) {
    const body = route.method === 'GET' || route.method === 'DELETE' ? {} : { body: bodyFor(route) }
    const token = route.config.auth.actors.includes('board') ? {} : { token: run.token }
    const absent = await gateway.call(route.method, pathOf(route, mine.companyId), { ...token, ...body })
    t.equal(absent.status, 404, route.config.operationId)
    const path = pathOf(route, mine.companyId).replaceAll(/[0-9a-f-]{36}/g, (id) =>
      id === mine.companyId ? id : 'x'
    )
    const malformed = await gateway.call(route.method, path, { ...token, ...body })
    t.equal(malformed.status, 404, `${route.config.operationId}, malformed`)
  }
})

t.test('a bearer decides alone; other schemes count as none', async (t) => {
  const me = (authorization?: string) =>
    gateway.call('GET', '/api/me', authorization === undefined ? {} : { headers: { authorization } })
  const asOperator = [undefined, 'Basic dXNlcjpwYXNz', 'Digest x', 'Bearerx y', 'Token abc']
  for (const header of asOperator)
    t.match(
      await me(header),
      { status: 200, json: { userId: 'local-board', isInstanceAdmin: true } },
      String(header)
    )
  for (const header of ['Bearer', 'Bearer ', 'bearer', 'Bearer x', 'Bearer null', `Bearer ${mine.key} x`])
    t.match(await me(header), { status: 401, headers: { 'www-authenticate': 'Bearer' } }, header)
  for (const header of [
    `Bearer ${mine.key}`,
    `bearer ${mine.key}`,
    `BEARER  ${mine.key}`,
    `Bearer ${mine.key}  `
  ])
    t.match(await me(header), { status: 200, json: { agentId: mine.agentId } }, header.slice(0, 8))
})

t.test('the browser rule holds for the local operator, and not for bearers', async (t) => {
  const create = (headers: Record<string, string>, token?: string) =>
    gateway.call('POST', '/api/companies', { body: { name: 'C' }, headers, ...(token ? { token } : {}) })
  const allowed: Record<string, string>[] = [
    {},
    { origin: own },
    { origin: `http://127.0.0.1:${port}` },
    { origin: `http://[::1]:${port}` },
    { 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'none' },
    { origin: own, 'sec-fetch-site': 'cross-site' },
    { referer: 'https://evil.example/' }
  ]
  const refused: Record<string, string>[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: '' },
    { origin: 'http://localhost' },
    { origin: 'http://localhost:1' },
    { origin: `${own}/` },
    { origin: own.toUpperCase() },
    { origin: `${own}.evil.example` },
    { origin: 'https://evil.example', referer: `${own}/` },
    { origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': '' }
  ]
  for (const headers of allowed) t.equal((await create(headers)).status, 201, JSON.stringify(headers))
  for (const headers of refused)
    t.match(
      await create(headers),
      { status: 403, json: { code: 'untrusted_origin' } },
      JSON.stringify(headers)
    )
  t.match(
    await create({ origin: 'https://evil.example' }, mine.key),
    { json: { code: 'forbidden' } },
    'not its rule'
  )
  const read = await gateway.call('GET', '/api/companies', { headers: { origin: 'https://evil.example' } })
  t.equal(read.status, 200)
  t.notOk(
    Object.keys(read.headers).some((name) => name.startsWith('access-control')),
    'and no page may read it'
  )
})

t.test('only loopback names are answered to, however they are written', async (t) => {
  const me = (host: string, more: Record<string, string> = {}) =>
    gateway.call('GET', '/api/me', { headers: { host, ...more } })
  const good = [
    'localhost',
    `localhost:${port}`,
    'LOCALHOST',
    'localhost.',
    '127.0.0.1',
    '127.8.9.10:80',
    '[::1]:3100',
    '[::1]'
  ]
  for (const host of good) t.equal((await me(host)).status, 200, host)
  const bad = [
    'evil.example', 'evil.example:3100', 'localhost.evil.example', '127.0.0.1.evil.example', '127.0.0.1.', '0.0.0.0',
    '10.0.0.1', '[::]', '[::ffff:127.0.0.1]', 'localhost@evil.example', 'local host', '127.1', '2130706433',
    'localhost:x', 'localhost:123456'
  ] // biome-ignore format: a list reads better packed
  for (const host of bad) {
    const reply = await me(host)
    t.equal(reply.status, host === '127.0.0.1.' ? 200 : 403, `"${host}"`)
    if (reply.status === 403) t.match(reply.json, { code: 'host_not_allowed' })
    if (host.length > 3) t.notOk(reply.text.includes(host), 'the name is not repeated')
  }
  t.equal((await me('evil.example', { 'x-forwarded-host': 'localhost' })).status, 403)
  t.equal((await me('localhost', { 'x-forwarded-host': 'evil.example' })).status, 200)
  const trusting = await installation.start({ TRUST_PROXY: '1' })
  const rebound = { host: 'evil.example', 'x-forwarded-host': 'localhost' }
  t.equal((await trusting.call('GET', '/api/me', { headers: rebound })).status, 403, 'whomever it trusts')
  t.equal((await gateway.call('GET', '/nowhere', { headers: { host: 'evil.example' } })).status, 403)
  for (const probe of ['/livez', '/readyz'])
    t.equal((await gateway.call('GET', probe, { headers: { host: 'evil.example' } })).status, 200, probe)
})

t.test('headers of the private hop mean nothing when they come from outside', async (t) => {
  secrets.answer = ({ actor }) => ({ status: 200, body: actor })
  const path = `/api/companies/${mine.companyId}/secrets/catalog`
  const forged = Buffer.from(JSON.stringify({ v: 1, type: 'service', isInstanceAdmin: true })).toString(
    'base64url'
  )
  const names = [
    'paperclip-actor', 'signature', 'signature-input', 'content-digest', 'x-forwarded-for', 'x-forwarded-host',
    'x-forwarded-proto', 'forwarded', 'x-actor-id', 'x-run-id', 'x-request-id', 'cookie'
  ] // biome-ignore format: a list reads better packed
  const seen = []
  for (const name of [null, ...names, ...names.map((each) => each.toUpperCase())]) {
    const headers = name === null ? {} : { [name]: [forged, forged] }
    const reply = await gateway.call('GET', path, {
      token: mine.key,
      headers: headers as Record<string, string[]>
    })
    t.equal(reply.status, 200, String(name))
    seen.push(secrets.requests.findLast((request) => request.actor.type === 'agent'))
  }
  const [clean] = seen
  for (const request of seen) {
    t.same({ ...request?.actor, requestId: null }, { ...clean?.actor, requestId: null })
    t.same(Object.keys(request?.headers ?? {}).sort(), Object.keys(clean?.headers ?? {}).sort())
  }
  t.same(Object.keys(clean?.headers ?? {}).sort(), [
    'connection',
    'content-digest',
    'host',
    'paperclip-actor',
    'signature',
    'signature-input'
  ])
  t.match(clean?.actor, { type: 'agent', agentId: mine.agentId, companyId: mine.companyId, memberships: [] })
})

t.test('what is malformed is a problem with a code, without a stack or an echo', async (t) => {
  const marker = 'marker-4711'
  const tries: [number, object][] = [
    [400, { body: `{"name": "${marker}"` }],
    [400, { body: `["${marker}"]` }],
    [400, { body: { name: marker, extra: marker } }],
    [400, { body: { name: `${marker}`.repeat(20) } }],
    [400, { body: { name: 7 } }],
    [400, { body: { name: ' ' } }],
    [400, { body: { name: `${marker}\u0000` } }],
    [400, { body: `{"name":"x","__proto__":{"a":"${marker}"}}` }],
    [400, { body: Buffer.from([0x22, 0xff, 0x22]) }],
    [415, { body: marker, headers: { 'content-type': 'text/plain' } }],
    [415, { body: '{"name":"x"}', headers: { 'content-type': 'application/jsonx' } }],
    [415, { body: 'name=x', headers: { 'content-type': 'application/x-www-form-urlencoded' } }],
    [413, { body: { name: marker.repeat(20_000) } }]
  ]
  for (const [status, options] of tries) {
    const reply = await gateway.call('POST', '/api/companies', options)
    t.equal(reply.status, status, JSON.stringify(options).slice(0, 80))
    t.match(reply.headers['content-type'], /^application\/problem\+json/)
    t.equal(reply.json.error, reply.json.detail)
    t.notOk(reply.text.includes(marker))
    t.notMatch(reply.text, /\bat .*\.js|select |insert /i)
  }
  for (const name of [
    'limit=0',
    'limit=501',
    'limit=abc',
    'limit=1&limit=2',
    'nonsense=1',
    'cursor=x',
    'cursor='
  ])
    t.equal((await gateway.call('GET', `/api/companies?${name}`)).status, 400, name)
  t.match((await gateway.call('GET', '/api/companies?limit=501')).json, { errors: [{ pointer: '?limit' }] })
  t.equal((await gateway.call('GET', '/api/nowhere')).status, 404)
  t.equal((await gateway.call('PUT', '/api/companies')).status, 404)
  t.equal((await gateway.call('GET', '/api/companies/%zz')).status, 400)
  t.notOk(log().includes(marker), 'nothing of it is in the log')
  t.notMatch(log(), /"level":50/)
})

t.test('what is not HTTP, or names no host, is answered once and closed', async (t) => {
  t.match(await exchange('GARBAGE\r\n\r\n'), /^HTTP\/1\.1 400 /)
  t.match(await exchange('GET /api/me HTTP/1.0\r\n\r\n'), /^HTTP\/1\.1 403 .*host_not_allowed/s)
  const huge = `GET /api/me HTTP/1.1\r\nHost: localhost\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`
  t.match(await exchange(huge), /^HTTP\/1\.1 431 /)
})

async function exchange(sent: string): Promise<string> {
  const socket = createConnection({ host: '127.0.0.1', port: gateway.port })
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.write(sent)
  await once(socket, 'close')
  return text
}

t.test('health tells strangers little; without the secrets service it is degraded', async (t) => {
  const board = await gateway.call('GET', '/api/health')
  t.match(board, { status: 200, json: { status: 'ok', components: { database: { status: 'ok' } } } })
  t.match(board, { json: { warnings: [secretsWarning] } }, 'what is to be mended, for the board only')
  const agent = await gateway.call('GET', '/api/health', { token: mine.key })
  t.same(agent.json, {
    status: 'ok',
    deploymentMode: 'local_trusted',
    deploymentExposure: 'private',
    bootstrapStatus: 'ready'
  })
  const document = await gateway.call('GET', '/api/openapi.json')
  t.match(document.json, { openapi: '3.1.0', paths: { '/api/companies/{companyId}': { get: {} } } })
  t.notOk(document.text.includes('resolve-batch'), 'the private routes are not in it')
})

/** A body that a route's schema takes. */
function bodyFor(route: Route): object {
  const bodies: Record<string, object> = {
    updateProject: { name: 'x' },
    updateAgent: { name: 'x' },
    createAgentKey: { name: 'x' },
    finishRun: { status: 'failed' },
    cancelCliChallenge: { token: 'x' },
    rotateSecret: { value: 'x' },
    updateSecret: { name: 'x' },
    updateVault: { displayName: 'x' },
    putAgentEnvironment: { env: {} },
    putProjectEnvironment: { env: {} }
  }
  return bodies[route.config.operationId] ?? {}
}

function plain(reply: Reply | undefined): object {
  return { ...reply?.json, requestId: null, status: reply?.status }
}
