import {
  ActorContext,
  createCompany,
  createSecret,
  exportActivityCsv,
  getHealth,
  getMe,
  getSecretsHealth,
  listCompanies,
  listSecrets,
  problemOf,
  resolveEnvironment
} from '@paperclip/contracts'
import { verifyRequest } from '@paperclip/signing'
import t from 'tap'
import { ClientError, createGatewayClient, createSecretsClient, nextCursor } from '../src/index.js'
import { someKey, verifierKey } from './fixtures/keys.js'
import { deadOrigin, realServer, sendJson, tcpServer } from './fixtures/real-server.js'

const token = `paperclip_board_${'Zz09'.repeat(10)}abc`
const companyId = '0198f7a0-0000-7000-8000-000000000001'

function open(tt: { teardown(act: () => Promise<void>): void }, origin: string, more: object = {}) {
  const client = createGatewayClient({ origin, token, ...more })
  tt.teardown(() => client.close())
  return client
}

t.test('a call sends what its contract says, with the token, and gives the typed reply', async (t) => {
  const server = await realServer(t, (_, response) =>
    sendJson(response, 201, { id: companyId, name: 'Acme' })
  )
  const client = open(t, server.origin, { userAgent: 'paperclipai/0.1.0' })
  const company = await client.call(createCompany, { body: { name: 'Acme' } })
  t.equal(company.name, 'Acme')
  const [request] = server.arrived
  t.match(request, { method: 'POST', url: '/api/companies' })
  t.same(JSON.parse(String(request?.body)), { name: 'Acme' })
  t.match(request?.message.headers, {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'user-agent': 'paperclipai/0.1.0',
    host: server.origin.slice('http://'.length)
  })
})

t.test('parameters and queries are percent-encoded; what is undefined is left out', async (t) => {
  const server = await realServer(t, (_, response) => sendJson(response, 200, []))
  const client = open(t, server.origin, { token: null })
  await client.call(listSecrets, { params: { companyId: 'a/b?c' }, query: { query: 'x & y', limit: 5 } })
  t.equal(server.arrived[0]?.url, '/api/companies/a%2Fb%3Fc/secrets?query=x+%26+y&limit=5')
  t.equal(server.arrived[0]?.message.headers.authorization, undefined)
  await t.rejects(client.call(listSecrets, { params: { companyId: '' } }), { name: 'TypeError' })
})

t.test('pages follow the cursor of `rel=next` to the end, keeping filters, never its address', async (t) => {
  const trap = await realServer(t, (_, response) => sendJson(response, 200, []))
  const links = [
    `<${trap.origin}/api/x?cursor=two&limit=9>; rel="next"`,
    '</api/x?cursor=a>; rel="prev", </api/x?limit=2&cursor=three>; rel=next',
    ''
  ]
  const server = await realServer(t, (_, response, count) => {
    sendJson(
      response,
      200,
      [{ id: String(count) }],
      links[count - 1] ? { link: links[count - 1] as string } : {}
    )
  })
  const ids: string[] = []
  for await (const page of open(t, server.origin).pages(listCompanies, { query: { limit: 2 } }))
    ids.push(...page.map((company) => company.id))
  t.same(ids, ['1', '2', '3'])
  t.same(
    server.arrived.map((request) => request.url),
    ['?limit=2', '?limit=2&cursor=two', '?limit=2&cursor=three'].map((query) => `/api/companies${query}`)
  )
  t.equal(trap.arrived.length, 0)
  t.equal(nextCursor('</x?cursor=a>; rel="last"'), null)
  t.equal(nextCursor('</x>; rel="next"'), null)
})

t.test('a list that hands out one cursor for ever is left', async (t) => {
  const server = await realServer(t, (_, response) => {
    sendJson(response, 200, [], { link: '</api/companies?cursor=same>; rel="next"' })
  })
  const walk = async () => {
    for await (const page of open(t, server.origin).pages(listCompanies)) t.same(page, [])
  }
  await t.rejects(walk(), { code: 'bad_reply' })
  t.equal(server.arrived.length, 2)
})

t.test('a problem becomes a ClientError with its code, status, detail, entries and request id', async (t) => {
  const errors = [{ pointer: '/env/A', message: 'no such secret', code: 'secret_not_found' }]
  const problem = problemOf('env_invalid', { detail: 'One entry is not valid.', requestId: 'r-9', errors })
  const server = await realServer(t, (_, response) =>
    sendJson(response, 422, problem, { 'retry-after': '7' })
  )
  await t.rejects(open(t, server.origin).call(getMe), {
    name: 'ClientError',
    code: 'env_invalid',
    status: 422,
    message: 'One entry is not valid.',
    detail: 'One entry is not valid.',
    errors,
    requestId: 'r-9',
    retryAfterSeconds: 7
  })
})

t.test('a status the contract lists is a reply, also when it is 503', async (t) => {
  const health = { status: 'unhealthy', deploymentMode: 'local_trusted' }
  const server = await realServer(t, (_, response) => {
    response.writeHead(503, { 'content-type': 'application/json' }).end(JSON.stringify(health))
  })
  t.match(await open(t, server.origin).call(getHealth), { status: 'unhealthy' })
})

t.test('text replies of routes that give text are text', async (t) => {
  const server = await realServer(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'text/csv; charset=utf-8' }).end('id,action\r\n')
  })
  const client = open(t, server.origin)
  t.equal(await client.call(exportActivityCsv, { params: { companyId } }), 'id,action\r\n')
  await t.rejects(client.call(getMe), { code: 'bad_reply' })
})

t.test('an answer of something else is `bad_reply` and is not repeated', async (t) => {
  const answers: [number, string, string][] = [
    [200, 'text/html', '<h1>the-answer</h1>'],
    [200, 'application/json', '{"the-answer'],
    [204, 'application/json', ''],
    [502, 'text/html', 'the-answer'],
    [404, 'application/problem+json', 'the-answer'],
    [301, 'text/html', 'the-answer']
  ]
  for (const [status, type, text] of answers) {
    const server = await realServer(t, (_, response) => {
      response.writeHead(status, { 'content-type': type, location: 'http://127.0.0.1:1/' }).end(text)
    })
    const error: unknown = await open(t, server.origin)
      .call(getMe)
      .catch((caught: unknown) => caught)
    t.match(error, { name: 'ClientError', code: 'bad_reply', message: server.origin })
    t.notMatch(String(error), /the-answer/)
  }
})

t.test('a problem code of a newer server is kept as `unknown_problem` with its text', async (t) => {
  const problem = { code: 'moon_phase', detail: 'Not tonight.', errors: [1, { pointer: '/a' }], requestId: 3 }
  const server = await realServer(t, (_, response) => sendJson(response, 418, problem))
  await t.rejects(open(t, server.origin).call(getMe), {
    code: 'unknown_problem',
    detail: 'Not tonight.',
    status: 418,
    errors: [],
    requestId: null
  })
})

t.test('failures name the address and never the token', async (t) => {
  const hung = await tcpServer(t, () => {})
  const cut = await tcpServer(t, (socket) => socket.once('data', () => socket.resetAndDestroy()))
  const cases = [
    { origin: await deadOrigin(), code: 'unreachable', deadlineMs: 5_000 },
    { origin: hung.origin, code: 'timed_out', deadlineMs: 80 },
    { origin: cut.origin, code: 'interrupted', deadlineMs: 5_000 }
  ]
  for (const { origin, code, deadlineMs } of cases) {
    const error: unknown = await open(t, origin, { deadlineMs })
      .call(createCompany, { body: { name: 'Acme' } })
      .catch((caught: unknown) => caught)
    t.ok(error instanceof ClientError)
    t.match(error, { code, status: 0, message: origin })
    t.notMatch(
      JSON.stringify({ ...(error as object), text: String(error), cause: (error as Error).cause }),
      token
    )
  }
  for (const bad of ['', 'a b', 'a\r\nx: y', 'ü']) {
    const make = () => createGatewayClient({ origin: 'http://127.0.0.1', token: bad })
    t.throws(make, { name: 'TypeError', message: 'The token is not one of visible ASCII.' })
  }
})

t.test('abandoning cuts what is under way, and leaves nothing that would keep a process alive', async (t) => {
  let arrived = () => {}
  const waiting = new Promise<void>((resolve) => {
    arrived = resolve
  })
  const server = await realServer(t, () => arrived())
  const client = createGatewayClient({ origin: server.origin })
  const call = client.call(createCompany, { body: { name: 'Acme' } })
  const failed = t.rejects(call, { code: 'interrupted' })
  await waiting
  await client.abandon()
  await failed
})

t.test('only a GET is sent again, and only once', async (t) => {
  const server = await realServer(t, (request) => request.message.socket.resetAndDestroy())
  const client = open(t, server.origin)
  await t.rejects(client.call(getMe), { code: 'interrupted' })
  t.equal(server.arrived.length, 2)
  const secret = { params: { companyId }, body: { name: 'A', value: 'v' } }
  await t.rejects(client.call(createSecret, secret), { code: 'interrupted' })
  t.equal(server.arrived.length, 3)
})

t.test('an internal service speaks for itself, signed, below /internal', async (t) => {
  const key = someKey('runner-1')
  const server = await realServer(t, (_, response) =>
    sendJson(response, 200, { env: { A: 'x' }, manifest: [] })
  )
  const secrets = createSecretsClient({
    origin: server.origin,
    key: { current: () => key },
    caller: 'runner'
  })
  t.teardown(() => secrets.close())
  const body = { targetType: 'agent', targetId: companyId } as const
  const { env } = await secrets.call(resolveEnvironment, { params: { companyId }, body })
  t.same(env, { A: 'x' })
  const [request] = server.arrived
  if (request === undefined) throw new Error('nothing arrived')
  t.equal(request.url, `/internal/companies/${companyId}/env/resolve`)
  const verified = verifyRequest(request, { findKey: () => verifierKey(key), nowMs: Date.now() })
  t.same(Object.keys(verified.actor).sort(), Object.keys(ActorContext.properties).sort())
  t.match(verified.actor, { v: 1, type: 'service', credential: { kind: 'service_key', id: 'runner-1' } })
})

t.test("an internal service's failures are ClientErrors too", async (t) => {
  const key = someKey('runner-1')
  const problem = problemOf('company_forbidden', { requestId: 'r-1' })
  const server = await realServer(t, (_, response) => sendJson(response, 403, problem))
  const origins = [server.origin, await deadOrigin()]
  const codes = ['company_forbidden', 'unreachable']
  for (const [index, origin] of origins.entries()) {
    const secrets = createSecretsClient({ origin, key: { current: () => key }, caller: 'runner' })
    t.teardown(() => secrets.close())
    await t.rejects(secrets.call(getSecretsHealth), { name: 'ClientError', code: codes[index] })
  }
})
