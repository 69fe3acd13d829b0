import { randomBytes } from 'node:crypto'
import { type BoardKeyView, newId } from '@paperclip/contracts'
import { eventually } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import { authenticatedEnv, makeBoardKeyRow, makeUserRow } from './fixtures/board-rows.js'
import { asSession, fromAnywhere, signIn, signUp } from './fixtures/people.js'
import { type CallOptions, type Reply, testInstallation } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await testInstallation(t)
const { gateway: local, secrets, database, log } = installation
const sql = new pg.Client({ connectionString: database.adminUrl, options: '-c search_path=gateway' })
await sql.connect()
t.teardown(() => sql.end())
const one = await installation.start(authenticatedEnv)
const two = await installation.start(authenticatedEnv)
// While nobody administers the instance, anybody may sign up.
const person = await signUp(one)

const keysPath = '/api/board-api-keys'
const call = (method: string, path: string, options: CallOptions = {}, at = one) =>
  at.call(method, path, { ...options, headers: { ...fromAnywhere(), ...options.headers } })
const me = (token: string, at = one) => call('GET', '/api/cli-auth/me', { token }, at)
const makeCompany = async (name: string) =>
  (await local.call('POST', '/api/companies', { body: { name } })).json.id
const mine = await makeCompany('Mine')
const theirs = await makeCompany('Theirs')
const plain = ({ status, json }: Reply) => ({ ...json, status, requestId: null })
const keysOf = (reply: Reply) => reply.json as unknown as BoardKeyView[]
const activityOf = (entityId: string) =>
  eventually(async () => {
    const found = secrets.applied.filter((entry) => entry.activity?.entityId === entityId)
    if (found.length === 0) throw new Error('nothing was delivered')
    return found.map((entry) => entry.activity)
  })

t.test('a key is shown once, works, ends after 30 days, and is kept as a hash only', async (t) => {
  const before = Date.now()
  const made = await local.call('POST', keysPath, { body: { name: ' laptop ' } })
  t.match(made, { status: 201, headers: { 'cache-control': 'no-store' } })
  const { token, id, expiresAt, ...rest } = made.json
  t.match(token, /^paperclip_board_[A-Za-z0-9_-]{43}$/)
  t.match(rest, { name: 'laptop', companyId: null, instanceAdmin: true })
  const days = (Date.parse(expiresAt) - before) / 86_400_000
  t.ok(days >= 30 && days < 30.01, 'thirty days')
  t.match((await local.call('GET', '/api/me', { token })).json, {
    userId: 'local-board',
    isInstanceAdmin: true,
    credential: { kind: 'board_key', id }
  })
  const list = await local.call('GET', keysPath)
  t.same(
    keysOf(list).find((key) => key.id === id),
    { id, expiresAt, ...rest, lastUsedAt: keysOf(list)[0]?.lastUsedAt, revokedAt: null }
  )
  const { rows } = await sql.query(
    'select row_to_json(k)::text as text from board_api_keys k where id = $1',
    [id]
  )
  t.match(await activityOf(id), [{ companyId: null, action: 'board_key.created', entityType: 'board_key' }])
  for (const text of [list.text, rows[0].text, JSON.stringify(secrets.delivered)])
    t.notOk(text.includes(token.slice(16)), 'it is nowhere else')
  await eventually(async () => {
    if (keysOf(await local.call('GET', keysPath))[0]?.lastUsedAt === null) throw new Error('not noted')
  })
})

t.test(
  'a key says when it ends, or that it never does; for a company, it must be one that is there',
  async (t) => {
    const create = (body: object | string) => local.call('POST', keysPath, { body })
    t.match(await create({ name: 'k', expiresAt: null }), { status: 201, json: { expiresAt: null } })
    t.match(await create({ name: 'k', expiresAt: '2099-01-01T00:00:00+02:00' }), {
      json: { expiresAt: '2098-12-31T22:00:00.000Z' }
    })
    for (const expiresAt of ['2020-01-01T00:00:00Z', 'tomorrow', '2099-12-31T23:59:60Z', '', 0, false])
      t.equal((await create({ name: 'k', expiresAt })).status, 400, String(expiresAt))
    const limited = await create({ name: 'k', companyId: mine })
    t.match(limited, { status: 201, json: { companyId: mine, instanceAdmin: false } })
    t.match(await activityOf(limited.json.id), [{ companyId: mine, metadata: { instanceAdmin: false } }])
    t.match(await create({ name: 'k', companyId: newId() }), {
      status: 403,
      json: { code: 'company_forbidden' }
    })
    const wrong = [{}, { name: '' }, { name: ' ' }, { name: 'x'.repeat(121) }, { name: 'a\u0000' }, '[]', 'x']
    const columns = [
      'id',
      'user_id',
      'userId',
      'key_hash',
      'token',
      'instance_admin',
      'instanceAdmin',
      'actorId'
    ]
    const assigned = [...columns, 'created_at', 'lastUsedAt', 'revokedAt', 'constructor', 'toString']
    for (const body of [
      ...wrong,
      { name: 'k', companyId: 'x' },
      { name: 'k', companyId: null },
      ...assigned.map((column) => ({ name: 'k', [column]: 'x' })),
      '{"name":"k","__proto__":{"instanceAdmin":true}}'
    ])
      t.equal((await create(body)).status, 400, JSON.stringify(body))
  }
)

t.test('a key has the rights of its user now, narrowed to what it was made for', async (t) => {
  const member = await makeUserRow(sql, { roles: { [mine]: 'operator', [theirs]: 'viewer' } })
  const admin = await makeUserRow(sql, { admin: true, roles: { [mine]: 'viewer' } })
  const cases: [string, string, object, object][] = [
    ['a member', member, {}, { isInstanceAdmin: false, roles: { [mine]: 'operator', [theirs]: 'viewer' } }],
    ['a member who never was an admin', member, { instanceAdmin: true }, { isInstanceAdmin: false }],
    ['a member, one company', member, { companyId: theirs }, { roles: { [theirs]: 'viewer' } }],
    ['an admin, in full', admin, { instanceAdmin: true }, { isInstanceAdmin: true }],
    ['an admin, without that', admin, {}, { isInstanceAdmin: false, roles: { [mine]: 'viewer' } }],
    ['an admin, one company', admin, { companyId: theirs }, { isInstanceAdmin: false, roles: { [theirs]: 'owner' } }]
  ] // biome-ignore format: one case a line
  for (const [name, userId, kind, expected] of cases) {
    const { id, token } = await makeBoardKeyRow(sql, userId, kind)
    const { json } = await me(token)
    const { memberships, ...rest } = json as unknown as { memberships: { companyId: string; role: string }[] }
    const roles = Object.fromEntries(memberships.map(({ companyId, role }) => [companyId, role]))
    t.match(
      { ...rest, roles },
      { userId, user: { id: userId }, source: 'board_key', keyId: id, ...expected },
      name
    )
  }
})

t.test('a key made for one company reaches nothing else', async (t) => {
  const userId = await makeUserRow(sql, { admin: true, roles: { [mine]: 'owner', [theirs]: 'owner' } })
  const { id, token } = await makeBoardKeyRow(sql, userId, { companyId: mine })
  const sibling = await makeBoardKeyRow(sql, userId, { companyId: mine })
  const full = await makeBoardKeyRow(sql, userId, { instanceAdmin: true })
  const other = await makeBoardKeyRow(sql, userId, { companyId: theirs })
  t.equal((await call('GET', `/api/companies/${mine}`, { token })).status, 200)
  t.same(
    (await call('GET', '/api/companies', { token })).rows.map((row) => row.id),
    [mine]
  )
  t.same(
    keysOf(await call('GET', keysPath, { token })).map((key) => key.id),
    [sibling.id, id].sort().reverse()
  )
  const code = 'x'
  const refused: [string, string, object | undefined, number][] = [
    ['GET', `/api/companies/${theirs}`, undefined, 403],
    ['PATCH', `/api/companies/${theirs}`, { name: 'x' }, 403],
    ['GET', `/api/companies/${newId()}`, undefined, 403],
    ['POST', '/api/companies', { name: 'x' }, 403],
    ['POST', keysPath, { name: 'x', companyId: mine }, 403],
    ['POST', keysPath, { name: 'x' }, 403],
    ['DELETE', `${keysPath}/${full.id}`, undefined, 404],
    ['DELETE', `${keysPath}/${other.id}`, undefined, 404],
    ['POST', `/api/board-claim/${'A'.repeat(43)}/claim`, { code }, 403],
    ['POST', `/api/cli-auth/challenges/${newId()}/approve`, { token: 'x' }, 403]
  ]
  for (const [method, path, body, status] of refused)
    t.equal((await call(method, path, body === undefined ? { token } : { token, body })).status, status, path)
  for (const still of [full, other]) t.equal((await me(still.token)).status, 200, 'the others still work')
  t.same((await call('DELETE', `${keysPath}/${sibling.id}`, { token })).json, { ok: true })
  t.equal((await me(sibling.token)).status, 401)
  const [created] = await activityOf(sibling.id)
  t.match(created, { companyId: mine, action: 'board_key.revoked', actorType: 'user', actorId: userId })
})

t.test('no key makes another, whatever it may do', async (t) => {
  const userId = await makeUserRow(sql, { admin: true })
  const { token } = await makeBoardKeyRow(sql, userId, { instanceAdmin: true })
  for (const at of [one, local])
    t.match(await call('POST', keysPath, { token, body: { name: 'x' } }, at), {
      status: 403,
      json: { code: 'forbidden' }
    })
})

t.test("another's key is as absent, and revoking one's own twice is fine", async (t) => {
  const [ada, bob] = [await makeUserRow(sql, { admin: true }), await makeUserRow(sql)]
  const { token } = await makeBoardKeyRow(sql, ada, { instanceAdmin: true })
  const spare = await makeBoardKeyRow(sql, ada)
  const bobs = await makeBoardKeyRow(sql, bob)
  const revoke = (id: string) => call('DELETE', `${keysPath}/${id}`, { token })
  const foreign = await revoke(bobs.id)
  t.match(foreign, { status: 404, json: { code: 'not_found' } }, 'also to an instance admin')
  t.same(plain(foreign), plain(await revoke(newId())))
  t.same((await revoke('x')).status, 404)
  t.equal((await me(bobs.token)).status, 200)
  for (const _ of [1, 2]) t.same((await revoke(spare.id)).json, { ok: true })
  t.equal((await activityOf(spare.id)).length, 1, 'recorded once')
  t.notOk(keysOf(await call('GET', keysPath, { token })).some((key) => key.id === bobs.id))
})

t.test(
  'an admin revokes all keys of a person at once, and of their own all but the one that asks',
  async (t) => {
    const [chief, ada] = [await makeUserRow(sql, { admin: true }), await makeUserRow(sql)]
    const { token } = await makeBoardKeyRow(sql, chief, { instanceAdmin: true })
    const spare = await makeBoardKeyRow(sql, chief)
    const keys = [await makeBoardKeyRow(sql, ada), await makeBoardKeyRow(sql, ada, { companyId: mine })]
    const revokeAll = (userId: string, by = token) =>
      call('DELETE', `/api/admin/users/${userId}/board-api-keys`, { token: by })
    t.match(await revokeAll(ada, spare.token), { status: 403 }, 'a key without administration')
    t.match(await revokeAll(newId()), { status: 404, json: { code: 'not_found' } })
    t.match(await revokeAll(ada), { status: 200, json: { revoked: 2 } })
    for (const at of [one, two])
      for (const key of keys)
        t.match(await me(key.token, at), { status: 401, json: { code: 'credential_revoked' } })
    t.match(await activityOf(keys[0]?.id ?? ''), [{ action: 'board_key.revoked', actorId: chief }])
    t.match(await revokeAll(ada), { json: { revoked: 0 } }, 'again changes nothing')
    t.match(await revokeAll(chief), { status: 200, json: { revoked: 1 } })
    t.equal((await me(spare.token)).status, 401)
    t.equal((await me(token)).status, 200)
    t.match(await revokeAll('local-board'), { status: 200 }, 'who has keys and no row')
  }
)

t.test('a dead key is 401 with the next request, on every gateway, and says what kind of dead', async (t) => {
  const endings: Record<string, [(key: { id: string; token: string; userId: string }) => Promise<unknown>, string]> = {
    revoked: [({ id, token }) => call('DELETE', `${keysPath}/${id}`, { token }), 'credential_revoked'],
    'revoked by itself': [({ token }) => call('POST', '/api/cli-auth/revoke-current', { token }), 'credential_revoked'],
    'revoked by the printed SQL': [
      ({ id }) => sql.query(`UPDATE board_api_keys SET revoked_at = NOW() WHERE id = '${id}'`), 'credential_revoked'],
    expired: [({ id }) => sql.query('update board_api_keys set expires_at = now() where id = $1', [id]), 'credential_expired'],
    'user deleted by the printed SQL': [
      ({ userId }) => sql.query(`DELETE FROM "authUsers" WHERE id = '${userId}'`), 'unauthenticated']
  } // biome-ignore format: one case a line
  for (const [name, [end, code]] of Object.entries(endings)) {
    const userId = await makeUserRow(sql, { roles: { [mine]: 'viewer' } })
    const key = { userId, ...(await makeBoardKeyRow(sql, userId)) }
    for (const at of [one, two]) t.equal((await me(key.token, at)).status, 200, name)
    await end(key)
    for (const at of [one, two]) t.match(await me(key.token, at), { status: 401, json: { code } }, name)
  }
})

t.test(
  'who loses a role or a membership loses it with every key, at the next request, on every gateway',
  async (t) => {
    const userId = await makeUserRow(sql, { admin: true, roles: { [mine]: 'admin' } })
    const full = await makeBoardKeyRow(sql, userId, { instanceAdmin: true })
    const plainKey = await makeBoardKeyRow(sql, userId)
    const limited = await makeBoardKeyRow(sql, userId, { companyId: mine })
    const may = async (token: string, method: string, path: string, body?: object) => {
      const replies = [one, two].map((at) => call(method, path, body ? { token, body } : { token }, at))
      const [first, second] = (await Promise.all(replies)).map((reply) => reply.status)
      t.equal(first, second, 'both gateways say the same')
      return first
    }
    t.equal(await may(full.token, 'GET', `/api/companies/${theirs}`), 200)
    t.equal(await may(limited.token, 'PATCH', `/api/companies/${mine}`, { name: 'Mine' }), 200)
    await sql.query('delete from instance_user_roles where user_id = $1', [userId])
    t.equal(await may(full.token, 'GET', `/api/companies/${theirs}`), 403)
    t.equal(await may(full.token, 'POST', '/api/companies', { name: 'x' }), 403)
    t.equal(await may(limited.token, 'PATCH', `/api/companies/${mine}`, { name: 'Mine' }), 200)
    await sql.query(`update company_memberships set role = 'viewer' where principal_id = $1`, [userId])
    for (const { token } of [plainKey, limited])
      t.equal(await may(token, 'PATCH', `/api/companies/${mine}`, { name: 'x' }), 403)
    await sql.query(`DELETE FROM company_memberships WHERE principal_id = '${userId}'`)
    for (const { token } of [full, plainKey, limited])
      t.equal(await may(token, 'GET', `/api/companies/${mine}`), 403)
  }
)

t.test('keys of the local operator are worth nothing once people sign in', async (t) => {
  const { token } = (await local.call('POST', keysPath, { body: { name: 'k', expiresAt: null } })).json
  t.equal((await me(token, local)).status, 200)
  for (const at of [one, two])
    t.match(await me(token, at), { status: 401, json: { code: 'credential_revoked' } })
  await sql.query(`insert into instance_user_roles values ('local-board', 'instance_admin')`)
  await sql.query(
    `insert into company_memberships (company_id, principal_type, principal_id, role)
     values ($1, 'user', 'local-board', 'owner')`,
    [mine]
  )
  t.equal((await me(token)).status, 401, 'whatever rows say')
  await sql.query(`delete from instance_user_roles where user_id = 'local-board'`)
  await sql.query(`delete from company_memberships where principal_id = 'local-board'`)
  t.equal((await me(token, local)).status, 200, 'back in local_trusted it works again')
})

t.test('a user has at most 100 keys that work, however many ask at once', async (t) => {
  await sql.query(`delete from board_api_keys where user_id = 'local-board'`)
  for (let n = 0; n < 95; n += 1) await makeBoardKeyRow(sql, 'local-board')
  const create = () => local.call('POST', keysPath, { body: { name: 'k' } })
  const replies = await Promise.all(Array.from({ length: 20 }, create))
  t.equal(replies.filter((reply) => reply.status === 201).length, 5)
  t.equal(replies.filter((reply) => reply.status === 409 && reply.json.code === 'key_limit').length, 15)
  const made = replies.find((reply) => reply.status === 201)
  await local.call('DELETE', `${keysPath}/${made?.json.id}`)
  await sql.query(
    `update board_api_keys set expires_at = now() where id = (select max(id::text)::uuid from board_api_keys
      where user_id = 'local-board' and revoked_at is null)`
  )
  t.equal((await create()).status, 201, 'revoked ones do not count')
  t.equal((await create()).status, 201, 'nor expired ones')
  t.equal((await create()).status, 409)
})

t.test('the list comes in pages, newest first, and its cursors are of one user', async (t) => {
  const userId = await makeUserRow(sql)
  const made = []
  for (let n = 0; n < 5; n += 1) made.push(await makeBoardKeyRow(sql, userId))
  const { token } = made[0] as { token: string }
  const seen: string[] = []
  let path = `${keysPath}?limit=2`
  let cursorPath = ''
  for (;;) {
    const page = await call('GET', path, { token })
    seen.push(...keysOf(page).map((key) => key.id))
    const next = /^<(.+)>; rel="next"$/.exec(page.headers.link ?? '')?.[1]
    if (next === undefined) break
    path = cursorPath = next
  }
  t.same(
    seen,
    made
      .map((key) => key.id)
      .sort()
      .reverse()
  )
  const stranger = await makeBoardKeyRow(sql, await makeUserRow(sql))
  t.match(await call('GET', cursorPath, { token: stranger.token }), {
    status: 400,
    json: { code: 'invalid_cursor' }
  })
})

t.test('a key and its record are made together, or neither', async (t) => {
  const count = async () => (await sql.query('select count(*)::int as n from board_api_keys')).rows[0].n
  await sql.query(`delete from board_api_keys where user_id = 'local-board'`)
  const before = await count()
  await sql.query(`
    create function gateway.fail() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
    create trigger fail before insert on outbox for each row execute function gateway.fail()`)
  t.equal((await local.call('POST', keysPath, { body: { name: 'k' } })).status, 500)
  await sql.query('drop trigger fail on outbox')
  t.equal(await count(), before)
})

t.test('no key or hash was ever logged', async (t) => {
  t.notMatch(log(), /paperclip_board_[A-Za-z0-9]/)
})

t.test('another session secret ends every session at once, and no key', async (t) => {
  const as = ({ cookie }: { cookie: string }, at = one) => ({ headers: asSession(at, { cookie }) })
  const key = (await call('POST', keysPath, { body: { name: 'stays' }, ...as(person) })).json.token
  const changed = await installation.start({
    ...authenticatedEnv,
    BETTER_AUTH_SECRET: randomBytes(32).toString('base64url')
  })
  t.equal((await call('GET', '/api/me', as(person))).status, 200)
  t.equal((await call('GET', '/api/me', as(person), changed)).status, 401)
  t.equal((await me(key, changed)).status, 200)
  const again = await signIn(changed, person)
  t.equal((await call('GET', '/api/me', as(again), changed)).status, 200)
})
