import { newId, type UserView } from '@paperclip/contracts'
import pg from 'pg'
import t from 'tap'
import { makeBoardKeyRow, makeUserRow } from './fixtures/board-rows.js'
import { agentBearers, keyPerson, recordOf } from './fixtures/key-people.js'
import {
  addCompany,
  addMember,
  asSession,
  authenticatedInstallation,
  signIn,
  signUp
} from './fixtures/people.js'
import type { Reply, TestGateway } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await authenticatedInstallation(t)
const { gateway: one, admin: sql, secrets, log } = installation
const two = await installation.start()
const on = (n: number) => (n % 2 === 0 ? one : two)
// Before there is an instance admin: later on, signing up needs an invite.
const [ada, bea, cleo, dana] = await Promise.all([signUp(one), signUp(one), signUp(one), signUp(one)])
if (!ada || !bea || !cleo || !dana) throw new Error('nobody')
const root = await keyPerson(sql, { admin: true })

const users = '/api/admin/users'
const admin = (method: string, path: string, at = one) =>
  at.call(method, `${users}${path}`, { token: root.token })
const me = (at: TestGateway, person: { cookie: string }) =>
  at.call('GET', '/api/me', { headers: asSession(at, person) })
const recorded = (entityId: string, count: number) =>
  recordOf(secrets, { entityType: 'user', entityId }, count)
const usersOf = (reply: Reply) => reply.json as unknown as UserView[]
const plain = ({ status, json }: Reply) => ({ ...json, status, requestId: null })
const countOf = async (statement: string, userId: string): Promise<number> => {
  const { rows } = await sql.query(`select count(*)::int as n from ${statement}`, [userId])
  return rows[0].n
}

/** Everything in which a user stands by their id. */
const traces = [
  '"authUsers" where id = $1',
  '"authSessions" where "userId" = $1',
  '"authAccounts" where "userId" = $1',
  'company_memberships where principal_id = $1',
  'instance_user_roles where user_id = $1',
  'board_api_keys where user_id = $1',
  'company_invites where created_by_user_id = $1 and accepted_at is null and revoked_at is null'
]
const tracesOf = async (userId: string) => {
  const counts = await Promise.all(traces.map((statement) => countOf(statement, userId)))
  return counts.reduce((sum, count) => sum + count, 0)
}

/** Gives a signed-up person everything that a user can have. */
async function furnish(userId: string): Promise<{ token: string; companyId: string }> {
  const companyId = await addCompany(sql)
  await addMember(sql, companyId, await makeUserRow(sql), 'owner')
  await addMember(sql, companyId, userId, 'owner')
  const { token } = await makeBoardKeyRow(sql, userId)
  await makeBoardKeyRow(sql, userId, { companyId })
  await one.call('POST', `/api/companies/${companyId}/invites`, { token, body: { role: 'viewer' } })
  return { token, companyId }
}

t.test('users are listed newest first, in pages that neither repeat nor skip', async (t) => {
  for (let n = 0; n < 12; n++) await makeUserRow(sql)
  const before = usersOf(await admin('GET', '?limit=500'))
  t.same(Object.keys(before[0] ?? {}).sort(), ['createdAt', 'email', 'id', 'isInstanceAdmin', 'name'])
  t.match(
    before.find(({ id }) => id === root.userId),
    { isInstanceAdmin: true }
  )
  t.match(
    before.find(({ id }) => id === ada.userId),
    { isInstanceAdmin: false, email: ada.email, name: 'Ada' }
  )
  const seen: string[] = []
  let next: string | undefined = `${users}?limit=5`
  for (let page = 0; next !== undefined; page++) {
    const reply: Reply = await on(page).call('GET', next, { token: root.token })
    seen.push(...usersOf(reply).map(({ id }) => id))
    next = /^<(.+)>; rel="next"$/.exec(reply.headers.link ?? '')?.[1]
    await makeUserRow(sql)
    if (page === 0) await admin('DELETE', `/${before[2]?.id}`)
  }
  t.same(
    seen,
    before.map(({ id }) => id)
  )
  t.same([...seen].sort().reverse(), seen)
})

t.test('who is promoted or demoted signs in again, and has the new rights then, everywhere', async (t) => {
  const second = await signIn(two, ada)
  t.equal((await one.call('GET', users, { headers: asSession(one, ada) })).status, 403)
  const { token: old } = await makeBoardKeyRow(sql, ada.userId, { instanceAdmin: true })
  t.equal(
    (await one.call('GET', users, { token: old })).status,
    403,
    'a key carries no more than its user has'
  )
  t.match((await admin('POST', `/${ada.userId}/promote`)).json, { id: ada.userId, isInstanceAdmin: true })
  for (const at of [one, two])
    for (const session of [ada, second]) t.equal((await me(at, session)).status, 401)
  const third = await signIn(one, ada)
  t.equal((await two.call('GET', users, { headers: asSession(two, third) })).status, 200)
  t.match(await admin('POST', `/${ada.userId}/promote`), { status: 200, json: { isInstanceAdmin: true } })
  t.equal((await me(two, third)).status, 200, 'promoting an admin changes nothing')

  t.match((await admin('POST', `/${ada.userId}/demote`)).json, { isInstanceAdmin: false })
  for (const at of [one, two]) {
    t.equal((await me(at, third)).status, 401)
    t.equal((await at.call('GET', users, { token: old })).status, 403)
  }
  t.match(await admin('POST', `/${ada.userId}/demote`), { status: 200, json: { isInstanceAdmin: false } })
  const rows = await recorded(ada.userId, 3)
  t.match(
    rows.slice(-2).map(({ action, actorId, companyId, metadata }) => [action, actorId, companyId, metadata]),
    [
      ['instance_admin.granted', root.userId, null, { sessionsEnded: 2 }],
      ['instance_admin.revoked', root.userId, null, { sessionsEnded: 1 }]
    ]
  )
})

t.test('the last instance admin stays one, also when two gateways are asked at once', async (t) => {
  t.match(await admin('POST', `/${root.userId}/demote`), { status: 409, json: { code: 'last_admin' } })
  t.match(await admin('DELETE', `/${root.userId}`), { status: 409, json: { code: 'user_is_admin' } })
  for (let round = 0; round < 8; round++) {
    const admins = [await keyPerson(sql, { admin: true }), await keyPerson(sql, { admin: true })]
    const all = [...admins, root]
    // Each asks for the next one, so that everybody is still an admin when they ask.
    const replies = await Promise.all(
      all.map(({ token }, n) =>
        on(n + round).call('POST', `${users}/${all[(n + 1) % all.length]?.userId}/demote`, { token })
      )
    )
    const left = await countOf('instance_user_roles where $1 <> user_id', '')
    t.ok(left >= 1, `${left} admins are left`)
    t.equal(replies.filter(({ status }) => status === 200).length + left, 3)
    for (const { status } of replies) t.ok([200, 403, 409].includes(status), String(status))
    await sql.query('delete from instance_user_roles')
    await sql.query(`insert into instance_user_roles values ($1, 'instance_admin')`, [root.userId])
  }
})

t.test(
  'a deleted user is gone with all that authenticates for them; the record keeps the bare id',
  async (t) => {
    const { token, companyId } = await furnish(bea.userId)
    for (const at of [one, two]) {
      t.equal((await me(at, bea)).status, 200)
      t.equal((await at.call('GET', '/api/me', { token })).status, 200)
    }
    t.ok((await tracesOf(bea.userId)) >= 6)
    t.same((await admin('DELETE', `/${bea.userId}`)).json, { ok: true })
    t.equal(await tracesOf(bea.userId), 0)
    for (const at of [one, two]) {
      t.equal((await me(at, bea)).status, 401)
      t.equal((await at.call('GET', '/api/me', { token })).status, 401)
    }
    t.match(await admin('DELETE', `/${bea.userId}`), { status: 404, json: { code: 'not_found' } })
    const rows = await recorded(bea.userId, 2)
    t.match(rows.at(-1), {
      action: 'user.deleted',
      companyId: null,
      actorType: 'user',
      actorId: root.userId,
      metadata: { memberships: 1, sessions: 1 }
    })
    t.equal(rows.filter(({ action }) => action === 'user.deleted').length, 1)
    const [removed] = await recordOf(secrets, { entityType: 'member', entityId: bea.userId }, 1)
    t.match(removed, {
      action: 'member.removed',
      companyId,
      metadata: { role: 'owner', reason: 'user_deleted' }
    })
    t.notOk(JSON.stringify(secrets.delivered).includes(bea.email), 'no e-mail went into the record')
  }
)

t.test('a user who is the last owner of a company cannot be deleted until there is another', async (t) => {
  const companyId = await addCompany(sql)
  const other = await addCompany(sql)
  const owner = await makeUserRow(sql, { roles: { [companyId]: 'owner', [other]: 'owner' } })
  const deputy = await makeUserRow(sql, { roles: { [companyId]: 'admin' } })
  const refused = await admin('DELETE', `/${owner}`)
  t.match(refused, { status: 409, json: { code: 'last_owner', detail: /and of 1 more/ } })
  await addMember(sql, companyId, deputy, 'owner')
  t.match(await admin('DELETE', `/${owner}`), { json: { code: 'last_owner', detail: new RegExp(other) } })
  await addMember(sql, other, deputy, 'owner')
  const both = await Promise.all([admin('DELETE', `/${owner}`, one), admin('DELETE', `/${deputy}`, two)])
  t.same(both.map(({ status }) => status).sort(), [200, 409], 'of both owners at once one is left')
  const raced = await makeUserRow(sql)
  const outcomes = await Promise.all([
    admin('DELETE', `/${raced}`, one),
    admin('POST', `/${raced}/promote`, two),
    admin('DELETE', `/${raced}`, two)
  ])
  const gone = outcomes.some((reply, n) => n !== 1 && reply.status === 200)
  t.equal(await countOf('instance_user_roles where user_id = $1', raced), gone ? 0 : 1)
})

t.test(
  'the statements the guide prints for deleting a user work, in any order, with the next request',
  async (t) => {
    const byHand = new pg.Client({
      connectionString: installation.database.ownerUrl('gateway'),
      // As the roles of a hosted installation have it by themselves.
      options: '-c search_path=gateway'
    })
    await byHand.connect()
    t.teardown(() => byHand.end())
    const { token, companyId } = await furnish(cleo.userId)
    const enter = (at: TestGateway) => at.call('GET', `/api/companies/${companyId}`, { token })
    t.equal((await enter(two)).status, 200)
    await byHand.query(`DELETE FROM company_memberships WHERE principal_id = '${cleo.userId}';`)
    for (const at of [one, two]) t.equal((await enter(at)).status, 403)
    await byHand.query(`DELETE FROM "authSessions" WHERE "userId" = '${cleo.userId}';`)
    for (const at of [one, two]) t.equal((await me(at, cleo)).status, 401)
    await byHand.query(`DELETE FROM "authUsers" WHERE id = '${cleo.userId}';`)
    for (const at of [one, two]) t.equal((await enter(at)).status, 401)
    t.equal(await tracesOf(cleo.userId), 0)
    const row = (await recorded(cleo.userId, 2)).at(-1)
    t.match(row, { action: 'user.deleted', actorType: 'system' }, 'and are recorded')
  }
)

t.test('sessions are ended by an admin or by their own user, and by nobody else', async (t) => {
  const first = dana
  const second = await signIn(two, dana)
  const path = `${users}/${dana.userId}/sessions`
  const stranger = await keyPerson(sql)
  const refused = await Promise.all(
    [dana.userId, root.userId, newId(), 'x', 'local-board'].map((id) =>
      one.call('DELETE', `${users}/${id}/sessions`, { token: stranger.token })
    )
  )
  for (const reply of refused)
    t.same(plain(reply), { ...plain(refused[0] as Reply), status: 403, code: 'forbidden' })
  t.equal((await me(two, first)).status, 200)
  t.same((await one.call('DELETE', path, { headers: asSession(one, first) })).json, { ok: true })
  for (const at of [one, two])
    for (const session of [first, second]) t.equal((await me(at, session)).status, 401)
  const third = await signIn(one, dana)
  t.same((await admin('DELETE', `/${dana.userId}/sessions`)).json, { ok: true })
  for (const at of [one, two]) t.equal((await me(at, third)).status, 401)
  t.equal((await admin('DELETE', `/${newId()}/sessions`)).status, 404)
  const rows = (await recorded(dana.userId, 3)).filter(({ action }) => action === 'user.sessions_ended')
  t.match(
    rows.map(({ actorId, metadata }) => [actorId, metadata]),
    [
      [dana.userId, { sessions: 2 }],
      [root.userId, { sessions: 1 }]
    ]
  )
  const limited = await makeBoardKeyRow(sql, dana.userId, { companyId: await addCompany(sql) })
  t.equal(
    (await one.call('DELETE', path, { token: limited.token })).status,
    403,
    'nor by a key for one company'
  )
})

t.test('nobody but an instance admin administers people, and ids that are none are unknown', async (t) => {
  const companyId = await addCompany(sql)
  const owner = await keyPerson(sql, { roles: { [companyId]: 'owner' } })
  const { agentKey, runToken } = await agentBearers(one, { companyId, token: owner.token })
  const narrowed = await makeBoardKeyRow(sql, root.userId, { companyId })
  const lesser = await makeBoardKeyRow(sql, root.userId)
  const target = await makeUserRow(sql)
  const calls = [
    ['GET', ''],
    ['POST', `/${target}/promote`],
    ['POST', `/${owner.userId}/promote`],
    ['POST', `/${root.userId}/demote`],
    ['DELETE', `/${target}`],
    ['DELETE', `/${target}/sessions`]
  ] as const
  for (const token of [owner.token, agentKey, runToken, narrowed.token, lesser.token])
    for (const [method, path] of calls)
      t.match(await one.call(method, `${users}${path}`, { token }), {
        status: 403,
        json: { code: 'forbidden' }
      })
  for (const [method, path] of calls) t.equal((await one.call(method, `${users}${path}`)).status, 401)
  t.equal(await countOf('"authUsers" where id = $1', target), 1)
  for (const id of [newId(), 'x', 'local-board', '%00', '%20', "'--", 'x'.repeat(65)])
    for (const [method, path] of [
      ['POST', '/promote'],
      ['POST', '/demote'],
      ['DELETE', ''],
      ['DELETE', '/sessions']
    ] as const)
      t.match(
        await admin(method, `/${id}${path}`),
        { status: 404, json: { code: 'not_found' } },
        id.slice(0, 12)
      )
  t.notMatch(log(), /"level":50/)
})
