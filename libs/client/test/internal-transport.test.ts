import { verifyRequest } from '@paperclip/signing'
import t from 'tap'
import { createInternalTransport, serviceActor, TransportError } from '../src/index.js'
import { someKey, verifierKey } from './fixtures/keys.js'
import { deadOrigin, realServer, sendJson, tcpServer } from './fixtures/real-server.js'

const key = someKey('gateway-1')
const actor = serviceActor({ caller: 'gateway', keyId: key.id, requestId: 'r-1' })
const deadlineMs = 5_000
const path = '/internal/companies/c1/secrets'
const get = { method: 'GET', path, body: null, actor, deadlineMs }
const post = { method: 'POST', path, body: '{"name":"a"}', actor, deadlineMs }

function open(tt: { teardown(act: () => Promise<void>): void }, origin: string, more: object = {}) {
  const transport = createInternalTransport({ origin, key: { current: () => key }, ...more })
  tt.teardown(() => transport.close())
  return transport
}

t.test('what arrives is signed, to the byte, and verifies with the key of the sender', async (t) => {
  const server = await realServer(t, (_, response) => sendJson(response, 201, { ok: true }))
  const transport = open(t, server.origin)
  const bodies = ['{"value":"Grüße 🔑"}', Buffer.from('{"value":"\\u0000"}'), '', null]
  for (const body of bodies) {
    const reply = await transport.send({ ...post, body, query: '?limit=10&cursor=a-b_c' })
    t.equal(reply.status, 201)
    t.equal(reply.body.toString(), '{"ok":true}')
    t.match(reply.headers['content-type'], /^application\/json/)
  }
  t.equal(server.arrived.length, bodies.length)
  const nonces = new Set<string>()
  for (const request of server.arrived) {
    const options = {
      findKey: (id: string) => (id === key.id ? verifierKey(key) : undefined),
      nowMs: Date.now()
    }
    const verified = verifyRequest(request, options)
    t.same(verified.actor, actor)
    nonces.add(verified.nonce)
  }
  t.equal(nonces.size, bodies.length, 'no nonce is used twice')
  t.ok(server.sockets() < bodies.length, 'connections are kept')
})

t.test('an actor that is already encoded goes out as it is', async (t) => {
  const server = await realServer(t, (_, response) => sendJson(response, 200, {}))
  await open(t, server.origin).send({ ...get, actor: 'eyJ2IjoxfQ' })
  t.equal(server.arrived[0]?.message.headers['paperclip-actor'], 'eyJ2IjoxfQ')
})

t.test('a path or query that cannot be signed is refused before anything is sent', async (t) => {
  const server = await realServer(t, (_, response) => sendJson(response, 200, {}))
  const transport = open(t, server.origin)
  for (const bad of [{ path: '/internal/../x' }, { path: '/internal//x' }, { query: '?' }, { query: '?a b' }])
    await t.rejects(transport.send({ ...get, ...bad }), { code: 'malformed' })
  t.equal(server.arrived.length, 0)
})

t.test('a server that never answers is given up at the deadline', async (t) => {
  const hung = await tcpServer(t, () => {})
  const startedMs = performance.now()
  await t.rejects(open(t, hung.origin).send({ ...get, deadlineMs: 100 }), { code: 'timeout' })
  t.ok(performance.now() - startedMs < 1_000)
})

t.test('a reply that drips is given up at the deadline, however lively it looks', async (t) => {
  const server = await realServer(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const drip = setInterval(() => response.write(' '), 10)
    response.once('close', () => clearInterval(drip))
  })
  await t.rejects(open(t, server.origin).send({ ...get, deadlineMs: 150 }), { code: 'timeout' })
})

t.test('a request that waits for a connection beyond its deadline is never sent', async (t) => {
  let release = () => {}
  const server = await realServer(t, (_, response) => {
    release = () => sendJson(response, 200, {})
  })
  const transport = open(t, server.origin, { connectionsMax: 1 })
  const first = transport.send(get)
  await t.rejects(transport.send({ ...post, deadlineMs: 50 }), { code: 'timeout' })
  release()
  t.equal((await first).status, 200)
  t.same(
    server.arrived.map((request) => request.method),
    ['GET']
  )
})

t.test('nothing that listens is `connect_failed`, and nothing was sent', async (t) => {
  const transport = open(t, await deadOrigin())
  await t.rejects(transport.send(post), {
    name: 'TransportError',
    code: 'connect_failed',
    reason: 'ECONNREFUSED'
  })
  t.equal(transport.inFlight(), 0)
})

t.test('a GET whose connection is reset is sent once more, signed anew', async (t) => {
  const server = await realServer(t, (request, response, count) => {
    if (count === 1) request.message.socket.resetAndDestroy()
    else sendJson(response, 200, { count })
  })
  const reply = await open(t, server.origin).send(get)
  t.equal(reply.body.toString(), '{"count":2}')
  const [first, second] = server.arrived.map((request) => request.message.headers['signature-input'])
  t.not(first, second)
})

t.test('a GET is sent twice at most, a POST once unless it is said to be idempotent', async (t) => {
  const server = await realServer(t, (request) => request.message.socket.resetAndDestroy())
  const transport = open(t, server.origin)
  await t.rejects(transport.send(get), { code: 'reset' })
  t.equal(server.arrived.length, 2)
  await t.rejects(transport.send(post), { code: 'reset' })
  t.equal(server.arrived.length, 3)
  await t.rejects(transport.send({ ...post, idempotent: true }), { code: 'reset' })
  t.equal(server.arrived.length, 5)
})

t.test('a reply that ends early is `reset`, never a short body', async (t) => {
  const replies = [
    'HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"env":{',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"env\r\n'
  ]
  for (const text of replies) {
    const server = await tcpServer(t, (socket) => socket.once('data', () => socket.end(text)))
    await t.rejects(open(t, server.origin).send(post), { code: 'reset' })
  }
})

t.test('a reply over the limit is cut off, announced or not', async (t) => {
  const server = await realServer(t, (request, response) => {
    const announced = request.method === 'GET' ? { 'content-length': '2000' } : {}
    response.writeHead(200, announced).end('x'.repeat(2_000))
  })
  const transport = open(t, server.origin, { replyBytesMax: 1_000 })
  await t.rejects(transport.send(get), { code: 'too_large' })
  await t.rejects(transport.send(post), { code: 'too_large' })
  const larger = open(t, server.origin, { replyBytesMax: 2_000 })
  t.equal((await larger.send(post)).body.length, 2_000)
})

t.test('a redirect is refused, and its target never asked', async (t) => {
  const trap = await realServer(t, (_, response) => sendJson(response, 200, {}))
  const server = await realServer(t, (_, response) =>
    response.writeHead(307, { location: trap.origin }).end()
  )
  await t.rejects(open(t, server.origin).send(post), { code: 'bad_reply', reason: 'redirect' })
  t.equal(trap.arrived.length, 0)
})

t.test('what is not HTTP is `bad_reply`, and the error holds none of it', async (t) => {
  const server = await tcpServer(t, (socket) =>
    socket.once('data', () => socket.end('the-plain-value\r\n\r\n'))
  )
  const error: unknown = await open(t, server.origin)
    .send(post)
    .catch((caught: unknown) => caught)
  t.ok(error instanceof TransportError)
  t.match(error, { code: 'bad_reply' })
  t.notMatch(
    JSON.stringify({ ...(error as object), text: String(error), cause: (error as Error).cause }),
    /plain/
  )
})

t.test('more than may be under way is refused at once', async (t) => {
  const hung = await tcpServer(t, () => {})
  const transport = open(t, hung.origin, { inFlightMax: 1 })
  const first = transport.send({ ...get, deadlineMs: 100 })
  await t.rejects(transport.send(get), { code: 'overloaded' })
  await t.rejects(first, { code: 'timeout' })
})

t.test('a 401 after the key file changed is sent again with the new key, and no other 401 is', async (t) => {
  const server = await realServer(t, (request, response) => {
    const fresh = String(request.message.headers['signature-input']).includes('"gateway-2"')
    sendJson(response, fresh ? 200 : 401, {})
  })
  let current = key
  let reloads = 0
  const source = {
    current: () => current,
    reloadIfDue() {
      reloads++
      if (reloads === 2) current = someKey('gateway-2')
    }
  }
  const transport = createInternalTransport({ origin: server.origin, key: source })
  t.teardown(() => transport.close())
  t.equal((await transport.send(post)).status, 401)
  t.equal(server.arrived.length, 1)
  t.equal((await transport.send(post)).status, 200)
  t.equal(server.arrived.length, 3)
})

t.test('of requests refused together, one read of the key file serves them all', async (t) => {
  const refused = 5
  const waiting: (() => void)[] = []
  const server = await realServer(t, (request, response) => {
    if (String(request.message.headers['signature-input']).includes('"gateway-2"'))
      return sendJson(response, 200, {})
    waiting.push(() => sendJson(response, 401, {}))
    if (waiting.length === refused) for (const refuse of waiting) refuse()
  })
  let current = key
  const source = {
    current: () => current,
    // As a key file that is read at most once a second.
    reloadIfDue() {
      if (current === key) current = someKey('gateway-2')
    }
  }
  const transport = createInternalTransport({ origin: server.origin, key: source })
  t.teardown(() => transport.close())
  const replies = await Promise.all(Array.from({ length: refused }, () => transport.send(post)))
  t.same(
    replies.map(({ status }) => status),
    [200, 200, 200, 200, 200]
  )
})

t.test(
  'an address with a password, a path or another scheme is refused without being repeated',
  async (t) => {
    for (const origin of [
      'http://u:hunter2@h',
      'http://h/hunter2',
      'ftp://hunter2',
      'hunter2',
      'http://h?hunter2'
    ]) {
      const make = () => createInternalTransport({ origin, key: { current: () => key } })
      t.throws(make, { name: 'TypeError', message: /^The address/ })
      t.throws(make, { message: /^(?!.*hunter2)/ })
    }
  }
)

t.test('closing lets what is under way finish, and refuses what comes after', async (t) => {
  const server = await realServer(t, (_, response) => setImmediate(() => sendJson(response, 200, {})))
  const transport = createInternalTransport({ origin: server.origin, key: { current: () => key } })
  const last = transport.send(get)
  await Promise.all([transport.close(), last])
  t.equal((await last).status, 200)
  await t.rejects(transport.send(get), { code: 'connect_failed' })
})
