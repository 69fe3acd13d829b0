import { hash, randomBytes } from 'node:crypto'
import {
  changePassword,
  getSession,
  listSessions,
  newId,
  revokeOtherSessions,
  revokeSession,
  revokeSessions,
  type SessionView,
  type SignedIn,
  signIn as signInRoute,
  signOut,
  signUp as signUpRoute
} from '@paperclip/contracts'
import { eventually } from '@paperclip/testing'
import t from 'tap'
import {
  addCompany,
  addMember,
  asSession,
  authenticatedInstallation,
  cookieOf,
  fromAnywhere,
  makeInstanceAdmin,
  type Person,
  signIn,
  signUp
} from './fixtures/people.js'
import type { Reply } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(180_000)

const installation = await authenticatedInstallation(t)
const { gateway, admin, secrets, log, sessionSecret } = installation
const other = await installation.start()

const contracts = [
  signUpRoute, signInRoute, signOut, getSession, changePassword, listSessions, revokeSession, revokeSessions,
  revokeOtherSessions
] // biome-ignore format: a list
const newPassword = () => randomBytes(12).toString('base64url')
const me = ({ cookie }: { cookie: string }, at = gateway) =>
  at.call('GET', '/api/me', { headers: { cookie } })
const post = (path: string, body?: object, person?: Person, headers: Record<string, string> = {}) =>
  gateway.call('POST', `/api/auth/${path}`, {
    ...(body === undefined ? {} : { body }),
    headers: { ...fromAnywhere(), ...(person ? asSession(gateway, person) : {}), ...headers }
  })
/** What an account may do in ten seconds is the matter of another test. */
const forgetAttempts = () => admin.query('truncate rate_limits')
const rowsOf = async (userId: string): Promise<{ id: string; token: string }[]> =>
  (await admin.query('select id, token from "authSessions" where "userId" = $1 order by id', [userId])).rows
const actionsAbout = (userId: string) =>
  secrets.applied
    .map(({ activity }) => activity)
    .filter((row) => row?.entityId === userId || row?.metadata.userId === userId)

t.test('who signs up is signed in, by a cookie that no script reads and no reply repeats', async (t) => {
  const email = `Ada.${newId()}@Example.com`
  const password = newPassword()
  const reply = await post('sign-up/email', { email, name: ' Ada ', password })
  t.match(reply, { status: 200, headers: { 'cache-control': 'no-store' } })
  const { user, session } = reply.json as unknown as SignedIn
  t.match(user, { name: 'Ada', email: email.toLowerCase() })
  t.match(
    String(reply.headers['set-cookie']),
    /^paperclip_session=[A-Za-z0-9]{32}\.[A-Za-z0-9%]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Lax$/
  )
  const [row] = await rowsOf(user.id)
  t.equal(row?.id, session.id)
  t.notOk(reply.text.includes(row?.token ?? 'none'), 'the token is in the cookie only')
  const cookie = cookieOf(reply)
  for (const at of [gateway, other])
    t.match((await me({ cookie }, at)).json, {
      actorType: 'user',
      userId: user.id,
      isInstanceAdmin: false,
      memberships: [],
      credential: { kind: 'session', id: session.id }
    })
  t.same((await gateway.call('GET', '/api/auth/get-session', { headers: { cookie } })).json, reply.json)
  const nobody = await gateway.call('GET', '/api/auth/get-session')
  t.match(nobody, { status: 200, text: 'null', headers: { 'cache-control': 'no-store' } })
  t.equal((await me({ cookie: '' })).status, 401, 'without the cookie one is nobody')
})

t.test('another secret, a cookie of another name, or anything but the signed value is nobody', async (t) => {
  const person = await signUp(gateway)
  const value = person.cookie.slice('paperclip_session='.length)
  const strangers = [
    `__Host-paperclip_session=${value}`,
    `__Secure-paperclip_session=${value}`,
    `better-auth.session_token=${value}`,
    `paperclip_session=${value.slice(0, -1)}`,
    `paperclip_session=${value.slice(1)}`,
    `paperclip_session=${value}A`,
    `paperclip_session=${value.split('.')[0]}`,
    'paperclip_session='
  ]
  for (const cookie of strangers) t.equal((await me({ cookie })).status, 401, cookie.slice(0, 60))
  const elsewhere = await installation.start({ BETTER_AUTH_SECRET: randomBytes(32).toString('base64url') })
  t.equal((await me(person, elsewhere)).status, 401, 'a gateway with another secret')
  await elsewhere.stop()
  t.equal((await me(person)).status, 200)
})

t.test('sign-in gives a new session and ends the one that came with it, and no other', async (t) => {
  const person = await signUp(gateway)
  const elsewhere = await signIn(gateway, person)
  const again = await post('sign-in/email', { email: person.email, password: person.password }, person)
  t.equal(again.status, 200)
  t.not(cookieOf(again), person.cookie)
  t.not((again.json as unknown as SignedIn).session.id, person.sessionId)
  t.equal((await me(person)).status, 401, 'the session that was brought has ended')
  t.equal((await me(person, other)).status, 401)
  t.equal((await me({ cookie: cookieOf(again) })).status, 200)
  t.equal((await me(elsewhere)).status, 200, 'that of another browser has not')
  const planted = await signUp(gateway)
  await forgetAttempts()
  await post('sign-in/email', { email: person.email, password: person.password }, planted)
  t.equal((await me(planted)).status, 401, 'also when it was somebody else’s')
})

t.test('sign-out ends the session everywhere and takes the cookie back; a second one is fine', async (t) => {
  const person = await signUp(gateway)
  const reply = await post('sign-out', {}, person)
  t.match(reply, { status: 200, json: { ok: true } })
  t.equal(
    String(reply.headers['set-cookie']),
    'paperclip_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax'
  )
  for (const at of [gateway, other]) t.equal((await me(person, at)).status, 401)
  t.same(await rowsOf(person.userId), [])
  t.equal((await post('sign-out', undefined, person)).status, 200)
  t.equal((await post('sign-out')).status, 200, 'and so is one by nobody')
})

t.test('one sees and ends one’s own sessions, by ids that open nothing', async (t) => {
  const first = await signUp(gateway)
  const second = await signIn(gateway, first)
  const stranger = await signUp(gateway)
  const list = await gateway.call('GET', '/api/auth/list-sessions', { headers: { cookie: second.cookie } })
  const rows = list.rows as unknown as SessionView[]
  t.match(
    rows.map(({ id, current }) => ({ id, current })),
    [
      { id: second.sessionId, current: true },
      { id: first.sessionId, current: false }
    ]
  )
  t.same(Object.keys(rows[0] ?? {}).sort(), [
    'createdAt',
    'current',
    'expiresAt',
    'id',
    'ipAddress',
    'userAgent'
  ])
  for (const { token } of await rowsOf(first.userId)) t.notOk(list.text.includes(token))
  t.equal((await post('revoke-session', { id: stranger.sessionId }, second)).status, 404)
  t.equal((await post('revoke-session', { id: newId() }, second)).status, 404)
  t.equal((await me(stranger)).status, 200, 'nobody ends another’s')
  t.equal((await post('revoke-session', { id: first.sessionId }, second)).status, 200)
  for (const at of [gateway, other]) t.equal((await me(first, at)).status, 401)
  const third = await signIn(gateway, first)
  t.equal((await post('revoke-other-sessions', {}, third)).status, 200)
  t.equal((await me(second, other)).status, 401)
  t.equal((await me(third, other)).status, 200)
  const all = await post('revoke-sessions', {}, third)
  t.equal(cookieOf(all), '')
  t.equal((await me(third, other)).status, 401)
})

t.test(
  'a changed password ends every session but the renewed one, and the old one opens nothing',
  async (t) => {
    const person = await signUp(gateway)
    const elsewhere = await signIn(gateway, person)
    const next = newPassword()
    const wrong = { currentPassword: newPassword(), newPassword: next }
    t.match(await post('change-password', wrong, person), { status: 403, json: { code: 'forbidden' } })
    t.equal((await me(elsewhere)).status, 200, 'a wrong one changes nothing')
    t.match(await post('change-password', wrong, person), { status: 429 }, 'and may be tried only so often')
    await forgetAttempts()
    const right = { currentPassword: person.password, newPassword: next }
    const reply = await post('change-password', right, person)
    t.equal(reply.status, 200)
    for (const gone of [person, elsewhere])
      for (const at of [gateway, other]) t.equal((await me(gone, at)).status, 401)
    t.equal((await me({ cookie: cookieOf(reply) }, other)).status, 200)
    const attempt = (password: string) => post('sign-in/email', { email: person.email, password })
    t.equal((await attempt(person.password)).status, 401)
    t.equal((await attempt(next)).status, 200)
  }
)

t.test(
  'bodies are closed, media types are JSON, sizes are bounded, and no other path is served',
  async (t) => {
    const person = await signUp(gateway)
    const good = { email: person.email, password: person.password }
    const tooMuch: [string, object][] = [
      ['sign-in/email', { ...good, rememberMe: false }],
      ['sign-in/email', { ...good, callbackURL: '/x' }],
      ['sign-in/email', { ...good, email: ['a@b.example'] }],
      ['sign-in/email', { ...good, email: 'nobody' }],
      ['sign-in/email', { ...good, password: '' }],
      ['sign-up/email', { name: 'A', email: `${newId()}@example.com`, password: '123456789' }],
      ['sign-up/email', { name: 'A', email: `${newId()}@example.com`, password: 'x'.repeat(129) }],
      ['sign-up/email', { name: ' ', email: `${newId()}@example.com`, password: '1234567890' }],
      ['sign-up/email', { name: 'A\u0000', email: `${newId()}@example.com`, password: '1234567890' }],
      ...['id', 'role', 'image', 'emailVerified', 'isAdmin', 'createdAt', '__proto__', 'callbackURL'].map(
        (member): [string, object] => [
          'sign-up/email',
          JSON.parse(`{"name":"A","email":"${newId()}@example.com","password":"1234567890","${member}":"x"}`)
        ]
      )
    ]
    for (const [path, body] of tooMuch) t.equal((await post(path, body)).status, 400, JSON.stringify(body))
    const own: [string, object][] = [
      ['change-password', { currentPassword: 'x', newPassword: '1234567890', revokeOtherSessions: false }],
      ['revoke-session', { token: 'x' }],
      ['revoke-sessions', { all: true }],
      ['sign-out', { callbackURL: 'https://evil.example' }]
    ]
    for (const [path, body] of own) t.equal((await post(path, body, person)).status, 400, path)
    t.equal((await me(person)).status, 200)
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', ''])
      t.equal((await post('sign-in/email', good, undefined, { 'content-type': type })).status, 415, type)
    t.match(await post('sign-in/email', { ...good, password: 'x'.repeat(17_000) }), { status: 413 })
    const absent = [
    'request-password-reset', 'reset-password', 'verify-password', 'update-user', 'delete-user', 'change-email',
    'sign-in/social', 'link-social', 'list-accounts', 'send-verification-email', 'verify-email', 'error', 'ok', '',
    'callback/github', 'update-session', 'get-access-token', 'sign-in', 'sign-in/email/', 'sign-up//email'
  ] // biome-ignore format: a list
    for (const path of absent)
      for (const method of ['GET', 'POST'])
        t.equal(
          (await gateway.call(method, `/api/auth/${path}`, { headers: asSession(gateway, person) })).status,
          404,
          `${method} ${path}`
        )
    t.equal(
      (await gateway.call('GET', '/api/auth/sign-out', { headers: asSession(gateway, person) })).status,
      404
    )
    t.equal((await me(person)).status, 200)
  }
)

t.test('a bearer is somebody else: it neither signs out nor sees the sessions of the cookie', async (t) => {
  const person = await signUp(gateway)
  const headers = { ...asSession(gateway, person), authorization: `Bearer ${person.cookie.split('=')[1]}` }
  for (const path of ['sign-out', 'revoke-sessions', 'revoke-other-sessions'])
    t.equal((await gateway.call('POST', `/api/auth/${path}`, { headers })).status, 401, path)
  t.equal((await gateway.call('GET', '/api/auth/list-sessions', { headers })).status, 401)
  t.equal((await me(person)).status, 200)
})

t.test('these routes are for people with a session and for nobody: no key may use them', async (t) => {
  const person = await signUp(gateway)
  const companyId = await addCompany(admin)
  await addMember(admin, companyId, person.userId, 'operator')
  const headers = asSession(gateway, person)
  const make = (path: string, name: string) => gateway.call('POST', path, { body: { name }, headers })
  const agent = await make(`/api/companies/${companyId}/agents`, 'Bot')
  const keys = [
    await make('/api/board-api-keys', 'cli'),
    await make(`/api/agents/${agent.json.id}/keys`, 'key')
  ]
  const strangersMay = new Set<string>(
    [signUpRoute, signInRoute, signOut, getSession].map(({ path }) => path)
  )
  for (const { method, path, config } of contracts) {
    for (const { json } of keys)
      t.match(
        await gateway.call(method, `/api${path}`, { token: json.token, headers: fromAnywhere() }),
        { status: 403, json: { code: 'forbidden' } },
        `${config.operationId} with ${json.token.slice(0, 15)}`
      )
    const stranger = await gateway.call(method, `/api${path}`, { headers: fromAnywhere() })
    if (strangersMay.has(path)) t.not(stranger.status, 401, path)
    else t.match(stranger, { status: 401, json: { code: 'unauthenticated' } }, path)
  }
  t.equal((await me(person)).status, 200)
})

t.test('once the instance has an admin, only holders of an open invite may sign up', async (t) => {
  const owner = await signUp(gateway)
  await makeInstanceAdmin(admin, owner.userId)
  const companyId = await addCompany(admin)
  const invite = async (changes: string) => {
    const token = newPassword()
    await admin.query(
      `insert into company_invites (id, company_id, role, token_hash, created_by_user_id, expires_at)
       values ($1, $2, 'viewer', $3, $4, now() + interval '1 hour')`,
      [newId(), companyId, hash('sha256', token, 'buffer'), owner.userId]
    )
    await admin.query(`update company_invites set ${changes} where token_hash = $1`, [
      hash('sha256', token, 'buffer')
    ])
    return token
  }
  const attempt = async (inviteToken?: string): Promise<Reply> =>
    await post('sign-up/email', {
      email: `${newId()}@example.com`,
      name: 'Grace',
      password: newPassword(),
      ...(inviteToken === undefined ? {} : { inviteToken })
    })
  const closed = { status: 403, json: { code: 'invite_required' } }
  t.match(await attempt(), closed)
  t.match(await attempt(newPassword()), closed)
  for (const changes of ['accepted_at = now()', 'revoked_at = now()', 'expires_at = now()'])
    t.match(await attempt(await invite(changes)), closed, changes)
  const before = await admin.query('select count(*) from "authUsers"')
  t.match(await attempt(await invite('role = role')), { status: 200 })
  t.equal(
    Number((await admin.query('select count(*) from "authUsers"')).rows[0].count),
    Number(before.rows[0].count) + 1
  )
  t.equal((await signIn(gateway, owner)).userId, owner.userId, 'signing in needs none')
  await admin.query('delete from instance_user_roles')
})

t.test('every change is in the record, with who made it, and none tells a secret', async (t) => {
  const person = await signUp(gateway)
  const second = await signIn(gateway, person)
  await post('sign-out', {}, second)
  const changed = { currentPassword: person.password, newPassword: newPassword() }
  await forgetAttempts()
  const renewed = await post('change-password', changed, person)
  await admin.query(`DELETE FROM "authSessions" WHERE "userId" = '${person.userId}'`)
  await admin.query(`DELETE FROM "authUsers" WHERE id = '${person.userId}'`)
  // Makes the gateway look into its outbox, where the two by hand wait.
  await signUp(gateway)
  const { session } = renewed.json as unknown as SignedIn
  const self = { companyId: null, actorType: 'user', actorId: person.userId, runId: null }
  const byHand = { companyId: null, actorType: 'system', actorId: 'database', runId: null }
  const expected = [
    { ...self, action: 'user.created', entityType: 'user', entityId: person.userId },
    { ...self, action: 'session.created', entityType: 'session', entityId: person.sessionId },
    { ...self, action: 'session.created', entityType: 'session', entityId: second.sessionId },
    { ...self, action: 'session.ended', entityType: 'session', entityId: second.sessionId },
    { ...self, action: 'session.ended', entityType: 'session', entityId: person.sessionId },
    { ...self, action: 'user.password_changed', entityType: 'user', entityId: person.userId },
    { ...self, action: 'session.created', entityType: 'session', entityId: session.id },
    { ...byHand, action: 'session.ended', entityType: 'session', entityId: session.id },
    { ...byHand, action: 'user.deleted', entityType: 'user', entityId: person.userId }
  ]
  const told = await eventually(async () => {
    const rows = actionsAbout(person.userId)
    if (rows.length < expected.length) throw new Error(`${rows.length} rows`)
    return rows
  })
  t.match(told, expected)
  t.equal(told.length, expected.length)
  const text = JSON.stringify(secrets.delivered) + log()
  for (const secret of [
    person.password,
    changed.newPassword,
    person.email,
    sessionSecret,
    person.cookie.slice(18, 50)
  ])
    t.notOk(text.includes(secret))
  t.notMatch(log(), /"level":50/, 'and a healthy service logs no errors')
})

t.test('the change and its row are one: what cannot be recorded does not happen', async (t) => {
  const person = await signUp(gateway)
  await admin.query(`
    create function refuse_row() returns trigger language plpgsql as
      $$ begin raise exception 'no'; end $$;
    create trigger refuse_row before insert on outbox for each row execute function refuse_row()`)
  const email = `${newId()}@example.com`
  t.equal((await post('sign-up/email', { email, name: 'A', password: newPassword() })).status, 500)
  t.equal((await post('sign-out', {}, person)).status, 500)
  t.equal((await post('sign-in/email', { email: person.email, password: person.password })).status, 500)
  await admin.query('drop trigger refuse_row on outbox; drop function refuse_row')
  t.equal((await me(person)).status, 200, 'the session is still there')
  t.equal((await rowsOf(person.userId)).length, 1, 'and no other has begun')
  t.same(
    (await admin.query('select 1 from "authUsers" where email = $1', [email])).rows,
    [],
    'nor half a user'
  )
  t.equal((await post('sign-up/email', { email, name: 'A', password: newPassword() })).status, 200)
})

t.test('in local_trusted there is nobody to sign in, and no way to', async (t) => {
  const local = await installation.start({ PAPERCLIP_DEPLOYMENT_MODE: 'local_trusted' })
  const body = { email: 'a@example.com', password: '1234567890' }
  t.equal((await local.call('POST', '/api/auth/sign-in/email', { body })).status, 404)
  t.equal((await local.call('GET', '/api/auth/get-session')).status, 404)
  await local.stop()
})
