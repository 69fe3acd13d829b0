/**
 * Inline values become secrets, wherever it is cut off. `node … --agents 200 --values 1000` kills a larger migration
 * half-way; the suite a small one.
 */
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual, parseArgs } from 'node:util'
import { newId } from '@paperclip/contracts'
import { eventually, heldLock, startProcess } from '@paperclip/testing'
import t from 'tap'
import { adminSession, createSecret, getEnv, putEnv, resolve, tryPutEnv } from './support/fixtures.js'
import { migrate, migrationPathOf, migrationsOf } from './support/migrating.js'
import {
  member,
  operator,
  secretsDatabase,
  secretsEnv,
  sign,
  startSecrets,
  transmit
} from './support/secrets-app.js'

const { values: flags } = parseArgs({
  options: { agents: { type: 'string', default: '24' }, values: { type: 'string', default: '72' } }
})
// A large run takes longer than a test may; the suite's own runner ends a file that takes too long.
t.setTimeout(0)
const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const replica = await startSecrets(t, database)
const sql = await adminSession(t, database)
const canary = 'canary-52e0-value'
const main = fileURLToPath(new URL('../bin/main.js', import.meta.url))

const { migrateAll, stateOf, secretsOf, stillSealed } = migrationsOf(app, sql)

t.test('a plan names every inline value, holds none, and changes nothing', async (t) => {
  const [companyId, agentId, projectId] = [newId(), newId(), newId()]
  const fresh = (await migrate(app, companyId, { apply: false })).body
  t.strictSame(fresh, { ...none, applied: false }, 'nothing there')
  t.strictSame(JSON.parse(await stateOf(companyId)), [[], [], [], [], []], 'not even a key was made')
  await putEnv(app, { companyId, agentId }, { API_TOKEN: canary, NOTE: 'https://u:secret1@db', MODE: 'fast' })
  await putEnv(app, { companyId, projectId }, { DB_PASSWORD: canary })
  const before = await stateOf(companyId)
  const answer = await migrate(app, companyId, { apply: false })
  const planned = { secretId: null, secretKey: null }
  const entry = (targetType: string, targetId: string, name: string) => ({
    targetType,
    targetId,
    name,
    ...planned
  })
  t.same(answer.body, {
    applied: false,
    targets: 2,
    values: 3,
    entries: [
      entry('agent', agentId, 'API_TOKEN'),
      entry('agent', agentId, 'NOTE'),
      entry('project', projectId, 'DB_PASSWORD')
    ],
    failures: [],
    remaining: 0,
    nextCursor: null
  })
  t.equal(await stateOf(companyId), before)
  t.notMatch(answer.text, canary)
  t.equal((await migrate(app, companyId, {})).status, 400, 'plan or do: it must be said')
})

const none = {
  applied: true,
  targets: 0,
  values: 0,
  entries: [],
  failures: [],
  remaining: 0,
  nextCursor: null
}

t.test('every value resolves afterwards to the same bytes, and all else stays as it was', async (t) => {
  const [companyId, agentId, projectId] = [newId(), newId(), newId()]
  const bound = await createSecret(app, companyId, { name: 'bound', value: 'v1' })
  const env = {
    FIRST_TOKEN: ` \t${canary} with blanks and 🗝\r\n`,
    PINNED: { type: 'secret_ref', secretId: bound.id, version: 1 },
    MODE: 'fast',
    BLANK_SECRET: ' ',
    EMPTY_TOKEN: '',
    LITERAL_SECRET: { type: 'plain', value: '$secret:bound' },
    LONG_SECRET: 'é'.repeat(8 * 1024),
    NOTE: `-----BEGIN RSA PRIVATE KEY-----\n${canary}\n-----END RSA PRIVATE KEY-----\n`,
    DATABASE_URL: `postgres://u:${canary}@db/x`
  }
  await putEnv(app, { companyId, agentId }, env)
  await putEnv(app, { companyId, projectId }, { FIRST_TOKEN: 'of the project', PROJECT_ONLY: 'plain' })
  const target = { companyId, agentId, projectId }
  const [resolved, shown] = [(await resolve(app, target)).body.env, await getEnv(app, { companyId, agentId })]
  const [bindingBefore] = await sql('select * from company_secret_bindings where secret_id = $1', [bound.id])
  const [report] = await migrateAll(companyId, true)
  t.match(report, { applied: true, targets: 2, values: 6, failures: [], remaining: 0, nextCursor: null })
  t.strictSame((await resolve(app, target)).body.env, resolved, 'byte for byte')
  const after = await getEnv(app, { companyId, agentId })
  t.strictSame(Object.keys(after.env), Object.keys(shown.env), 'in the same order')
  const moved = ['FIRST_TOKEN', 'LITERAL_SECRET', 'LONG_SECRET', 'NOTE', 'DATABASE_URL']
  for (const [name, entry] of Object.entries(after.env))
    if (moved.includes(name)) t.match(entry, { type: 'secret_ref', version: 'latest' }, name)
    else t.strictSame(entry, shown.env[name], `${name} is untouched`)
  for (const { targetId, name, secretId, secretKey } of report.entries) {
    const { body } = await app.send(operator(), 'GET', `/secrets/${secretId}`)
    t.match(body, { key: secretKey, provider: 'local_encrypted', latestVersion: 1, referenceCount: 1 }, name)
    t.ok(secretKey.endsWith(targetId.slice(-12)) && body.description.includes(targetId), 'it says whence')
  }
  const [bindingAfter] = await sql('select * from company_secret_bindings where secret_id = $1', [bound.id])
  t.strictSame(bindingAfter, bindingBefore, 'a reference that was there is the same row')
  const rows = await sql(
    `select action, count(*) from activity_log where company_id = $1 and metadata->>'cause' = 'inline_migration'
     group by 1 order by 1`,
    [companyId]
  )
  t.same(rows, [
    { action: 'env.updated', count: 2 },
    { action: 'secret.created', count: 6 }
  ])
  const done = await stateOf(companyId)
  t.strictSame(await migrateAll(companyId, true), [none], 'a second time there is nothing to do')
  t.equal(await stateOf(companyId), done)
})

t.test('names that are taken, or differ in case only, get an ending of their own', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  const tail = `agent ${agentId.slice(-12)}`
  await createSecret(app, companyId, { name: `TAKEN_TOKEN of ${tail}`, value: 'v', key: 'another' })
  await createSecret(app, companyId, {
    name: 'another',
    value: 'v',
    key: `keyed-token-${tail.replace(' ', '-')}`
  })
  const long = `${'LONG_'.repeat(40)}`
  const env = {
    TAKEN_TOKEN: 'a',
    KEYED_TOKEN: 'b',
    Api_Token: 'c',
    API_TOKEN: 'd',
    api_token: 'e',
    [`${long}A_SECRET`]: 'f',
    [`${long}B_SECRET`]: 'g',
    ___: 'ghp_0123456789abcdefABCDEF'
  }
  await putEnv(app, { companyId, agentId }, env)
  const [report] = await migrateAll(companyId, true)
  t.equal(report.values, 8)
  t.equal(new Set(report.entries.map(({ secretKey }: { secretKey: string }) => secretKey)).size, 8)
  t.same((await resolve(app, { companyId, agentId })).body.env, env)
  // Set inline once more: the former secret may be bound elsewhere by now and keeps its value.
  await putEnv(app, { companyId, agentId }, { API_TOKEN: 'new' })
  await migrateAll(companyId, true)
  t.same((await resolve(app, { companyId, agentId })).body.env, { API_TOKEN: 'new' })
  t.equal((await secretsOf(companyId)).length, 11)
})

t.test('equal values of several variables become secrets that rotate apart', async (t) => {
  const companyId = newId()
  const agents = [newId(), newId()]
  for (const agentId of agents)
    await putEnv(app, { companyId, agentId }, { A_TOKEN: 'same', B_TOKEN: 'same' })
  await migrateAll(companyId, true)
  t.equal((await secretsOf(companyId)).length, 4)
})

t.test('of a write and a migration at the same moment neither is lost', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  const target = { companyId, agentId }
  const statement = `select * from secrets.environments where target_id = '${agentId}' for update`
  await putEnv(app, target, { A_TOKEN: 'old', MODE: 'slow' })
  const first = await heldLock(t, { url: database.adminUrl, statement })
  const writing = tryPutEnv(app, target, { A_TOKEN: 'new', B_TOKEN: 'more', MODE: 'fast' })
  await first.waitedFor()
  const moving = migrate(replica, companyId, { apply: true })
  await first.release()
  t.equal((await writing).status, 200)
  await moving
  await migrateAll(companyId, true)
  t.same((await resolve(app, target)).body.env, { A_TOKEN: 'new', B_TOKEN: 'more', MODE: 'fast' })
  t.strictSame(await stillSealed(companyId), [])

  await putEnv(app, target, { A_TOKEN: 'third' })
  const second = await heldLock(t, { url: database.adminUrl, statement })
  const earlier = migrate(replica, companyId, { apply: true })
  await second.waitedFor()
  const late = tryPutEnv(app, target, { A_TOKEN: '***REDACTED***', MODE: 'x' })
  await second.release()
  t.match((await earlier).body, { targets: 1, values: 1 })
  t.ok(
    [200, 422].includes((await late).status),
    'the placeholder kept the value, or there was none left to keep'
  )
  t.equal((await resolve(app, target)).body.env.A_TOKEN, 'third')
})

t.test('an environment that goes while it is waited for leaves no secret behind', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  await putEnv(app, { companyId, agentId }, { A_TOKEN: 'v' })
  const remover = await adminSession(t, database)
  await remover('begin')
  await remover('delete from environments where target_id = $1', [agentId])
  const moving = migrate(app, companyId, { apply: true })
  await eventually(async () => {
    const waiting = await sql(
      "select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
    )
    if (waiting.length === 0) throw new Error('nobody waits for the environment')
  })
  await remover('commit')
  t.match((await moving).body, { targets: 0, values: 0, entries: [], failures: [] })
  t.strictSame(await secretsOf(companyId), [])
})

t.test('two migrations at once make one secret of each value, and no run meanwhile misses one', async (t) => {
  const companyId = newId()
  const agents = Array.from({ length: 6 }, newId)
  for (const agentId of agents) await putEnv(app, { companyId, agentId }, { A_TOKEN: agentId, B_TOKEN: 'b' })
  let isDone = false
  const reading = Promise.all(
    agents.map(async (agentId) => {
      const seen: object[] = []
      do seen.push((await resolve(app, { companyId, agentId })).body)
      while (!isDone)
      return seen.every((body) =>
        isDeepStrictEqual(body, { ...body, env: { A_TOKEN: agentId, B_TOKEN: 'b' } })
      )
    })
  )
  const answers = await Promise.all(
    [app, replica, app].map((each) => migrate(each, companyId, { apply: true }))
  )
  isDone = true
  t.ok((await reading).every(Boolean))
  t.equal(
    answers.reduce((sum, { body }) => sum + body.values, 0),
    12
  )
  t.equal((await secretsOf(companyId)).length, 12)
  for (const agentId of agents)
    t.same((await resolve(app, { companyId, agentId })).body.env, { A_TOKEN: agentId, B_TOKEN: 'b' })
})

t.test('an environment that does not verify is named and left, and the others are done', async (t) => {
  const companyId = newId()
  const [broken, sound] = [newId(), newId()]
  for (const agentId of [broken, sound]) await putEnv(app, { companyId, agentId }, { A_TOKEN: canary })
  await sql('update environments set revision_id = gen_random_uuid() where target_id = $1', [broken])
  const [report] = await migrateAll(companyId, true)
  t.match(report, {
    values: 1,
    entries: [{ targetId: sound }],
    failures: [{ targetType: 'agent', targetId: broken, code: 'integrity_failure' }]
  })
})

t.test('a large company is done in parts, each of them bounded', async (t) => {
  const companyId = newId()
  const wide = Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`T${index}_TOKEN`, `${index}`]))
  for (let index = 0; index < 5; index++) await putEnv(app, { companyId, agentId: newId() }, wide)
  const planned = await migrateAll(companyId, false)
  t.same(
    planned.map(({ values }) => values),
    [1000, 250]
  )
  t.same(
    planned.map(({ remaining }) => remaining),
    [1, 0]
  )
  const { nextCursor: cursor } = planned[0]
  t.match(await migrate(app, newId(), { apply: false, cursor }), {
    status: 400,
    body: { code: 'invalid_cursor' }
  })
  const done = await migrateAll(companyId, true)
  t.equal(
    done.reduce((sum, { values }) => sum + values, 0),
    1250
  )
  t.strictSame(await stillSealed(companyId), [])
})

t.test('a company of many environments too, and what an earlier version stored in the open', async (t) => {
  const companyId = newId()
  const open = JSON.stringify({ A_TOKEN: canary })
  await sql(
    `insert into environments (company_id, target_type, target_id, revision_id, names, plain)
     select $1, 'agent', gen_random_uuid(), gen_random_uuid(), '{A_TOKEN}', case n when 201 then $2 else '{"MODE":"fast"}' end
     from generate_series(1, 201) as n`,
    [companyId, open]
  )
  await migrateAll(companyId, false)
  const keys = () => sql('select id from company_keys where company_id = $1', [companyId])
  t.strictSame(await keys(), [], 'a plan makes no key')
  t.match(await migrateAll(companyId, true), [{ remaining: 1 }, { remaining: 0 }])
  t.equal((await secretsOf(companyId)).length, 1)
  t.strictSame(
    await sql('select from environments where company_id = $1 and plain = $2', [companyId, open]),
    []
  )
})

t.test('a request ends before the gateway gives up, whatever is left', async (t) => {
  const companyId = newId()
  for (const agentId of [newId(), newId(), newId()])
    await putEnv(app, { companyId, agentId }, { A_TOKEN: 'v' })
  const { now } = performance
  let looks = 0
  performance.now = () => now.call(performance) + 3_000 * looks++
  t.teardown(() => Object.assign(performance, { now }))
  t.match(await migrateAll(companyId, true), [{ values: 1 }, { values: 1 }, { values: 1 }])
})

t.test('a request works once, planned or done, and members below admin are refused', async (t) => {
  const companyId = newId()
  for (const apply of [false, true]) {
    const outgoing = sign(app.origin, operator(), {
      method: 'POST',
      path: migrationPathOf(companyId),
      body: { apply }
    })
    t.equal((await transmit(app.origin, outgoing)).status, 200)
    t.match(await transmit(app.origin, outgoing), { status: 401, body: { code: 'replayed' } })
  }
  const answer = await app.send(member(companyId, 'operator'), 'POST', migrationPathOf(companyId), {
    apply: true
  })
  t.match(answer, { status: 403, body: { code: 'read_only_role' } })
})

t.test('a deleted company is not migrated', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  await putEnv(app, { companyId, agentId }, { A_TOKEN: 'v' })
  await sql('update company_keys set wrapped = null, shredded_at = now() where company_id = $1', [companyId])
  t.match(await migrate(app, companyId, { apply: true }), { status: 422, body: { code: 'company_shredded' } })
  t.strictSame(await secretsOf(companyId), [])
})

t.test('killed half-way and run again, every value resolves as before and none is left inline', async (t) => {
  const companyId = newId()
  const agents = Array.from({ length: Number(flags.agents) }, newId).sort()
  const each = Math.ceil(Number(flags.values) / agents.length)
  const before = new Map<string, object>()
  for (const [at, agentId] of agents.entries()) {
    const env = Object.fromEntries(
      Array.from({ length: each }, (_, n) => [`V${n}_TOKEN`, `${canary}-${at}-${n}`])
    )
    await putEnv(app, { companyId, agentId }, { ...env, MODE: 'fast' })
    before.set(agentId, (await resolve(app, { companyId, agentId })).body.env)
  }
  const child = await startProcess(t, {
    command: process.execPath,
    args: [main],
    env: { ...secretsEnv(t, database), PAPERCLIP_SECRETS_PORT: '0' },
    readyWhen: { line: /listening/i }
  })
  const [, port] = await child.waitForLine(/127\.0\.0\.1:(\d+)/)
  const half = Math.floor(agents.length / 2)
  const middle = agents[half]
  const statement = `select * from secrets.environments where target_id = '${middle}' for update`
  const lock = await heldLock(t, { url: database.adminUrl, statement })
  const origin = `http://127.0.0.1:${port}`
  const cut = transmit(
    origin,
    sign(origin, operator(), { method: 'POST', path: migrationPathOf(companyId), body: { apply: true } })
  )
  const lost = t.rejects(cut)
  await lock.waitedFor()
  await child.kill9()
  await lost
  await lock.release()
  t.equal(
    (await stillSealed(companyId)).length,
    agents.length - half,
    'those before are done, the others untouched'
  )
  t.equal((await secretsOf(companyId)).length, half * each)
  for (const [agentId, env] of before) t.same((await resolve(app, { companyId, agentId })).body.env, env)
  const parts = await migrateAll(companyId, true)
  t.equal(
    parts.reduce((sum, { values }) => sum + values, 0),
    (agents.length - half) * each
  )
  for (const [agentId, env] of before) t.same((await resolve(app, { companyId, agentId })).body.env, env)
  t.strictSame(await stillSealed(companyId), [])
  t.equal((await secretsOf(companyId)).length, agents.length * each)
  t.notMatch(child.stdout() + child.stderr(), canary)
})

t.test('no log line holds a value, nor does any row but the sealed ones', async (t) => {
  for (const { logs } of [app, replica]) t.notMatch(logs(), canary)
  for (const table of ['environments', 'company_secrets', 'company_secret_bindings', 'activity_log']) {
    const rows = await sql(`select * from ${table}`)
    t.notMatch(JSON.stringify(rows), canary, table)
  }
})
