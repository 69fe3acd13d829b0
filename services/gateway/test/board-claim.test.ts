import type { BoardClaimView } from '@paperclip/contracts'
import { eventually } from '@paperclip/testing'
import t from 'tap'
import { makeBoardKeyRow } from './fixtures/board-rows.js'
import {
  addCompany,
  addMember,
  asSession,
  authenticatedInstallation,
  fromAnywhere,
  type Person,
  signIn,
  signUp
} from './fixtures/people.js'
import type { CallOptions, Reply } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await authenticatedInstallation(t)
const { gateway: one, admin: sql, secrets, log, start } = installation

interface Ticket {
  base: string
  token: string
  code: string
}

/** The claims that start-up logs have shown so far, in order. */
const printed = (): Ticket[] =>
  [...log().matchAll(/(https?:\/\/[^\s"]+)\/board-claim\/([\w-]+)\?code=([\w-]+)/g)].map(
    ([, base = '', token = '', code = '']) => ({ base, token, code })
  )
const lastTicket = (): Ticket => printed().at(-1) ?? { base: '', token: '', code: '' }

const call = (method: string, path: string, options: CallOptions = {}, at = one) =>
  at.call(method, path, { ...options, headers: { ...fromAnywhere(), ...options.headers } })
const look = ({ token, code }: Pick<Ticket, 'token' | 'code'>, at = one) =>
  call('GET', `/api/board-claim/${token}?code=${code}`, {}, at)
const claim = (person: Person, { token, code }: Pick<Ticket, 'token' | 'code'>, at = one) =>
  call('POST', `/api/board-claim/${token}/claim`, { body: { code }, headers: asSession(at, person) }, at)
const bootstrapStatus = async (at = one) =>
  ((await call('GET', '/api/health', {}, at)).json as unknown as { bootstrapStatus: string }).bootstrapStatus
const admins = async () =>
  (await sql.query('select user_id from instance_user_roles')).rows.map((row) => row.user_id)
const plain = ({ status, json }: Reply) => ({ ...json, status, requestId: null })
const absent = { token: 'A'.repeat(43), code: 'A'.repeat(43) }
/** Takes the instance from whoever has it, as a broken restore might. */
const unclaim = () => sql.query('delete from instance_user_roles')

t.test('each start of an unclaimed instance prints one claim, and the earlier ones stay good', async (t) => {
  const two = await start({ PAPERCLIP_PUBLIC_URL: 'https://paperclip.example/' })
  const three = await start({ PAPERCLIP_ALLOWED_HOSTNAMES: 'vault.internal,other.internal' })
  const four = await start({ HOST: '0.0.0.0' })
  const tickets = printed()
  t.same(
    tickets.map(({ base }) => base),
    [
      `http://127.0.0.1:${one.port}`,
      'https://paperclip.example',
      `http://vault.internal:${three.port}`,
      `http://127.0.0.1:${four.port}`
    ]
  )
  for (const [at, ticket] of [
    [one, tickets[0]],
    [two, tickets[1]],
    [three, tickets[2]],
    [four, tickets[3]]
  ] as const)
    for (const host of ['127.0.0.1', 'localhost', 'LOCALHOST.', '[::1]'])
      t.match(
        await call(
          'POST',
          '/api/cli-auth/challenges',
          { body: { command: 'x' }, headers: { host: `${host}:${at.port}` } },
          at
        ),
        { status: 201, json: { approvalUrl: new RegExp(`^${ticket?.base}/cli-auth/`) } },
        `a browser that opened the claim has the cookie for what ${host} is told, too`
      )
  for (const { token, code } of tickets) {
    t.match(token, /^[A-Za-z0-9_-]{43}$/)
    t.match(code, /^[A-Za-z0-9_-]{43}$/)
    const { rows } = await sql.query('select row_to_json(c)::text as text from board_claims c')
    t.notOk(
      rows.some(({ text }) => text.includes(token) || text.includes(code)),
      'kept as hashes only'
    )
  }
  for (const stopped of [two, three, four]) await stopped.stop()
  for (const ticket of tickets)
    t.match(await look(ticket), {
      status: 200,
      json: { status: 'available', requiresSignIn: true, claimedByUserId: null }
    })
  const { expiresAt } = (await look(lastTicket())).json as unknown as BoardClaimView
  const hours = (Date.parse(expiresAt) - Date.now()) / 3_600_000
  t.ok(hours > 23.9 && hours <= 24.01, 'for a day')
  t.equal(await bootstrapStatus(), 'bootstrap_pending')
})

t.test('a wrong token and a wrong code are answered alike, to look and to claim', async (t) => {
  const right = lastTicket()
  const [other = right] = printed()
  const person = await signUp(one)
  const wrong = [
    absent,
    { ...right, code: absent.code },
    { ...right, token: absent.token },
    { ...right, code: other.code },
    { ...right, code: right.code.toUpperCase() },
    { ...right, code: right.code.slice(1) },
    { ...right, code: right.token },
    { token: 'x', code: 'x' }
  ]
  const missing = await call('GET', `/api/board-claim/${right.token}`)
  for (const ticket of wrong)
    for (const reply of [await look(ticket), await claim(person, ticket)])
      t.same(plain(reply), plain(missing), 'every time the same')
  t.match(missing, { status: 404, json: { code: 'not_found' } })
  t.equal((await look({ token: 'A.B', code: 'x' })).status, 404)
  t.same(await admins(), [])
})

t.test('only a session claims, and only from our own page', async (t) => {
  const person = await signUp(one)
  const { token, code } = lastTicket()
  const path = `/api/board-claim/${token}/claim`
  const { cookie, origin } = asSession(one, person)
  const key = await makeBoardKeyRow(sql, person.userId, { instanceAdmin: true })
  const tries: [number, string, CallOptions][] = [
    [401, 'unauthenticated', {}],
    [401, 'unauthenticated', { headers: { cookie: `${cookie}x`, origin } }],
    [403, 'forbidden', { token: key.token }],
    [403, 'forbidden', { token: key.token, headers: { cookie, origin } }],
    [403, 'untrusted_origin', { headers: { cookie } }],
    [403, 'untrusted_origin', { headers: { cookie, origin: 'https://evil.example' } }],
    [403, 'untrusted_origin', { headers: { cookie, origin: 'null' } }],
    [403, 'untrusted_origin', { headers: { cookie, 'sec-fetch-site': 'cross-site' } }],
    [400, 'invalid_request', { headers: { cookie, origin }, body: {} }],
    [400, 'invalid_request', { headers: { cookie, origin }, body: { code, userId: 'someone' } }]
  ] // biome-ignore format: one case a line
  for (const [status, problem, options] of tries)
    t.match(
      await call('POST', path, { body: { code }, ...options }),
      { status, json: { code: problem } },
      problem
    )
  t.equal((await call('GET', path, { headers: { cookie, origin } })).status, 404, 'and not by a link')
  t.same(await admins(), [], 'nobody became an admin by any of it, nor by signing in')
})

t.test('an expired claim says so for a day, and is then forgotten at the next start', async (t) => {
  const person = await signUp(one)
  const brief = await start()
  const ticket = lastTicket()
  await brief.stop()
  await sql.query(
    `update board_claims set expires_at = now() where created_at = (select max(created_at) from board_claims)`
  )
  t.match(await look(ticket), { status: 200, json: { status: 'expired', claimedByUserId: null } })
  t.match(await claim(person, ticket), { status: 410, json: { code: 'claim_expired' } })
  await sql.query(
    `update board_claims set expires_at = now() - interval '25 hours' where expires_at <= now()`
  )
  await (await start()).stop()
  t.equal((await look(ticket)).status, 404)
  t.match(await look(printed()[0] ?? absent), { json: { status: 'available' } }, 'the others were left alone')
})

t.test('of twenty who claim at once over two gateways, one wins, and gets all there is', async (t) => {
  const two = await start()
  const companies = [await addCompany(sql, 'A'), await addCompany(sql, 'B'), await addCompany(sql, 'C')]
  await sql.query(`update companies set status = 'archived' where id = $1`, [companies[2]])
  await addMember(sql, companies[1] ?? '', 'local-board', 'owner')
  const people: Person[] = []
  for (let n = 0; n < 20; n += 1) people.push(await signUp(one))
  const tickets = [...printed().slice(0, 2), ...printed().slice(-2)]
  const replies = await Promise.all(
    people.map((person, n) => claim(person, tickets[n % tickets.length] ?? absent, n % 2 === 0 ? one : two))
  )
  t.equal(replies.filter((reply) => reply.status === 200).length, 1)
  t.equal(replies.filter((reply) => reply.status === 409 && reply.json.code === 'already_claimed').length, 19)
  const winner = people[replies.findIndex((reply) => reply.status === 200)] as Person
  t.same(replies.find((reply) => reply.status === 200)?.json, { claimed: true, userId: winner.userId })
  t.same(await admins(), [winner.userId])
  const { rows } = await sql.query(
    `select company_id, role, status from company_memberships where principal_id = $1 order by company_id`,
    [winner.userId]
  )
  t.same(
    rows,
    companies.sort().map((company_id) => ({ company_id, role: 'owner', status: 'active' }))
  )
  t.match((await sql.query('select * from instance_settings')).rows, [{ claimed_by_user_id: winner.userId }])

  const loser = people.find((person) => person !== winner) as Person
  for (const ticket of printed().slice(0, 1)) {
    t.match(await look(ticket, two), { json: { status: 'claimed', claimedByUserId: winner.userId } })
    t.match(await claim(loser, ticket, two), { status: 409, json: { code: 'already_claimed' } })
    t.match(await claim(winner, ticket), { status: 409 }, 'not even the winner again')
  }
  t.match((await call('GET', '/api/cli-auth/me', { headers: asSession(two, winner) }, two)).json, {
    isInstanceAdmin: true,
    userId: winner.userId
  })
  for (const at of [one, two])
    await eventually(async () => {
      if ((await bootstrapStatus(at)) !== 'ready') throw new Error('still pending')
    })

  const recorded = await eventually(async () => {
    const rows = secrets.applied.flatMap(({ activity }) => activity ?? [])
    const found = rows.filter((row) => /claimed|granted|member/.test(row.action))
    if (found.length < 5) throw new Error('not delivered')
    return found
  })
  for (const row of recorded) t.match(row, { actorType: 'user', actorId: winner.userId })
  t.same(
    recorded.map(({ action, companyId }) => [action, companyId]),
    [
      ['instance.claimed', null],
      ['instance_admin.granted', null],
      ...recorded.slice(2).map(({ companyId }) => ['member.added', companyId])
    ]
  )
  t.same(
    recorded
      .slice(2)
      .map(({ companyId }) => companyId)
      .sort(),
    companies
  )
  const before = printed().length
  await (await start()).stop()
  t.equal(printed().length, before, 'a claimed instance prints none')
  await two.stop()
})

t.test('the claimant goes on with the session of the claim alone', async (t) => {
  await unclaim()
  // Sign-up is open again, as is the claim: nobody administers the instance.
  const person = await signUp(one)
  const planted = await signIn(one, person)
  await (await start()).stop()
  t.equal((await claim(person, lastTicket())).status, 200)
  const me = (who: Person) => call('GET', '/api/cli-auth/me', { headers: asSession(one, who) })
  t.equal((await me(planted)).status, 401, 'what another holds of it has ended')
  t.match(await me(person), { status: 200, json: { isInstanceAdmin: true } })
})

t.test(
  'when the last admin is gone, a restart offers the instance anew, and old claims stay void',
  async (t) => {
    const owner = await signUpAnew()
    const taken = await addCompany(sql, 'Taken')
    await addMember(sql, taken, owner.userId, 'owner')
    const orphaned = await addCompany(sql, 'Orphaned')
    const old = printed()
    await (await start()).stop()
    t.equal(printed().length, old.length + 1)
    for (const ticket of old.slice(-2)) {
      t.match((await look(ticket)).json, { status: 'claimed' })
      t.match(await claim(owner, ticket), { status: 409, json: { code: 'already_claimed' } })
    }
    const heir = await signUp(one)
    t.equal((await claim(heir, lastTicket())).status, 200)
    const { rows } = await sql.query('select company_id from company_memberships where principal_id = $1', [
      heir.userId
    ])
    const owned = rows.map((row) => row.company_id)
    t.ok(owned.includes(orphaned), 'what nobody owns')
    t.notOk(owned.includes(taken), 'not what somebody has')
  }
)

t.test(
  'of more than 200 companies the claimant owns 200, the active and old ones, and enters the rest',
  async (t) => {
    const person = await signUpAnew()
    await sql.query('delete from companies')
    await sql.query(
      `insert into companies (id, name, status)
     select (lpad(to_hex(n), 8, '0') || '-0000-7000-8000-000000000000')::uuid, 'C',
       case when n <= 3 then 'archived' else 'active' end
     from generate_series(1, 205) n`
    )
    await (await start()).stop()
    t.equal((await claim(person, lastTicket())).status, 200)
    const { rows } = await sql.query(
      `select count(*)::int as n, count(*) filter (where c.status = 'archived')::int as archived
     from company_memberships m join companies c on c.id = m.company_id where m.principal_id = $1`,
      [person.userId]
    )
    t.match(rows, [{ n: 200, archived: 0 }])
    const headers = asSession(one, person)
    t.equal(
      (await call('GET', '/api/companies/00000001-0000-7000-8000-000000000000', { headers })).status,
      200
    )
  }
)

t.test('a claim that cannot be recorded did not happen', async (t) => {
  const person = await signUpAnew()
  await (await start()).stop()
  await sql.query(`
    create function gateway.fail() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
    create trigger fail before insert on outbox for each row
      when (new.item->'activity'->>'action' = 'member.added' or new.item->'activity'->>'action' = 'instance.claimed')
      execute function gateway.fail()`)
  t.equal((await claim(person, lastTicket())).status, 500)
  t.same(await admins(), [])
  t.match((await look(lastTicket())).json, { status: 'available' })
  await sql.query('drop trigger fail on outbox')
  t.equal((await claim(person, lastTicket())).status, 200)
})

t.test('a claim is in the start-up line and in no other', async (t) => {
  const lines = log().split('\n')
  for (const { token, code } of printed()) {
    const found = lines.filter((line) => line.includes(token) || line.includes(code))
    t.equal(found.length, 1)
    t.match(JSON.parse(found[0] ?? '{}'), { level: 40 })
  }
  t.notOk(JSON.stringify(secrets.delivered).includes(lastTicket().token))
})

async function signUpAnew(): Promise<Person> {
  await unclaim()
  return await signUp(one)
}
