import { createHmac, randomBytes } from 'node:crypto'
import { newId } from '@paperclip/contracts'
import { connect, type Db } from '@paperclip/db'
import { createLogger, SecretValue } from '@paperclip/server'
import { eventually, heldLock } from '@paperclip/testing'
import t from 'tap'
import type { GatewayDatabase } from '../src/database.js'
import { createMutate } from '../src/outbox/mutation.js'
import { createAuthEngine } from '../src/session/auth-engine.js'
import { createBetterAuth } from '../src/session/better-auth.js'
import { sessionCookieFor } from '../src/session/session-cookie.js'
import { sweepSessions } from '../src/session/session-expiry.js'
import {
  addCompany,
  addMember,
  asSession,
  authenticatedInstallation,
  cookieOf,
  fromAnywhere,
  type Person,
  signIn,
  signUp
} from './fixtures/people.js'
import type { Reply } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(180_000)

const installation = await authenticatedInstallation(t)
const { gateway, admin, database, sessionSecret } = installation
const other = await installation.start()

const me = ({ cookie }: { cookie: string }, at = gateway) =>
  at.call('GET', '/api/me', { headers: { cookie } })
const signInAs = (body: object, headers: Record<string, string> = fromAnywhere(), at = gateway) =>
  at.call('POST', '/api/auth/sign-in/email', { body, headers })
/** What an account may do in ten seconds is the matter of another test. */
const forgetAttempts = () => admin.query('truncate rate_limits')
const moved = (person: Person, change: string) =>
  admin.query(`update "authSessions" set ${change} where id = $1`, [person.sessionId])

/** Connections as the gateway has them. */
function open(t: { teardown(undo: () => unknown): unknown }): Db<GatewayDatabase> {
  const { db, close } = connect<GatewayDatabase>({
    url: database.url('gateway'),
    schema: 'gateway',
    applicationName: 'test',
    poolMax: 4,
    statementTimeoutMs: 5_000,
    lockTimeoutMs: 5_000,
    idleInTransactionTimeoutMs: 5_000,
    connectionTimeoutMs: 5_000,
    queryTimeoutMs: 5_000,
    settings: { 'paperclip.author': 'self' },
    onError: () => {}
  })
  t.teardown(close)
  return db
}

t.test('a stolen database row opens nothing, however it is dressed up', async (t) => {
  const person = await signUp(gateway)
  const { rows } = await admin.query('select * from "authSessions" where id = $1', [person.sessionId])
  const { rows: accounts } = await admin.query('select * from "authAccounts" where "userId" = $1', [
    person.userId
  ])
  const stolen = [...Object.values(rows[0]), ...Object.values(accounts[0])].filter(
    (value): value is string => typeof value === 'string' && value !== ''
  )
  const token: string = rows[0].token
  const signed = (text: string, key: string | Buffer, encoding: 'base64' | 'base64url' | 'hex' = 'base64') =>
    `${text}.${createHmac('sha256', key).update(text).digest(encoding)}`
  const guesses = [
    ...stolen,
    `${token}.`,
    `${token}.${token}`,
    `${token}.${'A'.repeat(43)}=`,
    `.${token}`,
    ...['', 'secret', 'better-auth-secret-12345678901234567890', token, person.sessionId, person.userId].map(
      (key) => signed(token, key)
    ),
    signed(token, randomBytes(32)),
    signed(person.sessionId, sessionSecret),
    signed(person.userId, sessionSecret),
    signed(token, sessionSecret, 'hex'),
    signed(token, sessionSecret, 'base64url'),
    Buffer.from(JSON.stringify({ session: rows[0], user: { id: person.userId } })).toString('base64url')
  ]
  for (const guess of guesses) {
    for (const value of [guess, encodeURIComponent(guess)])
      t.equal((await me({ cookie: `paperclip_session=${value}` })).status, 401)
    t.equal((await gateway.call('GET', '/api/me', { token: encodeURIComponent(guess) })).status, 401)
    await forgetAttempts()
  }
  const right = encodeURIComponent(signed(token, sessionSecret))
  t.equal((await me({ cookie: `paperclip_session=${right}` })).status, 200, 'only the secret makes it one')
})

t.test('no session outlives twelve hours, however busy, nor half an hour of rest', async (t) => {
  const person = await signUp(gateway)
  const expiry = async (): Promise<{ idle: number; absolute: number }> => {
    const { rows } = await admin.query(
      `select extract(epoch from "expiresAt" - now())::int as idle,
        extract(epoch from "expiresAt" - "createdAt")::int as absolute from "authSessions" where id = $1`,
      [person.sessionId]
    )
    return rows[0]
  }
  const aged = (interval: string) =>
    admin.query(
      `alter table "authSessions" disable trigger "authSessions_cap";
       update "authSessions" set "createdAt" = now() - interval '${interval}',
         "expiresAt" = now() + interval '20 minutes' where id = '${person.sessionId}';
       alter table "authSessions" enable trigger "authSessions_cap"`
    )
  await aged('1 hour')
  t.equal((await me(person)).status, 200)
  t.ok((await expiry()).idle > 29 * 60, 'use prolongs it')
  await aged('11 hours 50 minutes')
  t.equal((await me(person)).status, 200)
  t.ok((await expiry()).absolute <= 12 * 3600, 'but not beyond the twelfth hour')
  await aged('12 hours')
  for (const at of [gateway, other]) t.equal((await me(person, at)).status, 401, 'then it is over')
  const resting = await signUp(gateway)
  await moved(resting, `"expiresAt" = now()`)
  for (const at of [other, gateway]) t.equal((await me(resting, at)).status, 401)
})

t.test('the statements that the documents print end sessions and users with the next request', async (t) => {
  const companyId = await addCompany(admin)
  const person = await signUp(gateway)
  await addMember(admin, companyId, person.userId, 'owner')
  const path = `/api/companies/${companyId}`
  const enter = (who: Person, at = gateway) => at.call('GET', path, { headers: { cookie: who.cookie } })
  for (const at of [gateway, other]) t.equal((await enter(person, at)).status, 200)
  await admin.query(`DELETE FROM "authSessions" WHERE "userId" = '${person.userId}'`)
  for (const at of [gateway, other]) t.equal((await enter(person, at)).status, 401)
  const back = await signIn(gateway, person)
  await admin.query(`DELETE FROM company_memberships WHERE principal_id = '${person.userId}'`)
  for (const at of [gateway, other])
    t.match(await enter(back, at), { status: 403, json: { code: 'company_forbidden' } })
  await admin.query(`DELETE FROM "authUsers" WHERE id = '${person.userId}'`)
  for (const at of [gateway, other]) t.equal((await enter(back, at)).status, 401)
  t.equal((await signInAs({ email: person.email, password: person.password })).status, 401)
})

t.test('a request joins no look-up that was sent before it came', async (t) => {
  // The look-up is made to stop in the middle, after it has fixed what it sees, until a lock is free.
  const companyId = await addCompany(admin)
  const [gone, demoted] = [await signUp(gateway), await signUp(gateway)]
  for (const { userId } of [gone, demoted]) await addMember(admin, companyId, userId, 'viewer')
  const enter = ({ cookie }: Person) =>
    gateway.call('GET', `/api/companies/${companyId}`, { headers: { cookie } })
  t.same([(await enter(gone)).status, (await enter(demoted)).status], [200, 200])
  await admin.query(`
    create function gateway.gate() returns boolean volatile language plpgsql as
      $$ begin perform pg_advisory_xact_lock_shared(42); return true; end $$;
    alter table company_memberships rename to memberships_all;
    create view company_memberships as select * from memberships_all where gate();
    grant select on company_memberships to public;
    grant execute on function gateway.gate() to public`)
  await admin.query('select pg_advisory_lock(42)')
  const held = Array.from({ length: 5 }, () => [enter(gone), enter(demoted)]).flat()
  await eventually(async () => {
    const { rows } = await admin.query(`select 1 from pg_locks where locktype = 'advisory' and not granted`)
    if (rows.length === 0) throw new Error('nobody waits')
  })
  await admin.query('delete from "authSessions" where id = $1', [gone.sessionId])
  await admin.query('delete from memberships_all where principal_id = $1', [demoted.userId])
  const late = Array.from({ length: 50 }, () => ({ gone: enter(gone), demoted: enter(demoted) }))
  await admin.query('select pg_advisory_unlock(42)')
  await Promise.all(held)
  const statuses = async (replies: Promise<Reply>[]) => [
    ...new Set((await Promise.all(replies)).map(({ status }) => status))
  ]
  t.same(await statuses(late.map(({ gone }) => gone)), [401], 'after its end a session is nobody')
  t.same(
    await statuses(late.map(({ demoted }) => demoted)),
    [403],
    'after their removal a member is a stranger'
  )
  await admin.query(
    'drop view company_memberships; alter table memberships_all rename to company_memberships'
  )
})

t.test('a page of another origin can neither use a session, nor begin or end one', async (t) => {
  const person = await signUp(gateway)
  const own = `http://127.0.0.1:${gateway.port}`
  const good = { email: person.email, password: person.password }
  const origins: Record<string, { headers: Record<string, string>; withCookie: boolean; without: boolean }> = {
    own: { headers: { origin: own }, withCookie: true, without: true },
    'own by another name': { headers: { origin: `http://localhost:${gateway.port}` }, withCookie: true, without: true },
    foreign: { headers: { origin: 'https://evil.example' }, withCookie: false, without: false },
    null: { headers: { origin: 'null' }, withCookie: false, without: false },
    'null from ourselves': { headers: { origin: 'null', 'sec-fetch-site': 'same-origin' }, withCookie: false, without: false },
    'foreign, our referer': { headers: { origin: 'https://evil.example', referer: `${own}/` }, withCookie: false, without: false },
    'our name at another port': { headers: { origin: 'http://127.0.0.1:1' }, withCookie: false, without: false },
    'our address as a prefix': { headers: { origin: `${own}.evil.example` }, withCookie: false, without: false },
    'none, cross-site': { headers: { 'sec-fetch-site': 'cross-site' }, withCookie: false, without: false },
    'none, same-site': { headers: { 'sec-fetch-site': 'same-site' }, withCookie: false, without: false },
    'none, same-origin': { headers: { 'sec-fetch-site': 'same-origin' }, withCookie: true, without: true },
    'none, typed in': { headers: { 'sec-fetch-site': 'none' }, withCookie: true, without: true },
    'none, our referer': { headers: { referer: `${own}/` }, withCookie: false, without: true },
    'no word of a browser': { headers: {}, withCookie: false, without: true }
  } // biome-ignore format: a table
  const refused = { status: 403, json: { code: 'untrusted_origin' } }
  for (const [name, { headers, withCookie, without }] of Object.entries(origins)) {
    await forgetAttempts()
    const { cookie } = await signIn(gateway, good)
    for (const path of ['/api/auth/revoke-other-sessions', '/api/cli-auth/challenges']) {
      const body = path.endsWith('challenges') ? { command: 'x' } : {}
      const reply = await gateway.call('POST', path, {
        body,
        headers: { ...fromAnywhere(), ...headers, cookie }
      })
      if (withCookie) t.ok(reply.status < 300, `${path}, ${name}: ${reply.status}`)
      else t.match(reply, refused, `${path}, ${name}`)
    }
    const stranger = await signInAs(good, { ...fromAnywhere(), ...headers })
    if (without) t.equal(stranger.status, 200, `sign-in, ${name}`)
    else t.match(stranger, refused, `sign-in, ${name}`)
    // A cookie that is no session is one all the same: the browser sent it.
    const dead = { ...fromAnywhere(), ...headers, cookie: 'paperclip_session=dead' }
    const stale = await signInAs(good, dead)
    if (withCookie) t.equal(stale.status, 200, `sign-in with a dead cookie, ${name}`)
    else t.match(stale, refused, `sign-in with a dead cookie, ${name}`)
    const out = await gateway.call('POST', '/api/auth/sign-out', { headers: { ...headers, cookie } })
    if (withCookie) t.equal(out.status, 200, `sign-out, ${name}`)
    else t.match(out, refused, `sign-out, ${name}`)
  }
})

t.test('an instance without a public address is its own origin wherever it was reached', async (t) => {
  const person = await signUp(gateway)
  const reach = (host: string, origin: string) =>
    gateway.call('POST', '/api/auth/revoke-other-sessions', {
      headers: { host, origin, cookie: person.cookie }
    })
  t.equal((await reach('192.168.7.7:3100', 'http://192.168.7.7:3100')).status, 200)
  t.equal((await reach('192.168.7.7:3100', 'http://192.168.7.8:3100')).status, 403)
  t.match(await reach('evil.example', 'http://evil.example'), {
    status: 403,
    json: { code: 'host_not_allowed' }
  })
})

t.test('where the address is https the cookie is bound to it, and the plain one is nothing', async (t) => {
  const publicUrl = 'https://paperclip.example'
  const open = await installation.start({
    PAPERCLIP_DEPLOYMENT_EXPOSURE: 'public',
    PAPERCLIP_PUBLIC_URL: publicUrl
  })
  const person = await signUp(gateway)
  const headers = { ...fromAnywhere(), host: 'paperclip.example', origin: publicUrl }
  const reply = await signInAs({ email: person.email, password: person.password }, headers, open)
  t.match(
    String(reply.headers['set-cookie']),
    /^__Host-paperclip_session=[^;]+; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Lax$/
  )
  const cookie = cookieOf(reply)
  const host = 'paperclip.example'
  const ask = (cookies: string) => open.call('GET', '/api/me', { headers: { host, cookie: cookies } })
  t.equal((await ask(cookie)).status, 200)
  t.equal((await ask(cookie.replace('__Host-', ''))).status, 401)
  t.equal((await ask(person.cookie)).status, 401)
  const foreign = { host, cookie, origin: `http://127.0.0.1:${open.port}` }
  t.equal((await open.call('POST', '/api/auth/sign-out', { headers: foreign })).status, 403)
  await open.stop()
})

t.test('an unknown e-mail and a wrong password are answered alike', async (t) => {
  const person = await signUp(gateway)
  const password = randomBytes(9).toString('base64url')
  const known = await signInAs({ email: person.email, password })
  const unknown = await signInAs({ email: `${newId()}@example.com`, password })
  const plain = ({ status, headers, json }: typeof known) => ({
    status,
    headers: { ...headers, date: '' },
    json: { ...json, requestId: '' }
  })
  t.same(plain(known), plain(unknown))
  t.match(known, { status: 401, json: { code: 'unauthenticated' } })
  t.equal(known.headers['set-cookie'], undefined)
  await forgetAttempts()
  const fourth = async (email: string) => {
    for (const at of [gateway, other, other]) await signInAs({ email, password }, fromAnywhere(), at)
    return await signInAs({ email, password })
  }
  const [knownFourth, unknownFourth] = [await fourth(person.email), await fourth(`${newId()}@example.com`)]
  for (const reply of [knownFourth, unknownFourth])
    t.match(reply, { status: 429, json: { code: 'rate_limited' }, headers: { 'retry-after': /^\d+$/ } })
  t.same(Object.keys(knownFourth.headers), Object.keys(unknownFourth.headers), 'and slowed down alike')
})

t.test(
  'an unknown e-mail and a wrong password cost one hash each, and sign-up the same for a taken one',
  async (t) => {
    const db = open(t)
    let hashes = 0
    const hashGate = {
      run<T>(work: () => Promise<T>) {
        hashes += 1
        return work()
      }
    }
    const cookie = sessionCookieFor(null)
    const baseUrl = 'http://localhost'
    const logger = createLogger({ service: 'test', level: 'silent' })
    const secret = new SecretValue(sessionSecret)
    const auth = createBetterAuth({ db, secret, baseUrl, cookie, hashGate, logger })
    const engine = createAuthEngine({ auth, baseUrl, cookie })
    const caller = {
      address: '10.1.2.3',
      userAgent: '',
      cookie: undefined,
      origin: undefined,
      origins: new Set<string>()
    }
    const person = await signUp(gateway)
    const password = '0123456789'
    for (const email of [person.email, `${newId()}@example.com`]) {
      hashes = 0
      await t.rejects(engine.signIn({ email, password }, caller), { code: 'unauthenticated' })
      t.equal(hashes, 1)
    }
    hashes = 0
    const taken = engine.signUp({ email: person.email, name: 'A', password }, caller, 'hash made before')
    await t.rejects(taken, { code: 'email_taken' })
    t.equal(hashes, 0, 'the one hash was made before anybody looked')
    const { rows } = await admin.query('select * from "authAccounts" where "userId" = $1', [person.userId])
    t.equal(rows.length, 1)

    const email = `${newId()}@example.com`
    const race = await Promise.allSettled(
      Array.from({ length: 20 }, () =>
        engine.signUp({ email, name: 'A', password }, caller, 'hash made before')
      )
    )
    t.equal(race.filter(({ status }) => status === 'fulfilled').length, 1, 'of twenty at once one gets it')
    t.same(
      race.filter((result) => result.status === 'rejected' && result.reason.code !== 'email_taken'),
      [],
      'and the others are told so'
    )
  }
)

t.test(
  'a flood of sign-ins waits in a short line, and whoever finds it full is told to come again',
  async (t) => {
    const body = () => ({ email: `${newId()}@example.com`, password: '0123456789' })
    const replies = await Promise.all(Array.from({ length: 80 }, () => signInAs(body())))
    const statuses = new Set(replies.map(({ status }) => status))
    t.same([...statuses].sort(), [401, 429])
    t.equal((await gateway.call('GET', '/api/health')).status, 200)
  }
)

t.test(
  'without a cookie of ours nothing is asked; with one, a database that hangs is 503 in time',
  async (t) => {
    const person = await signUp(gateway)
    const lock = await heldLock(t, {
      url: `${database.adminUrl}`,
      statement: 'lock table gateway."authSessions" in access exclusive mode'
    })
    const nobody = ['', 'theme=dark', 'paperclip_session=', 'paperclip_session=x.y']
    for (const cookie of nobody)
      t.equal((await me({ cookie })).status, 401, 'answered while the table is held')
    const before = performance.now()
    const reply = await me(person)
    t.match(reply, { status: 503, json: { code: 'database_unavailable' } })
    const crowd = await Promise.all(Array.from({ length: 40 }, () => me(person)))
    t.same([...new Set(crowd.map(({ status }) => status))], [503], 'so is a crowd of them')
    const out = gateway.call('POST', '/api/auth/sign-out', { headers: asSession(gateway, person) })
    t.ok(performance.now() - before < 15_000)
    t.match(await out, { status: 503 }, 'nobody is told that a session has ended while it has not')
    await lock.release()
    t.equal((await me(person)).status, 200)
  }
)

t.test('what has expired is cleared away', async (t) => {
  const person = await signUp(gateway)
  const alive = await signUp(gateway)
  await moved(person, `"expiresAt" = now() - interval '1 second'`)
  await admin.query(`insert into "authRateLimits" values ('x', '192.0.2.1|/sign-in', 1, 1)`)
  await sweepSessions(createMutate(open(t), { kick: () => {} }))
  const { rows } = await admin.query('select id from "authSessions" where id = any($1)', [
    [person.sessionId, alive.sessionId]
  ])
  t.same(rows, [{ id: alive.sessionId }])
  const counted = await admin.query(`select key ~ '^192[.]0' as old from "authRateLimits"`)
  t.same([...new Set(counted.rows.map(({ old }) => old))], [false], 'also the addresses of callers')
})
