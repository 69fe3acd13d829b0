import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { testDatabase } from '@paperclip/testing'
import t from 'tap'
import { newOperator } from './support/e2e-cli.js'
import { shippedMigrations, startInstallation } from './support/e2e-installation.js'

/*
 * A fresh installation that strangers can reach, from the claim in its log to revocations, over two gateways and two
 * secrets processes. Every step goes to the next gateway in turn; every refusal is asked of both.
 */
t.setTimeout(110_000)

const database = await testDatabase(t, { migrations: shippedMigrations })
const installation = await startInstallation(t, {
  gateways: 2,
  secrets: 2,
  databaseUrls: { gateway: database.url('gateway'), secrets: database.url('secrets') },
  gatewayEnv: { PAPERCLIP_DEPLOYMENT_MODE: 'authenticated', HOST: '127.0.0.1' }
})
const origins = installation.gateways.map(({ origin }) => origin)

interface Reply {
  status: number
  headers: Headers
  // The shape is the test's to assert; unknown would make each line a cast.
  body: ReturnType<typeof JSON.parse>
}
type Credential = { cookie: string } | { authorization: string } | Record<string, never>

let turn = 0
async function call(
  method: string,
  path: string,
  {
    as = {},
    body,
    origin = origins[turn++ % origins.length] ?? ''
  }: { as?: Credential; body?: unknown; origin?: string } = {}
): Promise<Reply> {
  const response = await fetch(`${origin}/api${path}`, {
    method,
    headers: {
      ...as,
      ...('authorization' in as ? {} : { origin }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' })
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}

/** Asks every gateway, and gives `status code` once when they agree. */
async function everywhere(method: string, path: string, as: Credential, body?: unknown): Promise<string[]> {
  const replies = await Promise.all(
    origins.map((origin) => call(method, path, { as, origin, ...(body === undefined ? {} : { body }) }))
  )
  return [...new Set(replies.map((reply) => `${reply.status} ${reply.body.code ?? ''}`.trim()))]
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const cookieOf = ({ headers }: Reply) => ({
  cookie: headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
})
const person = (name: string) => ({
  name,
  email: `${name.toLowerCase()}@example.com`,
  password: `the password of ${name}`
})

t.test('a stranger sees that the instance waits for its first admin, and nothing else', async (t) => {
  const { body } = await call('GET', '/health')
  t.same(body, {
    status: 'ok',
    deploymentMode: 'authenticated',
    deploymentExposure: 'private',
    bootstrapStatus: 'bootstrap_pending'
  })
  t.same(await everywhere('GET', '/companies', {}), ['401 unauthenticated'])
})

const links = [...installation.output().matchAll(/http:\/\/[^\s"]+\/board-claim\/([\w-]+)\?code=([\w-]+)/g)]
const [, claimToken = '', code = ''] = links[0] ?? []
let chief: Credential = {}
let companyId = ''

t.test('who has the link of the log signs up, claims the instance, and is its admin', async (t) => {
  t.equal(links.length, 2, 'each gateway has printed one')
  const signedUp = await call('POST', '/auth/sign-up/email', { body: person('Chief') })
  t.equal(signedUp.status, 200)
  chief = cookieOf(signedUp)
  t.match((await call('GET', '/me', { as: chief })).body, { isInstanceAdmin: false, memberships: [] })
  t.equal((await call('GET', `/board-claim/${claimToken}?code=wrong`)).status, 404)
  t.match((await call('GET', `/board-claim/${claimToken}?code=${code}`)).body, { status: 'available' })
  const claimed = await call('POST', `/board-claim/${claimToken}/claim`, { as: chief, body: { code } })
  t.match(claimed, { status: 200, body: { claimed: true } })
  if (claimed.headers.getSetCookie().length > 0) chief = cookieOf(claimed)
  t.match((await call('GET', '/me', { as: chief })).body, { isInstanceAdmin: true })
  const closed = await call('POST', '/auth/sign-up/email', { body: person('Late') })
  t.match(closed, { status: 403, body: { code: 'invite_required' } })
  const made = await call('POST', '/companies', { as: chief, body: { name: 'Acme' } })
  companyId = made.body.id
  t.equal(made.status, 201)
})

let viewer: Credential = {}
t.test('a second person comes by invite as a viewer, reads, and writes nothing', async (t) => {
  const invite = await call('POST', `/companies/${companyId}/invites`, {
    as: chief,
    body: { role: 'viewer' }
  })
  t.equal(invite.status, 201)
  const { token } = invite.body
  const signedUp = await call('POST', '/auth/sign-up/email', {
    body: { ...person('Vera'), inviteToken: token }
  })
  t.equal(signedUp.status, 200)
  viewer = cookieOf(signedUp)
  t.same(await everywhere('GET', `/companies/${companyId}/secrets`, viewer), ['403 company_forbidden'])
  const accepted = await call('POST', `/invites/${token}/accept`, { as: viewer })
  t.match(accepted, { status: 200, body: { companyId, role: 'viewer' } })
  t.same(await everywhere('GET', `/companies/${companyId}/secrets`, viewer), ['200'])
  const secret = { name: 'Key', value: 'value' }
  t.same(await everywhere('POST', `/companies/${companyId}/secrets`, viewer, secret), ['403 read_only_role'])
  t.same(await everywhere('POST', `/companies/${companyId}/agents`, viewer, { name: 'a' }), [
    '403 read_only_role'
  ])
  t.same(await everywhere('GET', `/companies/${companyId}/members`, viewer), ['200'])
})

t.test('the command line signs in by an approval, works, and signs out', async (t) => {
  const operator = await newOperator(t)
  const at = ['--api-url', origins[0] ?? '']
  const login = await operator.start(['auth', 'login', '--json', ...at])
  const line = await login.waitForLine(/cli-auth\/[^\s]+/)
  const [, id = '', token = ''] = /cli-auth\/([0-9a-f-]+)\?token=([\w-]+)/.exec(login.stderr()) ?? []
  t.ok(line)
  const approve = `/cli-auth/challenges/${id}/approve`
  t.match(await call('POST', approve, { as: chief, body: { token } }), {
    status: 200,
    body: { status: 'approved' }
  })
  t.match(await login.ended, { code: 0 })
  t.match(JSON.parse(login.stdout()), { isInstanceAdmin: false, user: { email: 'chief@example.com' } })
  const listed = await operator.run(['company', 'list', '--json', ...at])
  t.match(JSON.parse(listed.stdout), [{ id: companyId }])
  const refused = await operator.run(['company', 'create', 'Another', ...at])
  t.match(refused, { code: 1, stderr: /forbidden/ }, 'it was not approved as an admin')

  const kept = await readFile(join(operator.paths.home, 'auth.json'), 'utf8')
  const key = /paperclip_board_[\w-]{43}/.exec(kept)?.[0] ?? ''
  t.same(await everywhere('GET', '/companies', bearer(key)), ['200'])
  t.match(await operator.run(['auth', 'logout', ...at]), { code: 0 })
  t.same(await everywhere('GET', '/companies', bearer(key)), ['401 credential_revoked'])
})

t.test(
  'an agent key and a run token work, and are dead on every gateway once they are revoked',
  async (t) => {
    const below = `/companies/${companyId}`
    const value = 'the value that only a run gets'
    await call('POST', `${below}/secrets`, { as: chief, body: { name: 'Key', value } })
    const agent = await call('POST', `${below}/agents`, {
      as: chief,
      body: { name: 'agent', env: { KEY: '$secret:key' } }
    })
    const agentId = agent.body.id
    const key = await call('POST', `/agents/${agentId}/keys`, { as: chief, body: { name: 'laptop' } })
    const asKey = bearer(key.body.token)
    const run = await call('POST', `${below}/agents/${agentId}/runs`, { as: asKey, body: {} })
    t.equal(run.status, 201)
    const asRun = bearer(run.body.token)
    t.match((await call('POST', '/agents/me/env', { as: asRun })).body, { env: { KEY: value } })
    t.same(await everywhere('POST', '/agents/me/env', asKey), ['403 forbidden'], 'a key gets no value')
    t.same(await everywhere('POST', '/agents/me/env', chief), ['403 forbidden'], 'nor does a person')

    const finish = `${below}/runs/${run.body.run.id}/finish`
    t.equal((await call('POST', finish, { as: chief, body: { status: 'cancelled' } })).status, 200)
    t.same(await everywhere('POST', '/agents/me/env', asRun), ['401 run_closed'])
    t.same(await everywhere('GET', '/agents/me', asKey), ['200'])
    t.equal((await call('DELETE', `/agents/${agentId}/keys/${key.body.id}`, { as: chief })).status, 200)
    t.same(await everywhere('GET', '/agents/me', asKey), ['401 credential_revoked'])
  }
)

t.test('a member who is removed and a session that is ended are out with the next request', async (t) => {
  const { userId } = (await call('GET', '/me', { as: viewer })).body
  const asKey = bearer(
    (await call('POST', '/board-api-keys', { as: viewer, body: { name: 'phone' } })).body.token
  )
  t.same(await everywhere('GET', `/companies/${companyId}`, asKey), ['200'])
  t.equal((await call('DELETE', `/companies/${companyId}/members/${userId}`, { as: chief })).status, 200)
  for (const as of [viewer, asKey])
    t.same(await everywhere('GET', `/companies/${companyId}`, as), ['403 company_forbidden'])
  t.equal((await call('DELETE', `/admin/users/${userId}/sessions`, { as: chief })).status, 200)
  t.same(await everywhere('GET', '/me', viewer), ['401 unauthenticated'])
  t.same(await everywhere('GET', '/me', asKey), ['200'])
  t.equal((await call('DELETE', `/admin/users/${userId}`, { as: chief })).status, 200)
  t.match((await everywhere('GET', '/me', asKey))[0], /^401 /)
})

t.test('whoever starts an instance for several people is shown how to claim it', async (t) => {
  const operator = await newOperator(t, { PAPERCLIP_DEPLOYMENT_MODE: 'authenticated', HOST: '127.0.0.1' })
  const { process } = await operator.launch()
  const [line] = await process.waitForLine(/^.*\/board-claim\/.*$/m)
  const [, path = ''] = /(\/board-claim\/\S+)/.exec(line ?? '') ?? []
  const { gateway } = JSON.parse(await readFile(operator.paths.runtime, 'utf8'))
  const claim = await fetch(`${gateway.url}/api${path}`)
  t.match(await claim.json(), { status: 'available' })
  process.child.kill('SIGTERM')
  t.match(await process.ended, { code: 0 })
})

t.test('all of it is in the record, by whom it was done', async (t) => {
  const actionsOf = async (path: string) => {
    const { body } = await call('GET', path, { as: chief })
    return new Set((body as { action: string }[]).map((row) => row.action))
  }
  const company = await actionsOf(`/companies/${companyId}/activity?limit=500`)
  for (const action of [
    'company.created', 'member.added', 'member.removed', 'invite.created', 'invite.accepted', 'agent_key.created',
    'agent_key.revoked', 'run.opened', 'run.finished'
  ]) // biome-ignore format: a list reads better packed
    t.ok(company.has(action), action)
  const instance = await actionsOf('/admin/activity?limit=500')
  for (const action of [
    'instance.claimed', 'instance_admin.granted', 'user.created', 'user.deleted', 'user.sessions_ended', 'session.created',
    'board_key.created', 'board_key.revoked', 'cli_auth_challenge.approved'
  ]) // biome-ignore format: a list reads better packed
    t.ok(instance.has(action), action)
  const written = installation.output()
  for (const secret of [claimToken, code].slice(1))
    t.equal(written.split(secret).length - 1, 1, 'the code is printed once')
})
