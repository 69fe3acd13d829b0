import { readFileSync } from 'node:fs'
import t from 'tap'
import { fillPath, isProblemCode, problemOf, problems, type Route, rateLimits, routes } from '../src/index.js'

interface Schema {
  type?: string
  anyOf?: Schema[]
  properties?: Record<string, Schema>
  patternProperties?: Record<string, Schema>
  additionalProperties?: boolean
  required?: string[]
  items?: Schema
  enum?: unknown[]
  const?: unknown
  maxLength?: number
  maxItems?: number
  maxProperties?: number
  minimum?: number
  maximum?: number
}

/** Names every place of a request schema that lets in more than it should. */
function openPlaces(schema: Schema, path: string): string[] {
  if (schema.anyOf) return schema.anyOf.flatMap((branch, index) => openPlaces(branch, `${path}|${index}`))
  if (schema.enum !== undefined || schema.const !== undefined) return []
  switch (schema.type) {
    case 'object':
      return objectPlaces(schema, path)
    case 'array':
      return [
        ...(schema.maxItems === undefined ? [`${path}: array without maxItems`] : []),
        ...openPlaces(schema.items ?? {}, `${path}[]`)
      ]
    case 'string':
      return schema.maxLength === undefined ? [`${path}: string without maxLength`] : []
    case 'integer':
      return schema.minimum === undefined ? [`${path}: integer without minimum`] : []
    case 'number':
    case 'boolean':
    case 'null':
      return []
    default:
      return [`${path}: takes anything`]
  }
}

function objectPlaces(schema: Schema, path: string): string[] {
  const maps = Object.entries(schema.patternProperties ?? {})
  return [
    ...(schema.additionalProperties === false ? [] : [`${path}: object that is not closed`]),
    ...(maps.length > 0 && schema.maxProperties === undefined ? [`${path}: map without maxProperties`] : []),
    ...maps.flatMap(([pattern, member]) => [
      ...(/^\^\[\\s\\S\]\{0,\d+\}\$$/.test(pattern) ? [] : [`${path}: names of a map are not bounded`]),
      ...openPlaces(member, `${path}{}`)
    ]),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, member]) =>
      openPlaces(member, `${path}.${name}`)
    )
  ]
}

const nameOf = ({ config }: Route) => config.operationId

t.test('every request schema is closed and bounded', async (t) => {
  const found = routes.flatMap((route) =>
    (['params', 'querystring', 'body'] as const).flatMap((part) => {
      const schema = route.schema[part]
      return schema === undefined ? [] : openPlaces(schema as Schema, `${nameOf(route)} ${part}`)
    })
  )
  t.strictSame(found, [])
})

t.test('path parameters and schemas name the same', async (t) => {
  for (const route of routes) {
    const inPath = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name)
    const declared = Object.keys((route.schema.params as Schema | undefined)?.properties ?? {})
    t.strictSame(declared.sort(), inPath.sort(), nameOf(route))
  }
})

t.test('operations and paths are unique', async (t) => {
  for (const key of [
    nameOf,
    (route: Route) => `${route.config.visibility} ${route.method} ${route.path.replaceAll(/:\w+/g, ':')}`
  ]) {
    const keys = routes.map(key)
    t.strictSame(
      keys.filter((one, index) => keys.indexOf(one) !== index),
      []
    )
  }
})

t.test('every problem that a contract names is in the table', async (t) => {
  for (const route of routes)
    t.strictSame(
      route.config.problems.filter((code) => !isProblemCode(code)),
      [],
      nameOf(route)
    )
})

t.test('who may call is declared, and roles go with companies', async (t) => {
  for (const { config, path } of routes) {
    const { actors, role, scope, instanceAdmin } = config.auth
    t.ok(actors.length > 0, config.operationId)
    if (role !== undefined) t.match(path, /:companyId|:id/, `${config.operationId} has a company`)
    if (scope !== undefined) t.ok(actors.includes('service'), `${config.operationId} admits services`)
    if (role !== undefined || instanceAdmin)
      t.ok(actors.includes('board'), `${config.operationId} admits people`)
    const revealing = /reveal|resolve/i.test(config.operationId)
    if (revealing) t.notOk(actors.includes('board'), `${config.operationId} gives no value to a person`)
    if (revealing) t.ok(config.noStore && config.effect, `${config.operationId} is never cached or repeated`)
  }
})

t.test('whatever changes something is guarded against replay', async (t) => {
  for (const { method, config } of routes) if (method !== 'GET') t.ok(config.effect, config.operationId)
})

t.test('strangers may change things and try tokens only so often, by address', async (t) => {
  for (const { config, method, path } of routes) {
    const admitsStrangers = config.auth.actors.includes('anon')
    if (admitsStrangers && (method !== 'GET' || path.includes('/:')))
      t.ok(config.limit && rateLimits[config.limit].by === 'address', config.operationId)
    else if (config.limit && rateLimits[config.limit].by === 'actor')
      t.notOk(admitsStrangers, `${config.operationId} counts by actor and admits nobody without a name`)
  }
})

t.test('a problem document repeats its code everywhere', async (t) => {
  for (const [code, { status, title }] of Object.entries(problems)) {
    t.match(code, /^[a-z][a-z_]*[a-z]$/)
    t.ok(status >= 400 && status <= 599)
    t.match(title, /^[A-Z].*\.$/)
  }
  t.strictSame(problemOf('in_use', { requestId: 'r', detail: 'Two refer to it.' }), {
    type: 'urn:paperclip:problem:in_use',
    title: 'It is in use.',
    status: 409,
    detail: 'Two refer to it.',
    code: 'in_use',
    requestId: 'r',
    error: 'Two refer to it.'
  })
  t.equal(problemOf('not_found', { requestId: 'r' }).error, 'Not found.')
  for (const odd of ['toString', '__proto__', 'constructor', '', undefined, 5]) t.notOk(isProblemCode(odd))
})

t.test('the README lists every problem with its status, and no other', async (t) => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const listed = [...readme.matchAll(/^\| (\d{3}) +\| (.+?) +\|$/gm)].flatMap(([, status, codes]) =>
    [...(codes ?? '').matchAll(/`(\w+)`/g)].map(([, code]) => `${status} ${code}`)
  )
  const table = Object.entries(problems).map(([code, { status }]) => `${status} ${code}`)
  t.strictSame(listed.sort(), table.sort())
})

t.test('a path is filled with encoded parameters, all of them', async (t) => {
  t.equal(fillPath('/a/:id/b/:key', { id: '1', key: 'x/y z' }), '/a/1/b/x%2Fy%20z')
  for (const params of [undefined, {}, { id: '' }]) t.throws(() => fillPath('/a/:id', params), TypeError)
})
