import t from 'tap'
import { createInternalTransport, serviceActor } from '../src/index.js'
import { someKey } from './fixtures/keys.js'
import { realServer, tcpServer } from './fixtures/real-server.js'

const key = someKey('gateway-1')
const actor = serviceActor({ caller: 'gateway', keyId: key.id, requestId: 'r-1' })
const post = { method: 'POST', path: '/internal/x', body: '{}', actor, deadlineMs: 5_000 }

function open(tt: { teardown(act: () => Promise<void>): void }, origin: string, more: object = {}) {
  const transport = createInternalTransport({ origin, key: { current: () => key }, ...more })
  tt.teardown(() => transport.close())
  return transport
}

/** Notes what came; says that the rest may be late once all of `first` has. */
function noting(first: string, laterMs = 5_000) {
  const seen = { text: '', laterMs, take: (_: Buffer): boolean => false }
  seen.take = (piece) => {
    seen.text += piece.toString()
    return seen.text.length >= first.length
  }
  return seen
}

t.test('a reply without a length is handed over as it comes, and its end is told', async (t) => {
  let goOn = () => {}
  const server = await realServer(t, (_, response) => {
    response.writeHead(200)
    response.write('one')
    goOn = () => response.end('two')
  })
  const parts = noting('one')
  const taken = new Promise<void>((resolve) => {
    const { take } = parts
    parts.take = (piece) => {
      const later = take(piece)
      resolve()
      return later
    }
  })
  const whole = open(t, server.origin).send({ ...post, parts })
  await taken
  t.equal(parts.text, 'one', 'while the rest is not written yet')
  goOn()
  t.match(await whole, { status: 200, body: Buffer.alloc(0) })
  t.equal(parts.text, 'onetwo')
})

t.test('a reply with a length, or of another status, is read whole', async (t) => {
  const server = await realServer(t, (request, response) => {
    if (request.url.endsWith('/x')) response.writeHead(200, { 'content-length': 5 }).end('whole')
    else response.writeHead(503).end('chunked')
  })
  const parts = noting('')
  const transport = open(t, server.origin)
  t.equal((await transport.send({ ...post, parts })).body.toString(), 'whole')
  t.equal((await transport.send({ ...post, path: '/internal/y', parts })).body.toString(), 'chunked')
  t.equal(parts.text, '')
})

t.test('the deadline holds until the first part is complete, and the later one from then', async (t) => {
  const server = await realServer(t, (_, response) => {
    response.writeHead(200)
    response.write('first')
  })
  const transport = open(t, server.origin)
  const never = { ...noting('x'), take: () => false }
  await t.rejects(transport.send({ ...post, deadlineMs: 100, parts: never }), { code: 'timeout' })
  await t.rejects(transport.send({ ...post, parts: noting('first', 50) }), { code: 'timeout' })
  t.equal(transport.inFlight(), 0)
})

t.test('what a taker throws ends the exchange, and its connection is not used again', async (t) => {
  const server = await realServer(t, (_, response) => {
    response.writeHead(200)
    response.write('x')
  })
  const transport = open(t, server.origin, { connectionsMax: 1 })
  const take = () => {
    throw new RangeError('the-plain-value')
  }
  for (let attempt = 0; attempt < 3; attempt++)
    await t.rejects(transport.send({ ...post, parts: { take, laterMs: 1_000 } }), {
      code: 'bad_reply',
      reason: 'parts',
      message: /^(?!.*plain)/
    })
  t.equal(server.sockets(), 3)
})

t.test('a stream that breaks off, or is too long, is told, whatever was taken before', async (t) => {
  const cut = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n'
  const server = await tcpServer(t, (socket) => socket.once('data', () => socket.end(cut)))
  const parts = noting('first')
  await t.rejects(open(t, server.origin).send({ ...post, parts }), { code: 'reset' })
  t.equal(parts.text, 'first')
  const long = await realServer(t, (_, response) => {
    response.writeHead(200)
    response.write('x'.repeat(600))
    response.end('x'.repeat(600))
  })
  const limited = open(t, long.origin, { replyBytesMax: 1_000 })
  await t.rejects(limited.send({ ...post, parts: noting('') }), { code: 'too_large' })
})
