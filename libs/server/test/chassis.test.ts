import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { limits } from '@paperclip/contracts'
import { pino } from 'pino'
import t from 'tap'
import { Type } from 'typebox'
import { AppError, addProbes, createServer, type Server } from '../src/index.js'

const canary = 'canary-a7c3-value'
const anon = { auth: { actors: ['anon'] } } as const
const lines: string[] = []

async function chassis(add: (app: Server) => void): Promise<Server> {
  const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
  const classify = (error: Error) =>
    error.name === 'LostError' ? new AppError('database_unavailable') : undefined
  const app = await createServer({ logger, headerBytesMax: 16_384, trustProxy: false, classify })
  t.teardown(() => app.close())
  add(app)
  await app.listen({ host: '127.0.0.1', port: 0 })
  return app
}

let handled = 0
const Body = Type.Object(
  {
    name: Type.Optional(Type.String({ maxLength: 40 })),
    count: Type.Optional(Type.Integer({ minimum: 0, maximum: 9 })),
    flag: Type.Optional(Type.Boolean())
  },
  { additionalProperties: false }
)
const app = await chassis((server) => {
  addProbes(server, async () => {
    throw new Error(canary)
  })
  server.post('/echo', { config: anon, schema: { body: Body } }, async ({ body }) => {
    handled++
    return body
  })
  server.post('/any', { config: anon, schema: { body: Type.Unknown() } }, async () => ({ ok: true }))
  server.post('/none', { config: anon }, async () => ({ ok: true }))
  server.get(
    '/query/:id',
    {
      config: anon,
      schema: {
        params: Type.Object({ id: Type.Integer() }, { additionalProperties: false }),
        querystring: Type.Object(
          {
            limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500 })),
            force: Type.Optional(Type.Boolean())
          },
          { additionalProperties: false }
        )
      }
    },
    async ({ params, query }) => ({ params, query })
  )
  server.get('/fault/:kind', { config: anon }, async ({ params }) => {
    const { kind } = params as { kind: string }
    if (kind === 'lost') throw Object.assign(new Error(canary), { name: 'LostError' })
    if (kind === 'problem')
      throw new AppError('overloaded', { detail: 'Wait.', retryAfterSeconds: 7, cause: new Error(canary) })
    if (kind === 'status') throw Object.assign(new Error(canary), { statusCode: 418 })
    throw new Error(canary)
  })
})
const { port } = app.server.address() as AddressInfo
const origin = `http://127.0.0.1:${port}`

interface Reply {
  status: number
  headers: Headers
  text: string
  body: ReturnType<typeof JSON.parse>
}

async function ask(path: string, init: RequestInit = {}): Promise<Reply> {
  const reply = await fetch(origin + path, init)
  const text = await reply.text()
  return { status: reply.status, headers: reply.headers, text, body: text === '' ? null : JSON.parse(text) }
}

function post(
  body: string | Uint8Array | null,
  contentType: string | null = 'application/json',
  path = '/echo'
) {
  const headers: Record<string, string> = contentType === null ? {} : { 'content-type': contentType }
  return ask(path, { method: 'POST', headers, body: typeof body === 'string' ? Buffer.from(body) : body })
}

t.test('a route that does not say who may call it stops the boot', async (t) => {
  await t.rejects(
    chassis((server) => void server.get('/open', async () => ({}))),
    /route GET \/open does not declare who may call it/
  )
})

t.test('only well-formed UTF-8 JSON of the one media type reaches a handler', async (t) => {
  t.same((await post('{"name":"😀","count":1}')).body, { name: '😀', count: 1 })
  t.same((await post('{"name":"\\ud83d\\ude00"}')).body, { name: '😀' })
  t.equal((await post('{}', 'application/json; charset=utf-8')).status, 200)
  t.equal((await post('{}', 'APPLICATION/JSON;charset="UTF-8"')).status, 200)
  const before = handled
  const bad: [string, string | Uint8Array][] = [
    ['half a pair', '{"name":"\\ud83d"}'],
    ['half a pair in a name', '{"\\udc00":1}'],
    ['invalid UTF-8', Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d])],
    ['overlong UTF-8', Buffer.from([0x22, 0xc0, 0xaf, 0x22])],
    ['UTF-16', Buffer.from('{}', 'utf16le')],
    ['__proto__', '{"__proto__":{"x":1}}'],
    ['escaped __proto__', '{"\\u005f_proto__":{"x":1}}'],
    ['constructor.prototype', '{"constructor":{"prototype":{"x":1}}}'],
    ['null constructor', '{"constructor":null}'],
    ['cut', '{"name":'],
    ['a comment', '{/**/}'],
    ['two values', '{}{}'],
    ['an array', '[]'],
    ['null', 'null'],
    ['deep', `${'['.repeat(60_000)}"\\ud800"${']'.repeat(60_000)}`],
    ['deep, and nothing else', `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`],
    ['half a pair in a list', '{"name":["\\ud83d"]}'],
    ['half a pair and no more', '"\\ud83d"']
  ]
  for (const [what, body] of bad) {
    const reply = await post(body)
    t.match(reply, { status: 400, body: { code: 'invalid_request' } }, what)
    t.match(reply.headers.get('content-type'), /^application\/problem\+json/)
  }
  for (const type of [
    'text/plain',
    'application/json; charset=utf-16',
    'application/json;charset=latin1',
    'application/jsonx',
    'application/json, text/plain',
    'application/json; x=y',
    'multipart/form-data',
    'json',
    'application/json;',
    '\tapplication/xml'
  ])
    t.match(await post('{}', type), { status: 415, body: { code: 'unsupported_media_type' } }, type)
  t.equal(handled, before, 'no handler ran')
  t.match(await post(`{"name":"${'x'.repeat(limits.bodyBytesMax)}"}`), {
    status: 413,
    body: { code: 'payload_too_large' }
  })
})

t.test('a body nests at most 32 levels deep', async (t) => {
  const nested = (levels: number, leaf: string) =>
    post(`${'{"a":['.repeat(levels / 2)}${leaf}${']}'.repeat(levels / 2)}`, 'application/json', '/any')
  for (const leaf of ['1', '"\\u00e9"', '"\\ud83d\\ude00"', 'null'])
    t.equal((await nested(32, leaf)).status, 200, leaf)
  for (const leaf of ['[]', '{}', '"\\ud83d",[]'])
    t.match(await nested(32, leaf), { status: 400, body: { code: 'invalid_request' } }, leaf)
  t.match((await nested(34, '1')).body.detail, 'The body nests deeper than 32 levels.')
})

t.test('an empty body stands for no members, and a route without a body takes none', async (t) => {
  t.same((await post(null, null)).body, {})
  t.same((await post('', 'application/json')).body, {})
  t.equal((await post(null, null, '/none')).status, 200)
  t.equal((await post('{}', 'application/json', '/none')).status, 200)
  for (const body of ['{"a":1}', '[1]', '5'])
    t.equal((await post(body, 'application/json', '/none')).status, 400)
  t.match(await post('{"a":1}', 'application/json', '/nowhere'), { status: 404, body: { code: 'not_found' } })
})

t.test('bodies are taken as they are, queries and paths are converted, nothing is dropped', async (t) => {
  const cases: [string, string][] = [
    ['{"count":"1"}', '/count'],
    ['{"flag":"true"}', '/flag'],
    ['{"flag":1}', '/flag'],
    ['{"name":5}', '/name'],
    ['{"count":1.5}', '/count'],
    ['{"count":10}', '/count'],
    [`{"unknown":"${canary}"}`, '/unknown'],
    [`{"${canary}":1}`, '']
  ]
  for (const [body, pointer] of cases) {
    const reply = await post(body)
    t.match(reply, { status: 400, body: { errors: [{ pointer }] } }, body.slice(0, 20))
    t.notMatch(reply.text, canary)
  }
  t.same((await ask('/query/7?limit=5&force=true')).body, {
    params: { id: 7 },
    query: { limit: 5, force: true }
  })
  t.equal((await ask('/query/x')).status, 404)
  for (const query of ['limit=0', 'limit=501', 'limit=abc', 'limit=', 'limit=1&limit=2'])
    t.match(await ask(`/query/7?${query}`), { status: 400, body: { errors: [{ pointer: '?limit' }] } }, query)
  t.match(await ask(`/query/7?other=${canary}`), { status: 400, body: { errors: [{ pointer: '?other' }] } })
})

t.test('every failure is a problem document that tells nothing of its cause', async (t) => {
  const unknown = await ask('/fault/any')
  const { requestId } = unknown.body
  t.strictSame(unknown.body, {
    type: 'urn:paperclip:problem:internal_error',
    title: 'Something failed on our side.',
    status: 500,
    detail: 'Something failed on our side.',
    code: 'internal_error',
    requestId,
    error: 'Something failed on our side.'
  })
  t.match(requestId, /^[0-9a-f-]{36}$/)
  t.equal(unknown.headers.get('cache-control'), 'no-store')
  t.match(await ask('/fault/lost'), { status: 503, body: { code: 'database_unavailable' } })
  const slow = await ask('/fault/problem')
  t.match(slow, { status: 503, body: { code: 'overloaded', detail: 'Wait.' } })
  t.equal(slow.headers.get('retry-after'), '7')
  t.match(await ask('/fault/status'), { status: 400, body: { code: 'invalid_request' } })
  t.match(await ask('/readyz'), { status: 503, body: { code: 'database_unavailable' } })
  t.match(await ask('/livez'), { status: 200, body: { status: 'ok' } })
  t.equal((await ask('/livez', { method: 'HEAD' }).catch(() => ({ status: 404 }))).status, 404)
  t.ok(
    lines.some((line) => line.includes(requestId) && line.includes('"name":"Error"')),
    'the log has the cause'
  )
  t.notMatch(lines.join(''), canary, 'but not its message')
})

t.test('what is not HTTP, or too large a head, is answered once and closed', async (t) => {
  const talk = (text: string) =>
    new Promise<string>((resolve, reject) => {
      let answer = ''
      const socket = connect(port, '127.0.0.1', () => socket.write(text))
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        answer += chunk
      })
      socket.on('close', () => resolve(answer)).on('error', reject)
    })
  const broken = await talk(`${canary}\r\n\r\n`)
  t.match(broken, /^HTTP\/1\.1 400 Bad Request\r\n/)
  t.match(broken, '"code":"invalid_request"')
  t.notMatch(broken, canary)
  const large = await talk(`GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`)
  t.match(large, /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/)
  t.match(JSON.parse(large.split('\r\n\r\n')[1] ?? ''), { status: 431, code: 'headers_too_large' })
})

t.test('a request is one line in the log, without its query, headers or body', async (t) => {
  lines.length = 0
  await ask(`/query/7?limit=1&other=${canary}`, {
    headers: { authorization: `Bearer ${canary}`, cookie: canary }
  })
  await post(`{"name":"${canary}"}`)
  const written = lines.map((line) => JSON.parse(line))
  t.match(written, [
    { method: 'GET', route: '/query/:id', status: 400 },
    { method: 'POST', route: '/echo', status: 200 }
  ])
  t.equal(written.length, 2)
  t.notMatch(lines.join(''), canary)
})
