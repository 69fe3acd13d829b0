import { type CompanyRole, type Route, roleReaches, routes, sessionContracts } from '@paperclip/contracts'
import { testDatabase } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import { reader, runner, shippedMigrations, startInstallation } from './support/e2e-installation.js'
import { type Caller, newCallers, type Person, signUp, type Where } from './support/matrix-callers.js'
import {
  type Answer,
  type Maker,
  make,
  newPlace,
  nowhere,
  type Place,
  type Send
} from './support/matrix-places.js'
import { type Policy, policies } from './support/matrix-policy.js'

/*
 * Every public route of both services, called by every kind of caller on an own, a foreign and an absent company or
 * row, over real processes: two gateways and two secrets processes. Who is let in is said in matrix-policy.ts, a second
 * time and by hand; a route without an entry there fails the file.
 */
t.setTimeout(280_000)

const database = await testDatabase(t, { migrations: shippedMigrations })
const installation = await startInstallation(t, {
  gateways: 2,
  secrets: 2,
  databaseUrls: { gateway: database.url('gateway'), secrets: database.url('secrets') },
  gatewayEnv: {
    PAPERCLIP_DEPLOYMENT_MODE: 'authenticated',
    HOST: '127.0.0.1',
    // Each request comes from an address of its own, so that no limit by address is met.
    TRUST_PROXY: 'loopback',
    PAPERCLIP_ENABLE_COMPANY_DELETION: 'true'
  }
})
const client = new pg.Client({ connectionString: database.adminUrl })
await client.connect()
t.teardown(() => client.end())

let sent = 0
const send: Send = async (method, path, { headers = {}, body } = {}) => {
  const { origin } = installation.gateways[sent++ % installation.gateways.length] ?? { origin: '' }
  const response = await fetch(`${origin}${path}`, {
    method,
    headers: {
      'x-forwarded-for': `10.${(sent >> 16) & 255}.${(sent >> 8) & 255}.${sent & 255}`,
      ...(headers.authorization === undefined ? { origin } : {}),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  const text = await response.text()
  const isJson = /json/.test(response.headers.get('content-type') ?? '')
  return { status: response.status, text, headers: response.headers, body: isJson ? JSON.parse(text) : {} }
}

async function newPerson(name: string): Promise<Person> {
  return await signUp(send, name)
}

const chief = await newPerson('chief')
const people = {
  viewer: await newPerson('viewer'),
  operator: await newPerson('operator'),
  admin: await newPerson('admin'),
  owner: await newPerson('owner'),
  stranger: await newPerson('stranger'),
  neighbour: await newPerson('neighbour')
}
await client.query(`insert into gateway.instance_user_roles (user_id, role) values ($1, 'instance_admin')`, [
  chief.userId
])
const maker: Maker = { send, admin: chief.headers, database: client }
const own = await newPlace(maker, 'Own')
const foreign = await newPlace(maker, 'Foreign')
for (const role of ['viewer', 'operator', 'admin', 'owner'] as const) await addMember(own, people[role], role)
await addMember(foreign, people.neighbour, 'owner')
const callers = await newCallers(maker, { people, chief, own, foreign })

async function addMember({ companyId }: Place, { userId }: Person, role: CompanyRole): Promise<void> {
  await client.query(
    `insert into gateway.company_memberships (company_id, principal_type, principal_id, role)
     values ($1, 'user', $2, $3)`,
    [companyId, userId, role]
  )
}

/** A place of the matrix: in whose company, and whether the rows below it are there. */
interface Cell {
  readonly name: string
  readonly place: Place
  readonly company: Where | 'absent'
  readonly rows: 'there' | 'not there'
}

const whole: readonly Cell[] = [
  { name: 'own', place: own, company: 'own', rows: 'there' },
  { name: 'foreign', place: foreign, company: 'foreign', rows: 'there' },
  { name: 'absent', place: nowhere(), company: 'absent', rows: 'not there' }
]
/** Rows under the path of a company that is not theirs. */
const crossed: readonly Cell[] = [
  {
    name: 'own company, foreign row',
    place: { ...foreign, companyId: own.companyId },
    company: 'own',
    rows: 'not there'
  },
  { name: 'own company, absent row', place: nowhere(own.companyId), company: 'own', rows: 'not there' }
]

function cellsOf({ path }: Route): readonly Cell[] {
  const isOfCompany = path.includes(':companyId')
  if (isOfCompany) return /:companyId.*:/.test(path) ? [...whole, ...crossed] : whole
  return /^\/(agents|secrets)\/:id/.test(path) ? whole : whole.slice(0, 1)
}

/** What must come of a call: `success`, or a status with its code. */
function expected(route: Route, policy: Policy, caller: Caller, { company, rows }: Cell): string {
  if (caller.refusal !== undefined) return `401 ${caller.refusal}`
  if (caller.kind === 'stranger')
    return policy.people.startsWith('stranger') ? 'success' : '401 unauthenticated'
  if (caller.kind === 'agent_key' || caller.kind === 'run') {
    if (!policy.agents?.includes(caller.kind)) return '403 forbidden'
    if (route.path.includes(':companyId') && caller.home !== company) return '403 company_forbidden'
    return policy.expects?.(caller, rows) ?? (rows === 'there' ? 'success' : '404 not_found')
  }
  return expectedOfPerson(route, policy.people, caller, { company, rows })
}

function expectedOfPerson(
  { path }: Route,
  needs: Policy['people'],
  caller: Caller,
  { company, rows }: Pick<Cell, 'company' | 'rows'>
): string {
  if (needs === 'nobody') return '403 forbidden'
  if ((needs === 'session' || needs === 'board_key') && caller.kind !== needs) return '403 forbidden'
  if (needs === 'stranger_or_session' && caller.kind !== 'session') return '403 forbidden'
  if (needs === 'instance_admin' && !caller.isInstanceAdmin) return '403 forbidden'
  const role = caller.isInstanceAdmin ? 'owner' : company === 'absent' ? undefined : caller.roles[company]
  const isOfCompany = path.includes(':companyId')
  const least = isRole(needs) ? needs : 'viewer'
  if (isOfCompany || isRole(needs)) {
    if (role === undefined) return isOfCompany ? '403 company_forbidden' : '404 not_found'
    if (isOfCompany && company === 'absent') return '404 not_found'
    if (!isOfCompany && rows === 'not there') return '404 not_found'
    if (!roleReaches(role, least)) return '403 read_only_role'
    if (rows === 'not there') return '404 not_found'
  }
  return 'success'
}

function isRole(needs: Policy['people']): needs is CompanyRole {
  return needs === 'viewer' || needs === 'operator' || needs === 'admin' || needs === 'owner'
}

function seen({ status, body }: Answer, { passes }: Policy): string {
  if (status < 300 || passes?.includes(status)) return 'success'
  // Which row was not found is the noun's to say.
  return status === 404 ? '404 not_found' : `${status} ${body?.code}`
}

/** Everything of an answer that a caller could compare, but for the id of the request. */
function comparable({ status, text, headers }: Answer): string {
  const plain = text.replace(/"requestId":"[^"]*"/, '')
  const names = [...headers.keys()].filter((name) => name !== 'date').join()
  return `${status} ${names} ${plain}`
}

async function call(route: Route, policy: Policy, caller: Caller, { place }: Cell): Promise<Answer> {
  const { params = {}, query = '', body } = (await policy.call?.(place, caller, maker)) ?? {}
  const path = route.path.replaceAll(/:(\w+)/g, (_, name: string) => params[name] ?? 'missing')
  return await send(route.method, `/api${path}${query}`, {
    headers: caller.headers,
    ...(body === undefined ? {} : { body })
  })
}

const publicRoutes = [...routes, ...sessionContracts].filter(({ config }) => config.visibility === 'public')
let cells = 0

t.test('every public route of both services has its entry in the matrix, and nothing else has', async (t) => {
  t.strictSame(Object.keys(policies).sort(), publicRoutes.map(({ config }) => config.operationId).sort())
})

for (const route of publicRoutes) {
  const { operationId } = route.config
  t.test(`${operationId} lets in whom it should and nobody else`, async (t) => {
    const policy = policies[operationId]
    if (policy === undefined) throw new TypeError('no entry')
    for (const caller of callers) {
      // What one caller may do in a while is not what is asked here.
      await client.query('delete from gateway.rate_limits')
      const answers = new Map<string, Answer>()
      for (const cell of cellsOf(route)) {
        const answer = await call(route, policy, caller, cell)
        answers.set(cell.name, answer)
        cells++
        t.equal(seen(answer, policy), expected(route, policy, caller, cell), `${caller.name} on ${cell.name}`)
        if (policy.consumes && answer.status < 300) await caller.renew?.()
      }
      const [foreignAnswer, absentAnswer] = [answers.get('foreign'), answers.get('absent')]
      if (foreignAnswer && absentAnswer && !caller.isInstanceAdmin && !mayEnterForeign(caller))
        t.equal(comparable(foreignAnswer), comparable(absentAnswer), `${caller.name}: foreign is as absent`)
    }
  })
}

function mayEnterForeign({ roles, home }: Caller): boolean {
  return roles.foreign !== undefined || home === 'foreign'
}

t.test('no public route of the secrets service answers without a signature', async (t) => {
  for (const { origin } of installation.secrets)
    for (const route of routes.filter(({ config }) => config.owner === 'secrets')) {
      const path = route.path.replaceAll(/:(\w+)/g, own.companyId)
      const response = await fetch(`${origin}/internal${path}`, { method: route.method })
      cells++
      t.equal(response.status, 401, route.config.operationId)
      await response.arrayBuffer()
    }
})

t.test('a service key does what its scope names and nothing else', async (t) => {
  for (const { origin } of installation.secrets)
    for (const [service, scope] of [
      [runner, 'resolve'],
      [reader, 'audit:read']
    ] as const) {
      const asService = installation.serviceClient(origin, service)
      for (const route of routes.filter(({ config }) => config.owner === 'secrets')) {
        const { actors, scope: needed } = route.config.auth
        const mayCall = actors.includes('service') && (needed === undefined || needed === scope)
        const params = {
          companyId: own.companyId,
          agentId: own.agentId,
          projectId: own.projectId,
          id: own.secretId,
          masterKeyId: 'mk_0000000000000000',
          version: '1',
          key: 'matrix'
        }
        const body =
          route.schema.body === undefined ? {} : { body: { targetType: 'agent', targetId: own.agentId } }
        const outcome = await asService.call(route, { params, ...body } as never).then(
          () => 'success',
          (error: { status?: number }) => String(error.status)
        )
        cells++
        if (mayCall) t.equal(outcome, 'success', `${route.config.operationId} with ${scope}`)
        else t.equal(outcome, '403', `${route.config.operationId} with ${scope}`)
      }
    }
})

t.test('the matrix is whole', async (t) => {
  const { rows } = await client.query(
    'select count(*)::int as n from gateway.companies where id = any($1::uuid[])',
    [[own.companyId, foreign.companyId]]
  )
  t.equal(rows[0].n, 2, 'nobody took a company away meanwhile')
  t.ok(cells > 3_000, `${cells} cells checked`)
  await make(maker, 'GET', '/api/me')
})
