import { AppError } from '@paperclip/server'
import { eventually, heldLock } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import { createAccountLimit } from '../src/limit/account-limit.js'
import type { LimitStore } from '../src/limit/limit-store.js'
import { sweepRateLimits } from '../src/limit/postgres-limit-store.js'
import { limitedGateway, tally } from './fixtures/limited-gateway.js'
import { makeAgent, testInstallation } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for a window to pass.
t.setTimeout(120_000)

const installation = await testInstallation(t)
const { database, env } = installation
const admin = new pg.Client({ connectionString: database.adminUrl, options: '-c search_path=gateway' })
await admin.connect()
t.teardown(() => admin.end())

const limits = ['challenges', 'claims', 'invites', 'inviteCreation'] as const
const config = { mode: 'authenticated' } as const
const one = await limitedGateway(t, env, { limits, config })
const two = await limitedGateway(t, env, { limits, config })
const behindProxy = await limitedGateway(t, env, { limits, config: { ...config, trustProxy: ['loopback'] } })
const endWindows = () => admin.query('update rate_limits set window_ends_at = now()')
t.afterEach(() => endWindows())

/** Says what a store counted, as the limits read it. */
const countIn = (store: LimitStore, key: string) =>
  new Promise<number>((resolve, reject) => {
    store.incr(
      key,
      (error, result) => (result === undefined ? reject(error) : resolve(result.current)),
      60_000,
      1
    )
  })

const codeOf = (attempt: Promise<void>) =>
  attempt.then(
    () => 'passed',
    (error: unknown) => (error instanceof AppError ? error.code : String(error))
  )

t.test('of 100 requests at once to two gateways exactly as many pass as the limit says', async (t) => {
  const floods = await Promise.all([
    one.flood('/limited/challenges', 50),
    two.flood('/limited/challenges', 50)
  ])
  const sum = (status: number) => floods.reduce((total, counts) => total + (counts[status] ?? 0), 0)
  t.equal(sum(200), 10)
  t.equal(sum(429), 90)
  const refused = await one.ask('/limited/challenges')
  t.match(refused.headers.get('content-type'), /^application\/problem\+json/)
  t.match(await refused.json(), { code: 'rate_limited', status: 429, detail: /Try again in \d+ s\./ })
  const wait = Number(refused.headers.get('retry-after'))
  t.ok(Number.isInteger(wait) && wait >= 1 && wait <= 60, 'and it says for how long')
  t.equal((await two.ask('/unlimited')).status, 200)
  t.equal((await two.ask('/limited/claims')).status, 200, 'another limit has its own count')
})

t.test('when its window has ended, by the clock of the database, an address starts anew', async (t) => {
  t.strictSame(await one.flood('/limited/challenges', 11), { 200: 10, 429: 1 })
  await endWindows()
  t.strictSame(await two.flood('/limited/challenges', 11), { 200: 10, 429: 1 })
  t.equal((await admin.query('select hits from rate_limits where window_ends_at > now()')).rows[0].hits, 11)
})

t.test('a new X-Forwarded-For on each request of an untrusted peer does not escape', async (t) => {
  const forged = (n: number) => ({ 'x-forwarded-for': `203.0.113.${n}`, forwarded: `for=203.0.113.${n}` })
  t.strictSame(await one.flood('/limited/challenges', 40, forged), { 200: 10, 429: 30 })
})

t.test('behind a trusted proxy each address counts for itself, and an IPv6 network as one', async (t) => {
  const from = (address: (n: number) => string) => (n: number) => ({ 'x-forwarded-for': address(n) })
  t.strictSame(
    await behindProxy.flood(
      '/limited/challenges',
      40,
      from((n) => `203.0.113.${n}`)
    ),
    { 200: 40 }
  )
  t.strictSame(
    await behindProxy.flood(
      '/limited/challenges',
      40,
      from((n) => `6.6.6.${n}, 198.51.100.1`)
    ),
    { 200: 10, 429: 30 },
    'what the client claims itself stands further left and does not count'
  )
  t.strictSame(
    await behindProxy.flood(
      '/limited/challenges',
      40,
      from((n) => `2001:db8::${n.toString(16)}`)
    ),
    { 200: 10, 429: 30 }
  )
})

t.test('limits by address stand before the credential, those by actor behind it', async (t) => {
  const bad = () => ({ authorization: 'Bearer x' })
  t.strictSame(await one.flood('/limited/claims', 25, bad), { 401: 20, 429: 5 })
  const keys = await Promise.all([makeAgent(installation.gateway), makeAgent(installation.gateway)])
  const [first, second] = keys.map(({ key }) => ({ authorization: `Bearer ${key}` }))
  t.equal((await one.flood('/limited/inviteCreation', 10, bad))[401], 10, 'nobody is not counted')
  const floods = await Promise.all([
    one.flood('/limited/inviteCreation', 40, () => first ?? {}),
    two.flood('/limited/inviteCreation', 40, () => first ?? {})
  ])
  t.equal(
    floods.reduce((sum, counts) => sum + (counts[200] ?? 0), 0),
    60
  )
  t.equal((await two.ask('/limited/inviteCreation', second)).status, 200)
})

t.test('an eleventh sign-in of a CLI in a minute, and a guessed board claim, are told to wait', async (t) => {
  const begin = (n: number) =>
    fetch(`${(n % 2 ? one : two).origin}/api/cli-auth/challenges`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ command: 'paperclipai auth login' })
    })
  const begun = await Promise.all(Array.from({ length: 30 }, (_, n) => begin(n)))
  t.strictSame(tally(begun.map(({ status }) => status)), { 201: 10, 429: 20 })
  const guess = (n: number) =>
    `/api/board-claim/${String(n).padStart(43, 'A')}?code=${String(n).padStart(8, 'A')}`
  const guessed = await Promise.all(Array.from({ length: 60 }, (_, n) => (n % 2 ? one : two).ask(guess(n))))
  t.strictSame(tally(guessed.map(({ status }) => status)), { 404: 20, 429: 40 })
})

t.test('a route is held to the limit that its contract names, on every gateway', async (t) => {
  const { agentId } = await makeAgent(installation.gateway)
  const other = await installation.start()
  const create = () => other.call('POST', `/api/agents/${agentId}/keys`, { body: { name: 'k' } })
  t.equal((await create()).status, 201)
  await admin.query(
    `update rate_limits set hits = 300 where key = sha256('keyCreation'::bytea || '\\x00' || 'local-board'::bytea)`
  )
  const refused = await create()
  t.equal(refused.status, 429)
  t.equal(refused.json.code, 'rate_limited')
  const listed = await installation.gateway.call('GET', `/api/agents/${agentId}/keys`)
  t.equal(listed.rows.length, 2, 'nothing was made')
  await endWindows()
  t.equal((await create()).status, 201)
})

t.test('no address and no e-mail can be read in the table', async (t) => {
  await createAccountLimit(one.deps.limits.store).take({ email: 'ada@example.org', address: '192.0.2.7' })
  await one.ask('/limited/challenges')
  const { rows } = await admin.query('select *, octet_length(key) as bytes from rate_limits')
  t.ok(rows.length >= 3)
  t.ok(rows.every((row) => row.bytes === 32))
  t.notMatch(JSON.stringify(rows.map((row) => row.key.toString('latin1'))), /ada|example|192\.0|127\.0/)
})

t.test('while the counts cannot be had, limited routes answer 503 soon and others go on', async (t) => {
  const lock = await heldLock(t, {
    url: database.adminUrl,
    statement: 'lock table gateway.rate_limits in exclusive mode'
  })
  const before = performance.now()
  const refused = await one.ask('/limited/challenges')
  t.equal(refused.status, 503)
  t.ok(performance.now() - before < 10_000)
  t.match(await refused.json(), { code: 'database_unavailable' })
  t.equal(refused.headers.get('retry-after'), '1')
  t.equal((await one.ask('/unlimited')).status, 200)
  await lock.release()
  t.equal((await one.ask('/limited/challenges')).status, 200)
})

t.test('counts of many keys in one statement are exact, and two gateways never lock crosswise', async (t) => {
  const keys = Array.from({ length: 20 }, (_, n) => n.toString(16).padStart(64, '0'))
  const hits = Array.from({ length: 600 }, (_, n) => ({
    key: keys[(n * 7 + (n % 3)) % keys.length] ?? '',
    store: (n % 2 === 0 ? one : two).deps.limits.store
  }))
  const counts = await Promise.all(hits.map(({ key, store }) => countIn(store, key)))
  for (const key of keys) {
    const seen = counts.filter((_, n) => hits[n]?.key === key).sort((a, b) => a - b)
    t.strictSame(
      seen,
      seen.map((_, n) => n + 1)
    )
  }
})

t.test('ended windows are swept, also while others count, and open ones stay', async (t) => {
  await admin.query('truncate rate_limits')
  await admin.query(
    `insert into rate_limits select sha256(n::text::bytea), 1, now() - interval '1 s' from generate_series(1, 2500) n`
  )
  const { store } = two.deps.limits
  const [first, second, ...counts] = await Promise.all([
    sweepRateLimits(one.deps.db),
    sweepRateLimits(two.deps.db),
    ...Array.from({ length: 50 }, () => countIn(store, 'ab'.repeat(32)))
  ])
  await eventually(async () => {
    await sweepRateLimits(one.deps.db)
    const { rows } = await admin.query('select hits from rate_limits')
    if (rows.length !== 1 || rows[0].hits !== 50) throw new Error('ended windows are still there')
  })
  t.ok(first + second > 0)
  t.strictSame(
    [...counts].sort((a, b) => a - b),
    Array.from({ length: 50 }, (_, n) => n + 1)
  )
})

t.test('a fourth attempt on an account within ten seconds is refused, at whatever gateway', async (t) => {
  const accounts = [one, two].map(({ deps }) => createAccountLimit(deps.limits.store))
  const attempt = (n: number, email: string, address = `192.0.2.${n}`) =>
    codeOf(accounts[n % 2]?.take({ email, address }) ?? Promise.reject(new Error('no gateway')))
  const many = await Promise.all(Array.from({ length: 40 }, (_, n) => attempt(n, 'grace@example.org')))
  t.equal(many.filter((code) => code === 'passed').length, 3)
  t.equal(many.filter((code) => code === 'rate_limited').length, 37)
  for (const spelling of ['Grace@Example.org', ' grace@example.org', 'ｇrace@example.org'])
    t.equal(await attempt(1, spelling), 'rate_limited', 'however it is written')
  t.equal(await attempt(1, 'nobody@example.org'), 'passed', 'nobody asks whether an account exists')
})

t.test('a stranger can keep an account busy for twenty attempts, then it is its owner’s again', async (t) => {
  const account = createAccountLimit(one.deps.limits.store)
  const attempt = (address: string) => codeOf(account.take({ email: 'lin@example.org', address }))
  const endAccountWindow = () =>
    admin.query(
      `update rate_limits set window_ends_at = now() where key = sha256(convert_to('account', 'UTF8') || '\\x00' || convert_to('lin@example.org', 'UTF8'))`
    )
  const passed: string[] = []
  for (let n = 0; n < 40; n++) {
    passed.push(await attempt('198.51.100.66'))
    await endAccountWindow()
  }
  t.strictSame(tally(passed.map((code) => (code === 'passed' ? 1 : 0))), { 1: 20, 0: 20 })
  await Promise.all(Array.from({ length: 20 }, () => attempt('198.51.100.66')))
  t.equal(await attempt('192.0.2.1'), 'passed')
})

t.test('bad bearers are told to wait after thirty, and a valid one always passes', async (t) => {
  const { key, agentId, keyId } = await makeAgent(installation.gateway)
  const gateway = await limitedGateway(t, env, { limits: [], config })
  const unknown = (n: number) => ({ authorization: `Bearer ${n % 2 ? 'paperclip_agent_' : ''}guess-${n}` })
  t.strictSame(await gateway.flood('/unlimited', 50, unknown), { 401: 30, 429: 20 })
  const refused = await gateway.ask('/unlimited', unknown(0))
  t.equal(refused.status, 429)
  t.ok(Number(refused.headers.get('retry-after')) >= 1)
  t.match(await refused.json(), { code: 'rate_limited' })
  t.strictSame(await gateway.flood('/unlimited', 20, () => ({ authorization: `Bearer ${key}` })), { 200: 20 })
  t.equal((await gateway.ask('/unlimited')).status, 200, 'and so does no bearer at all')
  await installation.gateway.call('DELETE', `/api/agents/${agentId}/keys/${keyId}`)
  const revoked = await gateway.ask('/unlimited', { authorization: `Bearer ${key}` })
  t.match(
    await revoked.json(),
    { code: 'credential_revoked' },
    'who had a real one is told what became of it'
  )
})
