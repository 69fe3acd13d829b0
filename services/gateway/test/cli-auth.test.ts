import {
  type BoardKeyView,
  type CliChallengeCreated,
  type CliChallengeView,
  newId
} from '@paperclip/contracts'
import { connect } from '@paperclip/db'
import { eventually } from '@paperclip/testing'
import t from 'tap'
import { sweepChallenges } from '../src/cli-auth/cli-auth-service.js'
import type { GatewayDatabase } from '../src/database.js'
import { makeBoardKeyRow } from './fixtures/board-rows.js'
import {
  addCompany,
  addMember,
  asSession,
  authenticatedInstallation,
  fromAnywhere,
  makeInstanceAdmin,
  type Person,
  signUp
} from './fixtures/people.js'
import type { CallOptions, Reply } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await authenticatedInstallation(t)
const { gateway: one, admin: sql, secrets, log, database } = installation
const two = await installation.start()
const boss = await signUp(one)
const member = await signUp(one)
await makeInstanceAdmin(sql, boss.userId)
const mine = await addCompany(sql, 'Mine')
const theirs = await addCompany(sql, 'Theirs')
await addMember(sql, mine, member.userId, 'operator')

const base = '/api/cli-auth/challenges'
const call = (method: string, path: string, options: CallOptions = {}, at = one) =>
  at.call(method, path, { ...options, headers: { ...fromAnywhere(), ...options.headers } })
const begin = async (body: object = {}, at = one): Promise<CliChallengeCreated> => {
  const reply = await call('POST', base, { body: { command: 'paperclipai auth login', ...body } }, at)
  return reply.json as unknown as CliChallengeCreated
}
type Held = Pick<CliChallengeCreated, 'id' | 'token'>
const poll = ({ id, token }: Held, at = one) => call('GET', `${base}/${id}?token=${token}`, {}, at)
const decide = (verb: 'approve' | 'cancel', { id, token }: Held, person: Person | null, at = one) =>
  call(
    'POST',
    `${base}/${id}/${verb}`,
    { body: { token }, headers: person === null ? {} : asSession(at, person) },
    at
  )
const me = (token: string, at = one) => call('GET', '/api/cli-auth/me', { token }, at)
const stateOf = (reply: Reply) => (reply.json as unknown as CliChallengeView).status
const keysOf = async (person: Person) =>
  (await call('GET', '/api/board-api-keys', { headers: asSession(one, person) }))
    .json as unknown as BoardKeyView[]
const plain = ({ status, json }: Reply) => ({ ...json, status, requestId: null })
const expire = (id: string, ago = '0 seconds') =>
  sql.query('update cli_auth_challenges set expires_at = now() - $2::interval where id = $1', [id, ago])
const activity = (action: string, id: string) =>
  eventually(async () => {
    const found = secrets.applied.find(
      (row) => row.activity?.action === action && row.activity.entityId === id
    )
    if (!found) throw new Error('nothing was delivered')
    return found.activity
  })

t.test('a challenge is begun by anybody, and says where to approve and where to ask', async (t) => {
  const host = `127.0.0.1:${one.port}`
  const reply = await call('POST', base, {
    body: { command: ' paperclipai auth login ', clientName: 'laptop' }
  })
  t.match(reply, { status: 201, headers: { 'cache-control': 'no-store' } })
  const made = reply.json as unknown as CliChallengeCreated
  t.match(made.token, /^[A-Za-z0-9_-]{43}$/)
  t.match(made.boardApiToken, /^paperclip_board_[A-Za-z0-9_-]{43}$/)
  t.equal(made.approvalPath, `/cli-auth/${made.id}?token=${made.token}`)
  t.equal(made.approvalUrl, `http://${host}${made.approvalPath}`)
  t.equal(made.pollPath, `${base}/${made.id}`)
  const minutes = (Date.parse(made.expiresAt) - Date.now()) / 60_000
  t.ok(minutes > 9.9 && minutes <= 10.01, 'ten minutes')
  t.same((await call('GET', `${made.pollPath}?token=${made.token}`)).json, {
    id: made.id,
    status: 'pending',
    command: 'paperclipai auth login',
    clientName: 'laptop',
    requestedAccess: 'board',
    requestedCompanyId: null,
    expiresAt: made.expiresAt
  })
  const { rows } = await sql.query('select row_to_json(c)::text as text from cli_auth_challenges c')
  for (const secret of [made.token, made.boardApiToken.slice(16)])
    t.notOk(
      rows.some(({ text }) => text.includes(secret)),
      'hashes only'
    )
  t.match(await me(made.boardApiToken), { status: 401, json: { code: 'unauthenticated' } }, 'no key yet')

  const named = await installation.start({ PAPERCLIP_PUBLIC_URL: 'https://paperclip.example' })
  t.match((await begin({}, named)).approvalUrl, /^https:\/\/paperclip\.example\/cli-auth\//)
  const proxied = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'vault.internal', host: 'localhost' }
  const guarded = await call('POST', base, { body: { command: 'x' }, headers: proxied })
  t.equal(guarded.status, 403, 'no address of a name that we do not answer to')
})

t.test('what a challenge may ask is bounded', async (t) => {
  const wrong: object[] = [
    { command: '' },
    { command: ' ' },
    { command: 'x'.repeat(241) },
    { command: 'a\u001b[2Jb' },
    { command: 'x', clientName: '' },
    { command: 'x', clientName: 'x'.repeat(121) },
    { command: 'x', requestedAccess: 'admin' },
    { command: 'x', requestedCompanyId: 'x' },
    { command: 'x', requestedAccess: 'instance_admin_required', requestedCompanyId: mine },
    ...['id', 'userId', 'status', 'token', 'key_hash', 'expiresAt'].map((name) => ({
      command: 'x',
      [name]: 'x'
    }))
  ]
  for (const body of wrong) t.equal((await call('POST', base, { body })).status, 400, JSON.stringify(body))
})

t.test('who holds no token learns nothing: a wrong one is answered like an unknown id', async (t) => {
  const made = await begin()
  const other = await begin()
  const unknown = plain(await poll({ id: newId(), token: made.token }))
  t.match(unknown, { status: 404, code: 'not_found' })
  const wrong = [
    { id: made.id, token: other.token },
    { id: made.id, token: 'x' },
    { id: made.id, token: made.boardApiToken },
    { id: made.id, token: made.token.slice(1) }
  ]
  for (const held of wrong) {
    t.same(plain(await poll(held)), unknown)
    t.same(plain(await decide('cancel', held, null)), unknown)
    t.same(plain(await decide('approve', held, boss)), unknown)
  }
  t.same(plain(await call('GET', `${base}/${made.id}`)), unknown, 'nor without one')
  t.same(plain(await call('GET', `${base}/x?token=x`)), unknown)
  t.equal(stateOf(await poll(made)), 'pending')
})

t.test('an approval makes one key, the one the CLI already holds, limited to what was asked', async (t) => {
  const made = await begin({ clientName: "Ada's laptop" })
  t.match(await decide('approve', made, boss), { status: 200, json: { id: made.id, status: 'approved' } })
  t.equal(stateOf(await poll(made, two)), 'approved')
  const [key] = await keysOf(boss)
  t.match(key, { name: "Ada's laptop", companyId: null, instanceAdmin: false })
  const days = (Date.parse(key?.expiresAt ?? '') - Date.now()) / 86_400_000
  t.ok(days > 29.9 && days <= 30.01, 'for thirty days')
  t.match(await me(made.boardApiToken, two), {
    status: 200,
    json: { userId: boss.userId, isInstanceAdmin: false, companyIds: [], source: 'board_key', keyId: key?.id }
  })
  t.equal((await call('GET', `/api/companies/${theirs}`, { token: made.boardApiToken })).status, 403)
  t.match(await activity('cli_auth_challenge.approved', made.id), {
    companyId: null,
    actorId: boss.userId,
    metadata: { keyId: key?.id, requestedAccess: 'board' }
  })
  await activity('board_key.created', key?.id ?? '')

  const long = await begin({ command: '🔑'.repeat(240) })
  t.equal((await decide('approve', long, boss)).status, 200)
  t.equal((await keysOf(boss))[0]?.name, '🔑'.repeat(120), 'without a client name, the command, cut')
})

t.test('administration is approved by an instance admin only', async (t) => {
  const made = await begin({ requestedAccess: 'instance_admin_required' })
  t.match(await decide('approve', made, member), { status: 403, json: { code: 'forbidden' } })
  t.equal(stateOf(await poll(made)), 'pending')
  t.equal((await me(made.boardApiToken)).status, 401)
  t.equal((await decide('approve', made, boss)).status, 200)
  t.match((await me(made.boardApiToken)).json, { isInstanceAdmin: true })
  t.equal((await call('GET', `/api/companies/${theirs}`, { token: made.boardApiToken })).status, 200)
})

t.test('a company is approved by whoever may enter it, and absent ones are as forbidden', async (t) => {
  const [foreign, absent] = [
    await begin({ requestedCompanyId: theirs }),
    await begin({ requestedCompanyId: newId() })
  ]
  const refused = await decide('approve', foreign, member)
  t.match(refused, { status: 403, json: { code: 'company_forbidden' } })
  t.same(plain(await decide('approve', absent, member)), plain(refused))
  t.same(plain(await decide('approve', absent, boss)), plain(refused), 'also to those who may enter any')
  for (const held of [foreign, absent]) t.equal(stateOf(await poll(held)), 'pending')

  const own = await begin({ requestedCompanyId: mine })
  t.equal((await decide('approve', own, member)).status, 200)
  t.match((await me(own.boardApiToken)).json, { companyIds: [mine], memberships: [{ role: 'operator' }] })
  t.match(await activity('cli_auth_challenge.approved', own.id), { companyId: mine })
  t.equal((await decide('approve', foreign, boss)).status, 200)
  t.match((await me(foreign.boardApiToken)).json, { companyIds: [theirs], isInstanceAdmin: false })
  t.equal((await call('GET', `/api/companies/${mine}`, { token: foreign.boardApiToken })).status, 403)
})

t.test('only a session approves, and only from our own page', async (t) => {
  const made = await begin()
  const { cookie, origin } = asSession(one, boss)
  const { token } = await makeBoardKeyRow(sql, boss.userId, { instanceAdmin: true })
  const tries: [number, string, CallOptions][] = [
    [401, 'unauthenticated', {}],
    [401, 'unauthenticated', { token: made.boardApiToken }],
    [403, 'forbidden', { token }],
    [403, 'forbidden', { token, headers: { cookie, origin } }],
    [403, 'untrusted_origin', { headers: { cookie } }],
    [403, 'untrusted_origin', { headers: { cookie, origin: 'https://evil.example' } }],
    [403, 'untrusted_origin', { headers: { cookie, origin: 'null' } }],
    [403, 'untrusted_origin', { headers: { cookie, 'sec-fetch-site': 'same-site' } }],
    [400, 'invalid_request', { headers: { cookie, origin }, body: { token: made.token, companyId: mine } }]
  ] // biome-ignore format: one case a line
  for (const [status, code, options] of tries)
    t.match(
      await call('POST', `${base}/${made.id}/approve`, { body: { token: made.token }, ...options }),
      { status, json: { code } },
      code
    )
  t.equal(stateOf(await poll(made)), 'pending')
})

t.test('what is cancelled or expired stays so, says so, and makes no key', async (t) => {
  const before = (await keysOf(boss)).length
  for (const canceller of [null, member]) {
    const made = await begin()
    t.match(await decide('cancel', made, canceller), { status: 200, json: { status: 'cancelled' } })
    t.match(await decide('approve', made, boss, two), { status: 200, json: { status: 'cancelled' } })
    t.equal(stateOf(await decide('cancel', made, null)), 'cancelled')
    t.equal((await me(made.boardApiToken)).status, 401)
    if (canceller !== null)
      t.match(await activity('cli_auth_challenge.cancelled', made.id), {
        companyId: null,
        actorId: member.userId
      })
  }
  const late = await begin()
  await expire(late.id)
  t.equal(stateOf(await poll(late)), 'expired')
  t.match(await decide('approve', late, boss), { status: 200, json: { status: 'expired' } })
  t.equal(stateOf(await decide('cancel', late, null)), 'expired')
  t.equal((await me(late.boardApiToken)).status, 401)
  t.equal((await keysOf(boss)).length, before)

  const done = await begin()
  await decide('approve', done, boss)
  await expire(done.id)
  t.equal(stateOf(await decide('cancel', done, null)), 'approved', 'too late to cancel')
  t.equal((await me(done.boardApiToken)).status, 200)
})

t.test(
  'twenty approvals at once on two gateways make one key; so does a race with a cancellation',
  async (t) => {
    const before = (await keysOf(boss)).length
    const made = await begin()
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, n) => decide('approve', made, boss, n % 2 === 0 ? one : two))
    )
    t.same([...new Set(replies.map((reply) => `${reply.status} ${stateOf(reply)}`))], ['200 approved'])
    t.equal((await keysOf(boss)).length, before + 1)
    for (let n = 0; n < 5; n += 1) {
      const raced = await begin()
      await Promise.all([decide('approve', raced, boss), decide('cancel', raced, null, two)])
      const state = stateOf(await poll(raced))
      t.equal((await me(raced.boardApiToken)).status, state === 'approved' ? 200 : 401, state)
    }
  }
)

t.test('an approval beyond the limit of keys leaves the challenge as it was', async (t) => {
  const person = await signUp(one, { inviteToken: await openInvite() })
  for (let n = 0; n < 100; n += 1) await makeBoardKeyRow(sql, person.userId)
  const made = await begin()
  t.match(await decide('approve', made, person), { status: 409, json: { code: 'key_limit' } })
  t.equal(stateOf(await poll(made)), 'pending')
  await sql.query('delete from board_api_keys where user_id = $1', [person.userId])
  t.equal(stateOf(await decide('approve', made, person)), 'approved')
})

t.test('a person makes and ends keys with a session; a key ends itself and no session', async (t) => {
  const headers = asSession(one, member)
  const create = (body: object) => call('POST', '/api/board-api-keys', { body, headers })
  const made = await create({ name: 'k' })
  t.match(made, { status: 201, json: { instanceAdmin: false, companyId: null } })
  t.match((await me(made.json.token)).json, { userId: member.userId, user: { email: member.email } })
  t.match(await create({ name: 'k', companyId: mine }), { status: 201, json: { companyId: mine } })
  const refused = await create({ name: 'k', companyId: theirs })
  t.match(refused, { status: 403, json: { code: 'company_forbidden' } })
  t.same(plain(await create({ name: 'k', companyId: newId() })), plain(refused), 'as one that is absent')
  const asBoss = { headers: asSession(one, boss), body: { name: 'k' } }
  t.match((await call('POST', '/api/board-api-keys', asBoss)).json, { instanceAdmin: true })
  const evil = { headers: { ...headers, origin: 'https://evil.example' }, body: { name: 'k' } }
  t.match(await call('POST', '/api/board-api-keys', evil), {
    status: 403,
    json: { code: 'untrusted_origin' }
  })

  const revoke = '/api/cli-auth/revoke-current'
  t.match(await call('POST', revoke, { headers }), { status: 403, json: { code: 'forbidden' } })
  t.equal((await call('POST', revoke)).status, 401)
  const ended = await call('POST', revoke, { token: made.json.token, headers })
  t.same(ended.json, { revoked: true, keyId: made.json.id })
  for (const at of [one, two])
    t.match(await me(made.json.token, at), { json: { code: 'credential_revoked' } })
  const session = await call('GET', '/api/cli-auth/me', { headers })
  t.match(session, { status: 200, json: { source: 'session', keyId: null, companyIds: [mine] } })
  t.equal((await call('GET', '/api/cli-auth/me')).status, 401)
})

t.test('challenges are cleared away ten minutes after their end, decided or not', async (t) => {
  const [recent, old, decided] = [await begin(), await begin(), await begin()]
  await decide('cancel', decided, null)
  await expire(recent.id, '9 minutes')
  for (const { id } of [old, decided]) await expire(id, '11 minutes')
  const { db, close } = connect<GatewayDatabase>({
    url: database.url('gateway'),
    schema: 'gateway',
    applicationName: 'test',
    poolMax: 1,
    statementTimeoutMs: 5_000,
    lockTimeoutMs: 5_000,
    idleInTransactionTimeoutMs: 5_000,
    connectionTimeoutMs: 5_000,
    queryTimeoutMs: 5_000,
    onError: () => {}
  })
  await sweepChallenges(db)
  await close()
  t.match(await poll(recent), { status: 200, json: { status: 'expired' } })
  for (const held of [old, decided]) t.equal((await poll(held)).status, 404)
})

t.test('no token was ever logged, nor any address with one', async (t) => {
  t.notMatch(log(), /paperclip_board_[A-Za-z0-9]|\?token=/)
  t.notMatch(JSON.stringify(secrets.delivered), /paperclip_board_[A-Za-z0-9]/)
  const { token } = await begin()
  t.notOk(log().includes(token))
})

/** An invite that is open, so that one more person may sign up. */
async function openInvite(): Promise<string> {
  const token = `invite-${newId()}`
  await sql.query(
    `insert into company_invites (id, company_id, role, token_hash, created_by_user_id, expires_at)
     values ($1, $2, 'viewer', sha256(convert_to($3, 'UTF8')), $4, now() + interval '1 hour')`,
    [newId(), mine, token, boss.userId]
  )
  return token
}
