import { type CompanyRole, limits, type MemberView, newId } from '@paperclip/contracts'
import t from 'tap'
import { makeBoardKeyRow, makeUserRow } from './fixtures/board-rows.js'
import { agentBearers, keyPerson, recordOf } from './fixtures/key-people.js'
import { addCompany, addMember, asSession, authenticatedInstallation, signUp } from './fixtures/people.js'
import type { Reply } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await authenticatedInstallation(t)
const { gateway: one, admin: sql, secrets, log } = installation
const two = await installation.start()
// Before there is an instance admin: later on, signing up needs an invite.
const person = await signUp(one)
const on = (n: number) => (n % 2 === 0 ? one : two)

const members = (companyId: string) => `/api/companies/${companyId}/members`
const member = (companyId: string, userId: string) => `${members(companyId)}/${userId}`
const rolesIn = async (companyId: string): Promise<Record<string, CompanyRole>> => {
  const { rows } = await sql.query(
    'select principal_id as id, role from company_memberships where company_id = $1',
    [companyId]
  )
  return Object.fromEntries(rows.map(({ id, role }) => [id, role]))
}
const plain = ({ status, json }: Reply) => ({ ...json, status, requestId: null })

/** A company with one person in each role. */
async function staffed() {
  const companyId = await addCompany(sql)
  const person = (role: CompanyRole) => keyPerson(sql, { roles: { [companyId]: role } })
  const [owner, admin, operator, viewer] = await Promise.all(
    (['owner', 'admin', 'operator', 'viewer'] as const).map(person)
  )
  if (!owner || !admin || !operator || !viewer) throw new Error('nobody')
  return { companyId, owner, admin, operator, viewer }
}

t.test('members are listed with names and roles, in pages that neither repeat nor skip', async (t) => {
  const { companyId, viewer, owner } = await staffed()
  const whole = await one.call('GET', members(companyId), { token: viewer.token })
  t.equal(whole.status, 200)
  const rows = whole.json as unknown as MemberView[]
  t.match(rows.map(({ role }) => role).sort(), ['admin', 'operator', 'owner', 'viewer'])
  t.match(
    rows.find(({ userId }) => userId === owner.userId),
    { name: 'Ada', email: `${owner.userId}@example.com`, role: 'owner' }
  )
  t.same(Object.keys(rows[0] ?? {}).sort(), ['createdAt', 'email', 'name', 'role', 'userId'])
  const seen: string[] = []
  let next: string | undefined = `${members(companyId)}?limit=1`
  for (let page = 0; next !== undefined; page++) {
    const reply: Reply = await on(page).call('GET', next, { token: viewer.token })
    seen.push(...(reply.json as unknown as MemberView[]).map(({ userId }) => userId))
    next = /^<(.+)>; rel="next"$/.exec(reply.headers.link ?? '')?.[1]
    if (page === 0) await addMember(sql, companyId, await makeUserRow(sql), 'viewer')
  }
  t.same(
    seen,
    rows.map(({ userId }) => userId)
  )
  await sql.query(`update company_memberships set status = 'suspended' where principal_id = $1`, [
    owner.userId
  ])
  const { json } = await one.call('GET', members(companyId), { token: viewer.token })
  t.notOk(JSON.stringify(json).includes(owner.userId), 'who is suspended is no member')
})

t.test('roles are given and taken by admins, and those of owners by owners alone', async (t) => {
  const { companyId, owner, admin, operator, viewer } = await staffed()
  const target = await makeUserRow(sql, { roles: { [companyId]: 'viewer' } })
  const set = (by: { token: string }, userId: string, role: unknown) =>
    one.call('PUT', member(companyId, userId), { token: by.token, body: { role } })
  const remove = (by: { token: string }, userId: string) =>
    two.call('DELETE', member(companyId, userId), { token: by.token })
  for (const by of [viewer, operator])
    for (const reply of [
      await set(by, target, 'operator'),
      await remove(by, target),
      await set(by, by.userId, 'admin')
    ])
      t.match(reply, { status: 403, json: { code: 'read_only_role' } })
  for (const role of ['operator', 'admin', 'viewer'])
    t.match(await set(admin, target, role), { status: 200, json: { userId: target, role } })
  const refused = [
    await set(admin, target, 'owner'),
    await set(admin, admin.userId, 'owner'),
    await set(admin, owner.userId, 'viewer'),
    await set(admin, owner.userId, 'owner'),
    await remove(admin, owner.userId)
  ]
  for (const reply of refused) t.match(reply, { status: 403, json: { code: 'owner_required' } })
  for (const role of ['', 'Owner', 'member', 'instance_admin', null, 1, ['owner'], undefined])
    t.equal((await set(owner, target, role)).status, 400, JSON.stringify(role))
  t.match(await set(owner, target, 'owner'), { status: 200, json: { role: 'owner' } })
  t.match(await set(owner, target, 'owner'), { status: 200 }, 'the same again changes nothing')
  t.same((await remove(owner, target)).json, { ok: true })
  t.equal((await remove(owner, target)).status, 404)
  const recorded = await recordOf(secrets, { entityType: 'member', entityId: target }, 5)
  t.same(
    recorded.map(({ action, actorId, metadata }) => [action, actorId, metadata]),
    [
      ['member.role_changed', admin.userId, { oldRole: 'viewer', newRole: 'operator' }],
      ['member.role_changed', admin.userId, { oldRole: 'operator', newRole: 'admin' }],
      ['member.role_changed', admin.userId, { oldRole: 'admin', newRole: 'viewer' }],
      ['member.role_changed', owner.userId, { oldRole: 'viewer', newRole: 'owner' }],
      ['member.removed', owner.userId, { role: 'owner' }]
    ]
  )
  t.same([...new Set(recorded.map((row) => row.companyId))], [companyId])
  const root = await keyPerson(sql, { admin: true })
  t.match(await set(root, viewer.userId, 'owner'), { status: 200 }, 'an instance admin may make owners')
  const { token } = await makeBoardKeyRow(sql, root.userId, { companyId })
  t.match(
    await set({ token }, viewer.userId, 'viewer'),
    { status: 200 },
    'also by a key for that company alone'
  )
})

t.test('a company keeps an owner, also when two gateways are asked at once', async (t) => {
  const lonely = await staffed()
  const alone = { token: lonely.owner.token }
  const path = member(lonely.companyId, lonely.owner.userId)
  for (const reply of [
    await one.call('PUT', path, { ...alone, body: { role: 'admin' } }),
    await one.call('DELETE', path, alone)
  ])
    t.match(reply, { status: 409, json: { code: 'last_owner' } })
  t.match(await one.call('PUT', path, { ...alone, body: { role: 'owner' } }), { status: 200 })
  await sql.query(
    `update company_memberships set role = 'owner', status = 'suspended' where principal_id = $1`,
    [lonely.admin.userId]
  )
  t.equal((await one.call('DELETE', path, alone)).status, 409, 'a suspended owner is none')

  for (let round = 0; round < 8; round++) {
    const companyId = await addCompany(sql)
    const owners = await Promise.all([0, 1, 2].map(() => keyPerson(sql, { roles: { [companyId]: 'owner' } })))
    // Each takes the ownership of the next one, so that all are still owners when they ask.
    const replies = await Promise.all(
      owners.map(({ token }, n) => {
        const next = owners[(n + 1) % owners.length]?.userId ?? ''
        return (n + round) % 3 === 0
          ? on(n).call('DELETE', member(companyId, next), { token })
          : on(n + round).call('PUT', member(companyId, next), { token, body: { role: 'viewer' } })
      })
    )
    const left = Object.values(await rolesIn(companyId)).filter((role) => role === 'owner').length
    const done = replies.filter(({ status }) => status === 200).length
    t.ok(left >= 1, `${left} of 3 owners are left`)
    t.equal(done + left, 3, 'each success took one')
    for (const { status } of replies) t.ok([200, 403, 409].includes(status), String(status))
  }
})

t.test('who is removed or demoted is so with the next request, on every gateway', async (t) => {
  const { companyId, owner } = await staffed()
  const { token } = await makeBoardKeyRow(sql, person.userId)
  const { token: limited } = await makeBoardKeyRow(sql, person.userId, { companyId })
  await addMember(sql, companyId, person.userId, 'operator')
  const project = { method: 'POST', path: `/api/companies/${companyId}/projects`, body: { name: 'P' } }
  const tries = [one, two].flatMap((gateway) => [
    ({ method, path, body }: typeof project) =>
      gateway.call(method, path, {
        headers: asSession(gateway, person),
        ...(method === 'GET' ? {} : { body })
      }),
    ...[token, limited].map(
      (bearer) =>
        ({ method, path, body }: typeof project) =>
          gateway.call(method, path, { token: bearer, ...(method === 'GET' ? {} : { body }) })
    )
  ])
  for (const go of tries) t.equal((await go(project)).status, 201)
  await two.call('PUT', member(companyId, person.userId), { token: owner.token, body: { role: 'viewer' } })
  for (const go of tries) t.match(await go(project), { status: 403, json: { code: 'read_only_role' } })
  for (const go of tries) t.equal((await go({ ...project, method: 'GET' })).status, 200)
  await one.call('DELETE', member(companyId, person.userId), { token: owner.token })
  for (const method of ['GET', 'POST'])
    for (const go of tries)
      t.match(await go({ ...project, method }), { status: 403, json: { code: 'company_forbidden' } })
})

t.test('neither another company, nor a body, nor an agent reaches a member', async (t) => {
  const mine = await staffed()
  const theirs = await staffed()
  const before = await rolesIn(theirs.companyId)
  const by = { token: mine.owner.token }
  const body = { role: 'viewer' }
  for (const userId of [
    theirs.viewer.userId,
    newId(),
    'local-board',
    'x',
    '%00',
    '%20',
    "'--",
    'x'.repeat(65)
  ]) {
    const path = member(mine.companyId, userId)
    const absent = await one.call('DELETE', member(mine.companyId, newId()), by)
    for (const reply of [await one.call('PUT', path, { ...by, body }), await one.call('DELETE', path, by)])
      t.same(plain(reply), plain(absent), userId.slice(0, 8))
  }
  for (const companyId of [theirs.companyId, newId()])
    for (const userId of [mine.owner.userId, theirs.viewer.userId])
      for (const reply of [
        await one.call('GET', members(companyId), by),
        await one.call('PUT', member(companyId, userId), { ...by, body }),
        await one.call('DELETE', member(companyId, userId), by)
      ])
        t.match(reply, { status: 403, json: { code: 'company_forbidden' } })
  for (const extra of [
    'companyId',
    'userId',
    'status',
    'principal_id',
    'principal_type',
    'createdAt',
    '__proto__'
  ])
    t.equal(
      (
        await one.call('PUT', member(mine.companyId, mine.viewer.userId), {
          ...by,
          body: `{"role":"admin","${extra}":"${theirs.companyId}"}`
        })
      ).status,
      400,
      extra
    )
  const { token: elsewhere } = await makeBoardKeyRow(sql, mine.owner.userId, { companyId: theirs.companyId })
  t.match(await one.call('PUT', member(mine.companyId, mine.viewer.userId), { token: elsewhere, body }), {
    status: 403,
    json: { code: 'company_forbidden' }
  })
  const { agentKey, runToken } = await agentBearers(one, { companyId: mine.companyId, ...by })
  for (const token of [agentKey, runToken])
    for (const method of ['GET', 'PUT', 'DELETE'])
      t.match(
        await one.call(
          method,
          method === 'GET' ? members(mine.companyId) : member(mine.companyId, mine.viewer.userId),
          {
            token,
            ...(method === 'PUT' ? { body } : {})
          }
        ),
        { status: 403, json: { code: 'forbidden' } }
      )
  t.same(await rolesIn(theirs.companyId), before)
  t.equal((await rolesIn(mine.companyId))[mine.viewer.userId], 'viewer')
  t.equal((await one.call('GET', members(mine.companyId), {})).status, 401)
})

t.test('who creates a company owns it, as far as memberships reach', async (t) => {
  const root = await keyPerson(sql, { admin: true })
  const create = (n: number) =>
    on(n).call('POST', '/api/companies', { token: root.token, body: { name: 'New' } })
  const { json } = await create(0)
  t.same(await rolesIn(json.id), { [root.userId]: 'owner' })
  const [added] = await recordOf(secrets, { entityType: 'member', entityId: root.userId }, 1)
  t.match(added, {
    action: 'member.added',
    companyId: json.id,
    actorId: root.userId,
    metadata: { role: 'owner' }
  })
  await sql.query(
    `with made as (insert into companies (id, name) select gen_random_uuid(), 'Many' from generate_series(3, $2) returning id)
     insert into company_memberships (company_id, principal_type, principal_id, role) select id, 'user', $1, 'viewer' from made`,
    [root.userId, limits.membershipsMax]
  )
  const replies = await Promise.all([0, 1, 2, 3].map(create))
  t.same([...new Set(replies.map(({ status }) => status))], [201])
  const founded = await Promise.all(replies.map((reply) => rolesIn(reply.json.id)))
  t.equal(founded.filter((roles) => roles[root.userId] === 'owner').length, 1, 'the last place is given once')
  t.equal((await one.call('GET', '/api/me', { token: root.token })).status, 200)
  for (const reply of replies)
    t.equal((await two.call('GET', `/api/companies/${reply.json.id}`, { token: root.token })).status, 200)
})

t.test('nothing of this was an error to the log', (t) => {
  t.notMatch(log(), /"level":50/)
  t.end()
})
