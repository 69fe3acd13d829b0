import t from 'tap'
import {
  type ApiOperation,
  nounOf,
  openApiDocument,
  problems,
  type Route,
  rateLimits,
  routes,
  securityOf,
  sessionContracts
} from '../src/index.js'

const open = [...routes, ...sessionContracts].filter(({ config }) => config.visibility === 'public')
const documentOf = (sessionCookie: string | null) =>
  openApiDocument(open, { title: 'T', version: '1', prefix: '/api', sessionCookie })
const document = documentOf('session')
const places = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation }))
)
const operations = places.map(({ operation }) => operation)
const operation = (name: string) => operations.find(({ operationId }) => operationId === name)
const nameOf = ({ config }: Route) => config.operationId

t.test('the API document holds every public operation once, under its noun', async (t) => {
  t.strictSame(operations.map(({ operationId }) => operationId).sort(), open.map(nameOf).sort())
  t.ok(places.every(({ path }) => path.startsWith('/api/') && !path.includes(':')))
  const names = document.tags.map(({ name }) => name)
  t.equal(new Set(names).size, names.length)
  for (const { operationId, tags } of operations) {
    t.equal(tags.length, 1, operationId)
    t.ok(names.includes(tags[0] ?? ''), operationId)
  }
  for (const route of open) t.not(nounOf(route), 'Other', nameOf(route))
})

t.test('bodies and replies are described as they are', async (t) => {
  const mediaTypes = (name: string) => {
    const reply = operation(name)?.responses['200']
    return reply && 'content' in reply ? Object.keys(reply.content) : []
  }
  t.strictSame(mediaTypes('exportActivityCsv'), ['text/csv'])
  t.strictSame(mediaTypes('listActivity'), ['application/json'])
  t.strictSame(mediaTypes('getApiDocs'), ['text/html'])
  t.equal(operation('createCompany')?.requestBody?.required, true)
  t.equal(operation('updateCompany')?.requestBody?.required, true, 'at least one member')
  t.equal(operation('renewRun')?.requestBody?.required, false, 'all members are optional')
})

/** Visits every object and list of a JSON value. */
function walk(value: unknown, visit: (node: Record<string, unknown>, at: string) => void, at = '#'): void {
  if (typeof value !== 'object' || value === null) return
  visit(value as Record<string, unknown>, at)
  for (const [name, member] of Object.entries(value)) walk(member, visit, `${at}/${name}`)
}

t.test(
  'the document is OpenAPI 3.1: what it refers to is there, and every place has what it must',
  async (t) => {
    const sent = JSON.parse(JSON.stringify(document)) as Record<string, unknown>
    t.strictSame(Object.keys(sent).sort(), ['components', 'info', 'openapi', 'paths', 'servers', 'tags'])
    walk(sent, (node, at) => {
      if (typeof node.$ref === 'string') {
        const found = node.$ref
          .slice(2)
          .split('/')
          .reduce<unknown>((parent, name) => (parent as Record<string, unknown> | undefined)?.[name], sent)
        t.ok(node.$ref.startsWith('#/') && found !== undefined, `${at} refers to what is there`)
      }
      if (Array.isArray(node.required) && node.properties !== undefined)
        for (const name of node.required)
          t.ok(Object.hasOwn(node.properties as object, name), `${at} requires ${name}, which it knows`)
      if (typeof node.pattern === 'string') t.doesNotThrow(() => new RegExp(node.pattern as string, 'u'), at)
    })
    const schemes = Object.keys((document.components as { securitySchemes: object }).securitySchemes)
    for (const { path, method, operation } of places) {
      const name = `${method} ${path}`
      t.match(method, /^(get|post|put|patch|delete)$/)
      const inPath = operation.parameters.filter((each) => each.in === 'path')
      t.strictSame(
        inPath.map((each) => each.name).sort(),
        [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort(),
        name
      )
      t.ok(
        inPath.every(({ required }) => required),
        name
      )
      t.equal(
        new Set(operation.parameters.map((each) => `${each.in} ${each.name}`)).size,
        operation.parameters.length
      )
      t.ok(
        Object.keys(operation.responses).some((status) => /^2\d\d$/.test(status)),
        `${name} can succeed`
      )
      for (const [status, reply] of Object.entries(operation.responses)) {
        t.match(status, /^[1-5](\d\d|XX)$/)
        if (!('$ref' in reply)) t.ok(reply.description)
      }
      for (const requirement of operation.security)
        for (const scheme of Object.keys(requirement)) t.ok(schemes.includes(scheme), `${name} by ${scheme}`)
      if (method === 'get' || method === 'delete')
        t.equal(operation.requestBody, undefined, `${name} takes no body`)
    }
  }
)

t.test('every operation names its problems, its limit and how to wait', async (t) => {
  for (const each of operations) {
    t.strictSame(
      [each.responses['4XX'], each.responses['5XX']],
      Array(2).fill({ $ref: '#/components/responses/Problem' })
    )
    t.ok(each['x-problems'].every((code) => Object.hasOwn(problems, code)))
    const limited = each['x-rate-limit'] !== undefined
    t.equal('429' in each.responses, limited, each.operationId)
    if (limited) t.ok(each['x-problems'].includes('rate_limited'), each.operationId)
  }
  t.strictSame(operation('createAgentKey')?.['x-rate-limit'], rateLimits.keyCreation)
  t.match(operation('createCliChallenge'), {
    'x-rate-limit': { max: 10, windowSeconds: 60, by: 'address' },
    responses: { 429: { $ref: '#/components/responses/RateLimited' } }
  })
  t.match(document.components, { responses: { RateLimited: { headers: { 'Retry-After': {} } } } })
})

t.test('an operation says how its callers may authenticate, in this mode', async (t) => {
  const local = documentOf(null)
  const ways = (id: string, of = document) =>
    Object.values(of.paths)
      .flatMap((methods): ApiOperation[] => Object.values(methods))
      .find(({ operationId }) => operationId === id)?.security
  const [none, session, bearer] = [{}, { session: [] }, { bearer: [] }]
  t.strictSame(ways('getHealth'), [none, session, bearer])
  t.strictSame(ways('createCompany'), [session, bearer])
  t.strictSame(ways('createCompany', local), [none, bearer])
  t.strictSame(ways('claimBoard'), [session])
  t.strictSame(ways('revokeCurrentBoardKey'), [bearer])
  t.strictSame(ways('resolveRunEnvironment'), [bearer])
  t.strictSame(
    securityOf({ actors: ['board'], credentials: ['session'] }, null),
    [],
    'nobody, where none sign in'
  )
  t.match(document.components, {
    securitySchemes: { session: { type: 'apiKey', in: 'cookie', name: 'session' } }
  })
  t.notOk('session' in (local.components as { securitySchemes: object }).securitySchemes)
  t.match(operation('claimBoard'), { 'x-credentials': ['session'] })
  t.match(operation('createCompany'), { 'x-instance-admin': true })
})
