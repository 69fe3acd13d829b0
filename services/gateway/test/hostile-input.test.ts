import { newId, type Route, routes, sessionContracts } from '@paperclip/contracts'
import fc from 'fast-check'
import t from 'tap'
import type { TSchema } from 'typebox'
import { problem } from './fixtures/fake-secrets.js'
import {
  addCompany,
  addMember,
  asSession,
  authenticatedInstallation,
  fromAnywhere,
  makeInstanceAdmin,
  signUp
} from './fixtures/people.js'
import type { Reply } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(180_000)

const installation = await authenticatedInstallation(t)
const { gateway, admin, secrets } = installation
secrets.answer = () => ({ status: 404, body: problem(404, 'secret_not_found') })
const ada = await signUp(gateway)
const companyId = await addCompany(admin)
await addMember(admin, companyId, ada.userId, 'owner')
await makeInstanceAdmin(admin, ada.userId)
const made = await gateway.call('POST', `/api/companies/${companyId}/agents`, {
  body: { name: 'Bot' },
  headers: asSession(gateway, ada)
})
const agentId: string = made.json.id

/** What texts are known to break: bytes no database takes, halves, signs of other grammars, and sheer length. */
const hostileText = fc.oneof(
  fc.constantFrom(
    '\0',
    'a\0b',
    '\u202egnp.exe',
    '\ufeff',
    '__proto__',
    'constructor',
    '%00',
    '%',
    '../..',
    "' or 1=1 --",
    '<script>',
    '{}',
    '\n',
    '\ud83d\ude00'.repeat(40),
    'x'.repeat(240),
    'İ',
    '9'.repeat(40),
    '-1',
    '1e400',
    'NaN'
  ),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 20 })
)

const hostileValue = fc.oneof(
  hostileText,
  fc.constantFrom(null, true, -1, 0, 1.5, 2 ** 53, 1e308, [], {}, [[]], { toString: 1 }),
  fc.jsonValue({ maxDepth: 3 })
)

interface Shape {
  type?: string
  enum?: unknown[]
  const?: unknown
  anyOf?: Shape[]
  properties?: Record<string, Shape>
  required?: string[]
  pattern?: string
  format?: string
  maxLength?: number
  minimum?: number
  maximum?: number
  items?: Shape
}

/** Values of a schema, mostly: with texts and numbers from the edges of what it takes, and sometimes of no schema. */
function oneOf(shape: Shape): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 12, arbitrary: fitting(shape) }, { weight: 1, arbitrary: hostileValue })
}

function fitting(shape: Shape): fc.Arbitrary<unknown> {
  if (shape.const !== undefined) return fc.constant(shape.const)
  if (shape.enum !== undefined) return fc.constantFrom(...shape.enum)
  if (shape.anyOf !== undefined) return fc.oneof(...shape.anyOf.map(fitting))
  if (shape.format === 'date-time')
    return fc.constantFrom(
      '9999-12-31T23:59:59-23:59',
      '9999-12-31T23:59:59.999999999Z',
      '2999-02-29T00:00:00Z',
      '0000-01-01T00:00:00Z',
      '2999-01-01T24:00:00Z'
    )
  if (shape.format === 'email') return fc.constantFrom('A@b.co', `${'a'.repeat(200)}@b.co`, 'a@-b.co')
  if (shape.pattern?.includes('{12}'))
    return fc.constantFrom(companyId, agentId, newId(), newId().toUpperCase())
  switch (shape.type) {
    case 'integer':
    case 'number':
      return fc.constantFrom(shape.minimum ?? 0, shape.maximum ?? 2 ** 31, 1)
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(shape.items ? oneOf(shape.items) : hostileValue, { maxLength: 3 })
    case 'object':
      return objectOf(shape)
    default:
      return hostileText.map((text) => text.slice(0, shape.maxLength ?? 1_000))
  }
}

function objectOf({ properties = {}, required = [] }: Shape): fc.Arbitrary<object> {
  const members = Object.entries(properties).map(([name, shape]) => [name, oneOf(shape)] as const)
  return fc.record(Object.fromEntries(members), { requiredKeys: required })
}

const encodeOddly = (text: string) => encodeURIComponent(text.toWellFormed()).replaceAll('%2F', '/')

function requestOf(route: Route): fc.Arbitrary<{ path: string; body: string | undefined }> {
  const { querystring, body } = route.schema as { querystring?: TSchema; body?: TSchema }
  const names = [...route.path.matchAll(/:(\w+)/g)].map(([, name = '']) => name)
  const param = (name: string) =>
    name === 'companyId'
      ? fc.oneof({ weight: 6, arbitrary: fc.constant(companyId) }, hostileText)
      : fc.oneof(fc.constantFrom(agentId, newId(), ada.userId), hostileText)
  return fc
    .record({
      params: fc.record(Object.fromEntries(names.map((name) => [name, param(name)]))),
      query: querystring
        ? objectOf(querystring as Shape)
        : fc.dictionary(fc.constantFrom('a', 'cursor', 'limit'), hostileText, { maxKeys: 1 }),
      body: body ? fc.option(oneOf(body as Shape), { nil: undefined }) : fc.constant(undefined)
    })
    .map(({ params, query, body }) => {
      const path = route.path.replaceAll(/:(\w+)/g, (_, name: string) =>
        encodeOddly((params as Record<string, string>)[name] ?? '')
      )
      const pairs = Object.entries(query).map(
        ([name, value]) => `${name}=${encodeOddly(typeof value === 'string' ? value : JSON.stringify(value))}`
      )
      return {
        path: `/api${path}${pairs.length === 0 ? '' : `?${pairs.join('&')}`}`,
        body: body === undefined ? undefined : JSON.stringify(body)
      }
    })
}

/** Ending the caller's own session or account would make everything after it a 401. */
const endsTheCaller = new Set([
  'signOut',
  'revokeSessions',
  'changePassword',
  'deleteUser',
  'endUserSessions',
  'demoteUser',
  'deleteCompany'
])
const walked = [...routes, ...sessionContracts].filter(
  ({ config }) => config.visibility === 'public' && !endsTheCaller.has(config.operationId)
)
/** Enough to meet each text somewhere; hundreds a route found no more. */
const runsPerRoute = 6
/** As much of a reply as tells what happened. */
const detailCharsMax = 300

t.test('whatever comes in path, query and body of a route, it is never a failure of ours', async (t) => {
  t.ok(walked.length > 50, `${walked.length} routes`)
  const statuses = new Map<number, number>()
  for (const route of walked) {
    await fc
      .assert(
        fc.asyncProperty(requestOf(route), async ({ path, body }) => {
          const reply: Reply = await gateway.call(route.method, path, {
            ...(body === undefined ? {} : { body }),
            headers: { ...asSession(gateway, ada), ...fromAnywhere() }
          })
          statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1)
          if (reply.status >= 500 && reply.status !== 501)
            throw new Error(`${reply.status} ${reply.text.slice(0, detailCharsMax)}`)
          if (reply.status === 401 && route.config.operationId !== 'signIn')
            throw new Error(`${route.config.operationId}: ${reply.text}`)
        }),
        { numRuns: runsPerRoute }
      )
      .catch((error: unknown) => t.fail(`${route.config.operationId}: ${String(error)}`))
  }
  for (const status of [200, 201, 400, 404]) t.ok(statuses.has(status), `some were ${status}`)
})

t.test('an address that is none is refused, and never becomes part of one', async (t) => {
  const asStranger = (headers: Record<string, string>) =>
    gateway.call('POST', '/api/cli-auth/challenges', {
      body: { command: 'x' },
      headers: { ...fromAnywhere(), ...headers }
    })
  for (const host of [
    '127.0.0.1:99999',
    'localhost:',
    '127.0.0.1:1:2',
    '[::1',
    '[::g]',
    'a@127.0.0.1',
    '127.1'
  ])
    t.match(await asStranger({ host }), { status: 403, json: { code: 'host_not_allowed' } }, host)
  for (const scheme of ['javascript', 'a b', '://', 'https\thttp', '%0d%0a']) {
    const { status, text } = await asStranger({ 'x-forwarded-proto': scheme })
    t.equal(status, 201, scheme)
    t.match(text, /"approvalUrl":"http:\/\/127\.0\.0\.1:\d+\/cli-auth\//)
  }
})

t.test('a path that is no text is answered like any other mistake, and not repeated', async (t) => {
  for (const path of ['/%zz/marker', '/api/companies/%ff', '/api/invites/%'])
    for (const method of ['GET', 'POST']) {
      const reply = await gateway.call(method, path)
      t.match(reply, { status: 400, json: { code: 'invalid_request', detail: 'The path is not valid.' } })
      t.match(reply.headers['content-type'], /^application\/problem\+json/)
      t.notMatch(reply.text, /marker|%/)
    }
})
