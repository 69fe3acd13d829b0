import { fileURLToPath } from 'node:url'
import { newId } from '@paperclip/contracts'
import { eventually, freePort, heldLock, type StartedProcess, startProcess } from '@paperclip/testing'
import t, { type Test } from 'tap'
import { MissingMasterKeyError } from '../src/keyring/match-master-keys.js'
import { adminSession, createSecret, putEnv, resolve } from './support/fixtures.js'
import {
  type Answer,
  masterKey as formerKey,
  member,
  operator,
  type SecretsApp,
  secretsDatabase,
  secretsEnv,
  sign,
  startSecrets,
  transmit
} from './support/secrets-app.js'

/*
 * One rotation, from a key that is only configured to one that opens nothing, in the order in which an operator meets
 * it: each test goes on where the one before has ended.
 */
// There are many starts, and those of real processes derive keys for some tenths of a second each.
t.setTimeout(120_000)
const database = await secretsDatabase(t)
const sql = await adminSession(t, database)
const companiesCount = 50
const newKey = Buffer.alloc(32, 3).fill(5, 9).toString('base64')
const onlyFormer = { PAPERCLIP_SECRETS_MASTER_KEY: formerKey }
const both = { PAPERCLIP_SECRETS_MASTER_KEY: newKey, PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS: formerKey }

interface Target {
  companyId: string
  agentId: string
}

/** A real process with a port of its own, and requests to it. */
async function startService(t: Test, env: Record<string, string>) {
  const main = fileURLToPath(new URL('../bin/main.js', import.meta.url))
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const service: StartedProcess = await startProcess(t, {
    command: process.execPath,
    args: [main],
    env: { ...secretsEnv(t, database), ...env, PAPERCLIP_SECRETS_PORT: String(port) },
    readyWhen: { url: `${origin}/readyz` }
  })
  const send = (method: string, path: string, body?: unknown) =>
    transmit(origin, sign(origin, operator(), { method, path, body }))
  return { service, send }
}

const status = (app: SecretsApp): Promise<Answer> => app.send(operator(), 'GET', '/admin/master-keys')
const rotate = (app: SecretsApp, body: object = {}) =>
  app.send(operator(), 'POST', '/admin/master-keys/rotate', body)
const retire = (app: SecretsApp, id: string) =>
  app.send(operator(), 'POST', `/admin/master-keys/${id}/retire`)

async function newCompany(app: SecretsApp): Promise<Target> {
  const target = { companyId: newId(), agentId: newId() }
  await createSecret(app, target.companyId, { name: 'k', value: `value of ${target.companyId}` })
  await putEnv(app, target, { K: '$secret:k' })
  return target
}

async function opens(app: SecretsApp, target: Target): Promise<boolean> {
  return (await resolve(app, target)).body?.env?.K === `value of ${target.companyId}`
}

async function wrappedBy(): Promise<Record<string, number>> {
  const rows = await sql<{ id: string; n: number }>(
    'select master_key_id as id, count(*)::int as n from company_keys group by 1'
  )
  return Object.fromEntries(rows.map(({ id, n }) => [id, n]))
}

const activity = () =>
  sql<{ action: string; entity_id: string; metadata: { companyKeys?: number } }>(
    "select action, entity_id, metadata from activity_log where entity_type = 'master_key' order by id"
  )

async function startsWith(t: Test, env: Record<string, string>): Promise<Error> {
  return startSecrets(t, database, env).then(
    () => t.fail('it started') as never,
    (refusal: Error) => refusal
  )
}

/** Resolves once somebody waits for the set of master keys. */
const someoneWaits = () =>
  eventually(async () => {
    const locks = await sql("select from pg_locks where relation = 'master_keys'::regclass and not granted")
    if (locks.length === 0) throw new Error('nobody waits for the master keys')
  })

// Stays with the former key alone until a test stops it.
const sibling = await startService(t, onlyFormer)
const app = await startSecrets(t, database, both)
const targets: Target[] = []
for (let count = 0; count < companiesCount; count++) targets.push(await newCompany(app))
const keys: { id: string; state: string }[] = (await status(app)).body.keys
const [newKeyId = '', formerKeyId = ''] = keys.map(({ id }) => id)

t.test('a key that is only configured wraps nothing, and status names no key material', async (t) => {
  t.same(await wrappedBy(), { [formerKeyId]: companiesCount })
  const { body, text } = await status(app)
  t.match(body.keys, [
    { id: newKeyId, state: 'waiting', companyKeys: 0, heldBy: 1, activatedAt: null, safeToRemove: false },
    { id: formerKeyId, state: 'active', companyKeys: companiesCount, heldBy: 2, safeToRemove: false }
  ])
  t.match(body.processes, [
    { pid: sibling.service.pid, keys: [{ id: formerKeyId, source: 'PAPERCLIP_SECRETS_MASTER_KEY' }] },
    {
      pid: process.pid,
      keys: [
        { id: formerKeyId, source: 'PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS' },
        { id: newKeyId, source: 'PAPERCLIP_SECRETS_MASTER_KEY' }
      ]
    }
  ])
  for (const key of [formerKey, newKey]) t.notOk(text.includes(key))
  t.match(await retire(app, newKeyId), { status: 409, body: { detail: /waits to be activated/ } })
  const { companyId } = targets[0] ?? { companyId: '' }
  t.equal((await app.send(member(companyId, 'owner'), 'GET', '/admin/master-keys')).status, 403)
})

t.test(
  'a rotation is refused while a live process lacks the key, also one that was killed just now',
  async (t) => {
    const refused = { status: 409, body: { code: 'state_conflict' } }
    const named = new RegExp(`restart .*\\(process ${sibling.service.pid}\\) with it`)
    t.match(await rotate(app), { ...refused, body: { detail: named } })
    t.match(await rotate(app, { masterKeyId: newKeyId }), refused)
    await sibling.service.kill9()
    t.match(await rotate(app), { ...refused, body: { detail: named } }, 'nobody can know that it is dead')
    t.same(await wrappedBy(), { [formerKeyId]: companiesCount })
    t.same(await activity(), [])
    await sql('update master_key_holders set lease_until = now() where pid = $1', [sibling.service.pid])
    const ended = await startService(t, onlyFormer)
    t.match(await rotate(app), refused)
    await ended.service.stop()
    const live = (await status(app)).body.processes.map(({ pid }: { pid: number }) => pid)
    t.same(live, [process.pid], 'one that was stopped has said so')
  }
)

t.test('a rotation that is killed between two batches leaves everything readable, and goes on', async (t) => {
  const { service, send } = await startService(t, both)
  const [stopAt] = await sql<{ id: string }>('select id from company_keys order by id offset 30 limit 1')
  const lock = await heldLock(t, {
    url: database.adminUrl,
    statement: `select from secrets.company_keys where id = '${stopAt?.id}' for update`
  })
  const cutOff = send('POST', '/admin/master-keys/rotate', {}).catch(() => 'cut off')
  await eventually(async () => {
    if (((await wrappedBy())[newKeyId] ?? 0) === 0) throw new Error('no batch is committed yet')
  })
  await service.kill9()
  t.equal(await cutOff, 'cut off')
  await lock.release()
  const halfway = await wrappedBy()
  t.same(halfway, { [newKeyId]: 20, [formerKeyId]: companiesCount - 20 })
  t.match((await status(app)).body.keys, [
    { id: newKeyId, state: 'active', companyKeys: 20 },
    { id: formerKeyId, state: 'former', companyKeys: 30, safeToRemove: false }
  ])
  const fresh = await startSecrets(t, database, both)
  for (const reader of [app, fresh])
    t.ok((await Promise.all(targets.map((target) => opens(reader, target)))).every(Boolean))
  const health = await fresh.send(operator(), 'GET', '/health')
  t.match(health.body.warnings.join(), /30 company keys are still wrapped .* `paperclipai master-key rotate`/)
  const refusal = await startsWith(t, onlyFormer)
  t.ok(refusal instanceof MissingMasterKeyError, 'the new key is needed from now on')
  t.match(await retire(app, formerKeyId), { status: 409, body: { code: 'in_use' } })
  // The process that was killed held both keys, so nobody waits for its lease.
  const done = { activeKeyId: newKeyId, activated: false, rewrapped: 30, failed: 0, remaining: 0 }
  t.same((await rotate(app)).body, done)
  t.same((await rotate(app)).body, { ...done, rewrapped: 0 }, 'and again, it does nothing')
  const rows = await activity()
  t.match(rows, [
    { action: 'master_key.rotated', entity_id: newKeyId, metadata: { formerMasterKeyId: formerKeyId } },
    ...rows.slice(1)
  ])
  t.same(
    rows.slice(1).map(({ action, metadata }) => [action, metadata.companyKeys]),
    [20, 20, 10].map((count) => ['master_key.rewrapped', count])
  )
})

t.test('two processes rotate at once while values are read: each key once, and no read fails', async (t) => {
  const reader = await startSecrets(t, database, both)
  const other = await startSecrets(t, database, both)
  // The clock of the database may have been set back since: the order of activations must not hang on it.
  await sql("update master_keys set activated_at = now() + interval '1 hour' where id = $1", [newKeyId])
  let isDone = false
  const reads = { asked: 0, failed: 0 }
  const load = Promise.all(
    Array.from({ length: 4 }, async (_, start) => {
      for (let index = start; !isDone; index += 1) {
        const target = targets[index % targets.length]
        // Keys that were used are remembered: each reader meets cold ones in the first round only.
        const from = index % 2 === 0 ? reader : other
        reads.asked += 1
        if (target !== undefined && !(await opens(from, target))) reads.failed += 1
      }
    })
  )
  const made: Target[] = []
  for (const masterKeyId of [formerKeyId, newKeyId]) {
    const before = (await activity()).length
    const [answers, target] = await Promise.all([
      Promise.all([app, other].map((caller) => rotate(caller, { masterKeyId }))),
      newCompany(reader)
    ])
    made.push(target)
    t.same(
      answers.map((answer) => answer.status),
      [200, 200]
    )
    t.same((await rotate(app, { masterKeyId })).body.remaining, 0)
    const rows = (await activity()).slice(before)
    t.equal(rows.filter(({ action }) => action === 'master_key.rotated').length, 1)
    const total = rows.reduce((sum, { metadata }) => sum + (metadata.companyKeys ?? 0), 0)
    t.ok(total === companiesCount + made.length - 1 || total === companiesCount + made.length)
    t.same(await wrappedBy(), { [masterKeyId]: companiesCount + made.length })
  }
  isDone = true
  await load
  t.ok(reads.asked > companiesCount)
  t.equal(reads.failed, 0)
  targets.push(...made)
})

t.test(
  'of two rotations to different keys the one that is overtaken ends, and wraps nothing more',
  async (t) => {
    const other = await startSecrets(t, database, both)
    const [first] = await sql<{ id: string }>('select id from company_keys order by id limit 1')
    const lock = await heldLock(t, {
      url: database.adminUrl,
      statement: `select from secrets.company_keys where id = '${first?.id}' for update`
    })
    const overtaken = rotate(app, { masterKeyId: formerKeyId })
    await lock.waitedFor()
    const last = rotate(other, { masterKeyId: newKeyId })
    await someoneWaits()
    await lock.release()
    t.match(await overtaken, {
      status: 409,
      body: { detail: /Another master key has become the active one/ }
    })
    t.match(await last, { status: 200, body: { activeKeyId: newKeyId, remaining: 0 } })
    t.same(await wrappedBy(), { [newKeyId]: targets.length })
  }
)

t.test('a rotation waits for a company that is given its key, and a start for a rotation', async (t) => {
  const url = database.adminUrl
  const table = await heldLock(t, { url, statement: 'lock table secrets.company_keys in exclusive mode' })
  const made = newCompany(app)
  await table.waitedFor()
  const rotated = rotate(app, { masterKeyId: formerKeyId })
  await someoneWaits()
  await table.release()
  targets.push(await made)
  t.match(await rotated, { body: { rewrapped: targets.length, remaining: 0 } })
  t.match(await rotate(app, { masterKeyId: newKeyId }), { body: { remaining: 0 } })

  const statement = 'lock table secrets.master_keys in share row exclusive mode'
  const turn = await heldLock(t, { url, statement })
  const starting = startSecrets(t, database, both)
  await turn.waitedFor()
  await turn.release()
  t.ok(await starting)
})

t.test('a request to rotate works once', async (t) => {
  const path = '/admin/master-keys/rotate'
  const outgoing = sign(app.origin, operator(), { method: 'POST', path, body: {} })
  t.match(await transmit(app.origin, outgoing), { status: 200 })
  t.match(await transmit(app.origin, outgoing), { status: 401, body: { code: 'replayed' } })
})

t.test('a company key that does not verify stays as it is, and holds up no other', async (t) => {
  const damaged = await newCompany(app)
  const row = 'from company_keys where company_id = $1'
  const [kept] = await sql<{ wrapped: Buffer }>(`select wrapped ${row}`, [damaged.companyId])
  const flipped = Buffer.from(kept?.wrapped ?? [])
  flipped.writeUInt8(flipped.readUInt8(flipped.length - 1) ^ 1, flipped.length - 1)
  const put = (wrapped: Buffer | undefined) =>
    sql('update company_keys set wrapped = $1 where company_id = $2', [wrapped, damaged.companyId])
  await put(flipped)
  const count = targets.length
  t.match(await rotate(app, { masterKeyId: formerKeyId }), {
    body: { rewrapped: count, failed: 1, remaining: 1 }
  })
  t.match(app.logs(), /a stored company key does not verify/)
  await put(kept?.wrapped)
  t.match(await rotate(app, { masterKeyId: newKeyId }), { body: { failed: 0, remaining: 0 } })
  targets.push(damaged)
})

t.test('a key is retired when it wraps nothing, and then opens nothing, whatever comes back', async (t) => {
  t.match(await retire(app, newKeyId), { status: 409, body: { code: 'state_conflict' } })
  t.match(await retire(app, 'mk_0000000000000000'), { status: 404 })
  const target = targets[0] ?? { companyId: '', agentId: '' }
  // Holds the former key for as long as it runs, and has opened nothing yet.
  const early = await startSecrets(t, database, both)
  await rotate(app, { masterKeyId: formerKeyId })
  const [old] = await sql('select wrapped from company_keys where company_id = $1', [target.companyId])
  await rotate(app, { masterKeyId: newKeyId })
  const [kept] = await sql('select wrapped from company_keys where company_id = $1', [target.companyId])
  t.match((await status(app)).body.keys[1], { id: formerKeyId, state: 'former', safeToRemove: true })
  const retired = { id: formerKeyId, state: 'retired', companyKeys: 0, safeToRemove: true }
  t.match((await retire(app, formerKeyId)).body, retired)
  t.match((await retire(app, formerKeyId)).body, retired, 'twice is once')
  t.equal((await activity()).filter(({ action }) => action === 'master_key.retired').length, 1)
  t.match(await rotate(app, { masterKeyId: formerKeyId }), { status: 409, body: { detail: /is retired/ } })
  t.match((await rotate(app)).body, { activeKeyId: newKeyId, activated: false, rewrapped: 0 })

  const late = await startSecrets(t, database, both)
  const { warnings } = (await late.send(operator(), 'GET', '/health')).body
  t.match(warnings, [new RegExp(`${formerKeyId} .* is retired and opens nothing`)])
  t.match(await startsWith(t, onlyFormer), { name: 'MissingMasterKeyError' })
  await sql('update company_keys set wrapped = $1, master_key_id = $2 where company_id = $3', [
    old?.wrapped,
    formerKeyId,
    target.companyId
  ])
  for (const reader of [early, late])
    t.match(await resolve(reader, target), { status: 503, body: { code: 'master_key_unavailable' } })
  t.match(await startsWith(t, both), {
    message: new RegExp(`${formerKeyId}, which is retired and opens nothing`)
  })
  await sql('update company_keys set wrapped = $1, master_key_id = $2 where company_id = $3', [
    kept?.wrapped,
    newKeyId,
    target.companyId
  ])
  t.ok(await opens(late, target))
})

t.test('a start with a wrong key is refused, writes nothing and announces nobody', async (t) => {
  const state = async () => [
    await sql('select * from master_keys order by id'),
    await sql('select process_id from master_key_holders order by 1')
  ]
  const before = await state()
  const wrong = Buffer.alloc(32, 8).fill(2, 7).toString('base64')
  t.match(await startsWith(t, { PAPERCLIP_SECRETS_MASTER_KEY: wrong }), { name: 'MissingMasterKeyError' })
  t.strictSame(await state(), before)
})

t.test(
  'an instance on which nothing is wrapped takes no other key while a process lives by its own',
  async (t) => {
    const empty = await secretsDatabase(t)
    const first = await startSecrets(t, empty, onlyFormer)
    const refusal = await startSecrets(t, empty, { PAPERCLIP_SECRETS_MASTER_KEY: newKey }).then(
      () => t.fail('it started') as never,
      (error: Error) => error
    )
    t.ok(refusal instanceof MissingMasterKeyError)
    t.ok(await opens(first, await newCompany(first)))
  }
)

t.test('of several keys that wait, the one that is meant must be named', async (t) => {
  const ids = ['mk_00000000000000aa', 'mk_00000000000000bb']
  for (const id of ids)
    await sql(
      "insert into master_keys (id, salt, iterations) values ($1, decode(repeat('00', 32), 'hex'), 600000)",
      [id]
    )
  const held = JSON.stringify([{ id: newKeyId, source: 'a' }, ...ids.map((id) => ({ id, source: 'b' }))])
  await sql(
    `insert into master_key_holders (process_id, host, pid, keys, lease_until)
     values (gen_random_uuid(), 'elsewhere', 1, $1, now() + interval '1 minute')`,
    [held]
  )
  t.match(await rotate(app), {
    status: 409,
    body: { detail: /Several .* wait: mk_0+(aa|bb), mk_0+(aa|bb)\. Name/ }
  })
  t.match(await rotate(app, { masterKeyId: ids[0] }), {
    status: 409,
    body: { detail: /is not held by every/ }
  })
})

t.test('a process goes on saying that it lives', async () => {
  await eventually(async () => {
    const rows = await sql(
      "select from master_key_holders where pid = $1 and lease_until > started_at + interval '34 seconds'",
      [process.pid]
    )
    if (rows.length === 0) throw new Error('its word was not renewed')
  })
})
