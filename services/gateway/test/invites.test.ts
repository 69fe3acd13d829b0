import { type CompanyRole, type InviteView, limits, newId } from '@paperclip/contracts'
import { eventually, heldLock } from '@paperclip/testing'
import t from 'tap'
import { makeUserRow } from './fixtures/board-rows.js'
import { agentBearers, type KeyPerson, keyPerson, recordOf } from './fixtures/key-people.js'
import {
  addCompany,
  addMember,
  asSession,
  authenticatedInstallation,
  fromAnywhere,
  type Person,
  signUp
} from './fixtures/people.js'
import type { Reply, TestGateway } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await authenticatedInstallation(t)
const { gateway: one, admin: sql, secrets, database, log } = installation
const two = await installation.start()
const on = (n: number) => (n % 2 === 0 ? one : two)
// Before there is an instance admin: later on, signing up needs an invite.
const [ada, bea, cleo] = await Promise.all([signUp(one), signUp(one), signUp(one)])
if (!ada || !bea || !cleo) throw new Error('nobody')
const root = await keyPerson(sql, { admin: true })

interface Made extends InviteView {
  token: string
  url: string
}

const invites = (companyId: string) => `/api/companies/${companyId}/invites`
const create = (by: KeyPerson, companyId: string, body: object = { role: 'viewer' }) =>
  one.call('POST', invites(companyId), { token: by.token, body })
const madeBy = async (by: KeyPerson, companyId: string, body?: object) =>
  (await create(by, companyId, body)).json as unknown as Made
const look = (token: string, at = one) => at.call('GET', `/api/invites/${token}`, { headers: fromAnywhere() })
const accept = (token: string, person: Person, at: TestGateway = one) =>
  at.call('POST', `/api/invites/${token}/accept`, {
    headers: { ...fromAnywhere(), ...asSession(at, person) }
  })
const owned = async (role: CompanyRole = 'owner') => {
  const companyId = await addCompany(sql)
  return { companyId, by: await keyPerson(sql, { roles: { [companyId]: role } }) }
}
const roleOf = async (companyId: string, userId: string): Promise<CompanyRole | undefined> => {
  const { rows } = await sql.query(
    'select role from company_memberships where company_id = $1 and principal_id = $2',
    [companyId, userId]
  )
  return rows[0]?.role
}
const plain = ({ status, json }: Reply) => ({ ...json, status, requestId: null })
const isClosed = { status: 410, json: { code: 'invite_closed' } }

t.test(
  'an invite is shown once, is kept as a hash, says what it offers, and makes a member once',
  async (t) => {
    const { companyId, by } = await owned()
    const reply = await create(by, companyId, { role: 'operator' })
    t.match(reply, {
      status: 201,
      headers: { 'cache-control': 'no-store' },
      json: { token: /^[A-Za-z0-9_-]{43}$/ }
    })
    const made = reply.json as unknown as Made
    t.equal(made.url, `http://127.0.0.1:${one.port}/invites/${made.token}`, 'at the address it was asked for')
    const hours = (Date.parse(made.expiresAt) - Date.parse(made.createdAt)) / 3_600_000
    t.equal(hours, 72)
    const list = await two.call('GET', invites(companyId), { token: by.token })
    const { token: _, url: __, ...facts } = made
    t.same(list.json, [facts])
    const { rows } = await sql.query(
      'select row_to_json(i)::text as text from company_invites i where id = $1',
      [made.id]
    )
    t.notOk(rows[0].text.includes(made.token))
    t.same((await look(made.token, two)).json, {
      companyId,
      companyName: 'Acme',
      role: 'operator',
      expiresAt: made.expiresAt
    })
    t.same((await accept(made.token, ada, two)).json, { companyId, role: 'operator' })
    t.equal(await roleOf(companyId, ada.userId), 'operator')
    const project = { headers: asSession(one, ada), body: { name: 'P' } }
    t.equal((await one.call('POST', `/api/companies/${companyId}/projects`, project)).status, 201)
    for (const again of [
      await accept(made.token, ada),
      await accept(made.token, bea, two),
      await look(made.token)
    ])
      t.match(again, isClosed)
    t.same((await one.call('GET', invites(companyId), { token: by.token })).json, [])
    const recorded = await recordOf(secrets, { entityType: 'invite', entityId: made.id }, 2)
    t.match(
      recorded.map(({ action, actorId }) => [action, actorId]),
      [
        ['invite.created', by.userId],
        ['invite.accepted', ada.userId]
      ]
    )
    const [added] = await recordOf(secrets, { entityType: 'member', entityId: ada.userId }, 1)
    t.match(added, { action: 'member.added', companyId, metadata: { role: 'operator', inviteId: made.id } })
    t.notOk(JSON.stringify(secrets.delivered).includes(made.token))
  }
)

t.test('nobody invites to more than they are, nor without being an admin', async (t) => {
  const companyId = await addCompany(sql)
  const can: Record<string, CompanyRole[]> = {
    viewer: [],
    operator: [],
    admin: ['viewer', 'operator', 'admin'],
    owner: ['viewer', 'operator', 'admin', 'owner']
  }
  for (const [role, allowed] of Object.entries(can)) {
    const by = await keyPerson(sql, { roles: { [companyId]: role as CompanyRole } })
    for (const offered of ['viewer', 'operator', 'admin', 'owner'] as const) {
      const { status, json } = await create(by, companyId, { role: offered })
      if (allowed.includes(offered)) t.equal(status, 201, `${role} invites ${offered}`)
      else
        t.match(
          { status, json },
          {
            status: 403,
            json: { code: allowed.length === 0 ? 'read_only_role' : 'owner_required' }
          }
        )
    }
    if (allowed.length === 0)
      t.equal((await one.call('GET', invites(companyId), { token: by.token })).status, 403)
  }
  t.equal((await create(root, companyId, { role: 'owner' })).status, 201)
  for (const body of [
    {}, { role: 'instance_admin' }, { role: 'viewer', expiresInHours: 0 }, { role: 'viewer', expiresInHours: 721 },
    { role: 'viewer', expiresInHours: 1.5 }, { role: 'viewer', expiresInHours: '72' }, { role: 'viewer', companyId },
    { role: 'viewer', status: 'active' }, { role: 'viewer', token: 'x' }, { role: 'viewer', createdByUserId: root.userId }
  ]) // biome-ignore format: one list
    t.equal((await create(root, companyId, body)).status, 400, JSON.stringify(body))
  const short = await madeBy(root, companyId, { role: 'viewer', expiresInHours: 1 })
  t.equal(Date.parse(short.expiresAt) - Date.parse(short.createdAt), 3_600_000)
})

t.test(
  'what is used, taken back, lapsed, or of an inactive company is closed; what never was is unknown',
  async (t) => {
    const endings: Record<string, (made: Made, companyId: string, by: KeyPerson) => Promise<unknown>> = {
      'taken back': (made, companyId, by) =>
        two.call('DELETE', `${invites(companyId)}/${made.id}`, { token: by.token }),
      lapsed: (made) => sql.query('update company_invites set expires_at = now() where id = $1', [made.id]),
      'company archived': (_, companyId, by) =>
        one.call('PATCH', `/api/companies/${companyId}`, { token: by.token, body: { status: 'archived' } }),
      'inviter removed': (_, companyId, by) =>
        one.call('DELETE', `/api/companies/${companyId}/members/${by.userId}`, { token: root.token }),
      'inviter demoted': (_, companyId, by) =>
        one.call('PUT', `/api/companies/${companyId}/members/${by.userId}`, {
          token: root.token,
          body: { role: 'operator' }
        }),
      'inviter suspended': (_, __, by) =>
        sql.query(`update company_memberships set status = 'suspended' where principal_id = $1`, [by.userId]),
      'inviter deleted': (_, __, by) =>
        one.call('DELETE', `/api/admin/users/${by.userId}`, { token: root.token }),
      'inviter deleted by hand': (_, __, by) =>
        sql.query('DELETE FROM "authUsers" WHERE id = $1', [by.userId])
    }
    for (const [name, end] of Object.entries(endings)) {
      const { companyId, by } = await owned('owner')
      await addMember(sql, companyId, await makeUserRow(sql), 'owner')
      const made = await madeBy(by, companyId, { role: 'admin' })
      t.equal((await look(made.token)).status, 200, name)
      await end(made, companyId, by)
      for (const at of [one, two]) {
        t.match(await look(made.token, at), isClosed, name)
        t.match(await accept(made.token, bea, at), isClosed, name)
      }
      t.equal(await roleOf(companyId, bea.userId), undefined, name)
    }
    const { companyId, by } = await owned('owner')
    await addMember(sql, companyId, await makeUserRow(sql), 'owner')
    const higher = await madeBy(by, companyId, { role: 'owner' })
    const lower = await madeBy(by, companyId, { role: 'admin' })
    await addMember(sql, companyId, by.userId, 'admin')
    t.match(await look(higher.token), isClosed, 'an owner who is an admin now could not invite owners')
    t.equal((await look(lower.token)).status, 200)
    const gone = await madeBy(root, companyId, { role: 'viewer' })
    await one.call('DELETE', `/api/companies/${companyId}?confirm=Acme`, { token: root.token })
    for (const token of [gone.token, 'A'.repeat(43), 'x', gone.id])
      for (const reply of [await look(token), await accept(token, bea)])
        t.match(reply, { status: 404, json: { code: 'not_found' } })
    t.equal((await look('%00')).status, 404)
  }
)

t.test('of two who accept at once on two gateways one becomes a member', async (t) => {
  for (let round = 0; round < 6; round++) {
    const { companyId, by } = await owned()
    const { token } = await madeBy(by, companyId)
    const replies = await Promise.all(
      [ada, bea, cleo].map((person, n) => accept(token, person, on(n + round)))
    )
    t.same(replies.map(({ status }) => status).sort(), [200, 410, 410])
    const { rows } = await sql.query(
      'select count(*)::int as n from company_memberships where company_id = $1',
      [companyId]
    )
    t.equal(rows[0].n, 2, 'the owner and one more')
  }
  const { companyId, by } = await owned()
  const { token } = await madeBy(by, companyId)
  const same = await Promise.all([0, 1, 2, 3].map((n) => accept(token, ada, on(n))))
  t.same(same.map(({ status }) => status).sort(), [200, 410, 410, 410], 'the same one four times')
})

t.test('a member who accepts again, or has too many memberships, leaves the invite open', async (t) => {
  const { companyId, by } = await owned()
  await addMember(sql, companyId, ada.userId, 'viewer')
  const made = await madeBy(by, companyId, { role: 'owner' })
  t.match(await accept(made.token, ada), { status: 409, json: { code: 'already_member' } })
  t.equal(await roleOf(companyId, ada.userId), 'viewer')
  t.equal((await accept(made.token, cleo)).status, 200)

  const { rows } = await sql.query(
    `select count(*)::int as n from company_memberships where principal_id = $1`,
    [cleo.userId]
  )
  await sql.query(
    `with made as (insert into companies (id, name) select gen_random_uuid(), 'Many' from generate_series(2, $2) returning id)
     insert into company_memberships (company_id, principal_type, principal_id, role) select id, 'user', $1, 'viewer' from made`,
    [cleo.userId, limits.membershipsMax - rows[0].n]
  )
  const last = await Promise.all([0, 1, 2].map(async () => madeBy(root, (await owned()).companyId)))
  // All have counted, or wait to, before the first of them goes on.
  const held = await heldLock(t, {
    url: database.adminUrl,
    statement: 'select 1 from gateway.company_invites for update'
  })
  const accepting = last.map(({ token }, n) => accept(token, cleo, on(n)))
  await eventually(async () => {
    const { rows: waiting } = await sql.query(
      'select 1 from pg_stat_activity where cardinality(pg_blocking_pids(pid)) > 0'
    )
    if (waiting.length < last.length) throw new Error('not all wait yet')
  })
  await held.release()
  const replies = await Promise.all(accepting)
  t.same(replies.map(({ status }) => status).sort(), [200, 409, 409], 'the 200th place is given once')
  for (const [n, reply] of replies.entries()) {
    if (reply.status === 200) continue
    t.match(reply.json, { code: 'membership_limit' })
    t.equal((await look(last[n]?.token ?? '')).status, 200, 'and somebody else may still accept')
  }
  t.equal((await one.call('GET', '/api/me', { headers: asSession(one, cleo) })).status, 200)
})

t.test('only a session accepts, and only from our own page', async (t) => {
  const { companyId, by } = await owned()
  const made = await madeBy(by, companyId)
  const path = `/api/invites/${made.token}/accept`
  const outsider = await keyPerson(sql)
  const { agentKey, runToken } = await agentBearers(one, { companyId, token: by.token })
  for (const token of [outsider.token, root.token, agentKey, runToken])
    t.match(await one.call('POST', path, { token, headers: fromAnywhere() }), {
      status: 403,
      json: { code: 'forbidden' }
    })
  t.equal((await one.call('POST', path, { headers: fromAnywhere() })).status, 401)
  for (const headers of [{ cookie: bea.cookie }, { cookie: bea.cookie, origin: 'https://evil.example' }])
    t.match(await one.call('POST', path, { headers: { ...fromAnywhere(), ...headers } }), {
      status: 403,
      json: { code: 'untrusted_origin' }
    })
  t.equal((await one.call('GET', path, { headers: fromAnywhere() })).status, 404, 'looking changes nothing')
  const body = { role: 'owner', companyId, userId: bea.userId }
  await one.call('POST', path, { headers: { ...fromAnywhere(), ...asSession(one, bea) }, body })
  t.not(await roleOf(companyId, bea.userId), 'owner', 'nor does a body say the role')
  for (const token of [agentKey, runToken])
    for (const method of ['GET', 'POST'])
      t.match(
        await one.call(method, invites(companyId), {
          token,
          ...(method === 'POST' ? { body: { role: 'owner' } } : {})
        }),
        { status: 403, json: { code: 'forbidden' } }
      )
})

t.test('an invite of another company is as absent as none, and another company is closed', async (t) => {
  const mine = await owned()
  const theirs = await owned()
  const their = await madeBy(theirs.by, theirs.companyId)
  const my = await madeBy(mine.by, mine.companyId)
  const drop = (companyId: string, id: string) =>
    two.call('DELETE', `${invites(companyId)}/${id}`, { token: mine.by.token })
  t.same(plain(await drop(mine.companyId, their.id)), plain(await drop(mine.companyId, newId())))
  t.match(await drop(mine.companyId, their.id), { status: 404 })
  t.equal((await drop(mine.companyId, 'x')).status, 404)
  for (const id of [their.id, my.id])
    t.match(await drop(theirs.companyId, id), { json: { code: 'company_forbidden' } })
  t.equal((await create(mine.by, theirs.companyId)).status, 403)
  t.equal((await look(their.token)).status, 200)
  for (const _ of [1, 2]) t.same((await drop(mine.companyId, my.id)).json, { ok: true })
  const revoked = await recordOf(secrets, { entityType: 'invite', entityId: my.id }, 2)
  t.same(
    revoked.map(({ action }) => action),
    ['invite.created', 'invite.revoked']
  )
  const used = await madeBy(mine.by, mine.companyId)
  await accept(used.token, bea)
  t.equal((await drop(mine.companyId, used.id)).status, 404, 'what was accepted cannot be taken back')
  const archived = await owned()
  await one.call('PATCH', `/api/companies/${archived.companyId}`, {
    token: archived.by.token,
    body: { status: 'archived' }
  })
  t.match(await create(archived.by, archived.companyId), { status: 422, json: { code: 'company_archived' } })
})

t.test('signing up takes an invite that is open now, and leaves it to be accepted', async (t) => {
  const { companyId, by } = await owned('admin')
  const made = await madeBy(by, companyId)
  const tryIt = (inviteToken: string) =>
    one.call('POST', '/api/auth/sign-up/email', {
      body: { email: `${newId()}@example.com`, name: 'New', password: 'correct horse battery', inviteToken },
      headers: fromAnywhere()
    })
  t.match(await tryIt('A'.repeat(43)), { status: 403, json: { code: 'invite_required' } })
  const guest = await signUp(two, { inviteToken: made.token })
  t.same((await accept(made.token, guest)).json, { companyId, role: 'viewer' })
  t.match(await tryIt(made.token), { status: 403, json: { code: 'invite_required' } }, 'it is used up')
  const stale = await madeBy(by, companyId)
  await addMember(sql, companyId, by.userId, 'viewer')
  t.match(await tryIt(stale.token), { status: 403 }, 'nor by one whose maker could not make it now')
})

t.test('no token was ever logged', (t) => {
  t.notMatch(log(), /"level":50/)
  t.notMatch(log(), /\/api\/invites\/[A-Za-z0-9_-]{43}/)
  t.end()
})
