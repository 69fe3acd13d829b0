import { newId } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { eventually } from '@paperclip/testing'
import t from 'tap'
import { createProviderReads } from '../src/resolve/provider-reads.js'
import { sendBatch } from './support/batch-stream.js'
import { adminSession, createSecret, eventsOf, parseFrames, putEnv, resolve } from './support/fixtures.js'
import { heldSecret, holdProvider } from './support/held-provider.js'
import { operator, resolveItem, run, secretsDatabase, service, startSecrets } from './support/secrets-app.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const sql = await adminSession(t, database)
const provider = holdProvider(app)
const pending = 102

/** An agent with one local secret, and with each of the references named. */
async function scene(...references: string[]) {
  const [companyId, agentId] = [newId(), newId()]
  await createSecret(app, companyId, { name: 'near', value: `near ${agentId}` })
  const env: Record<string, string> = { NEAR: '$secret:near' }
  for (const [index, reference] of references.entries()) {
    const { key } = await createSecret(app, companyId, heldSecret(`far-${index}`, reference))
    env[`FAR_${index}`] = `$secret:${key}`
  }
  await putEnv(app, { companyId, agentId }, env)
  const item = () => resolveItem(run(companyId, agentId))
  return { companyId, agentId, item }
}

async function untilAsked(reference: string, times = 1) {
  await eventually(() => {
    const asked = provider.asked.filter((one) => one === reference).length
    if (asked !== times) throw new Error(`${reference} was asked for ${asked} times`)
  })
}

/** Outcome and code of the events of one company, by path, the announcements first. */
async function recordOf(companyId: string) {
  const events = await eventsOf(app, companyId, '?limit=500')
  return events
    .toSorted((a: Record<string, string>, b: Record<string, string>) =>
      `${a.followsEventId !== null} ${a.configPath}` < `${b.followsEventId !== null} ${b.configPath}` ? -1 : 1
    )
    .map(({ configPath, outcome, code }: Record<string, string>) => `${configPath} ${outcome} ${code}`)
}

t.test('of 64 items that come together, 63 are answered while one waits for its provider', async (t) => {
  const far = await scene('slow')
  const near = await scene()
  const items = [
    ...Array.from({ length: 30 }, near.item),
    far.item(),
    ...Array.from({ length: 33 }, near.item)
  ]
  const reply = await sendBatch(app, items)
  const first = await reply.frames(64)
  t.notOk(reply.headers['content-length'])
  t.equal(reply.headers['cache-control'], 'no-store')
  t.strictSame(new Set(first.map(({ resolveId }) => resolveId)).size, 64)
  const announced = first.filter(({ status }) => status === pending)
  t.match(announced, [{ resolveId: items[30]?.resolveId, body: null }])
  for (const { status, body } of first)
    if (status !== pending) t.match(body, { env: { NEAR: `near ${near.agentId}` } })
  t.strictSame(provider.asked, ['slow'])
  t.ok(
    (await recordOf(far.companyId)).every((line: string) => line.includes('success')),
    'announced before'
  )
  provider.answer('slow', 'the value')
  const all = await reply.all()
  t.equal(all.length, 65)
  t.match(all.at(-1), {
    resolveId: items[30]?.resolveId,
    status: 200,
    body: { env: { NEAR: `near ${far.agentId}`, FAR_0: 'the value' } }
  })
})

t.test('a batch in which nobody waits is one reply with a length', async (t) => {
  const near = await scene()
  const reply = await sendBatch(app, [near.item(), near.item()])
  t.ok(Number(reply.headers['content-length']) > 0)
  t.ok((await reply.all()).every(({ status }) => status === 200))
})

t.test('more held resolves than connections hold up neither values, metadata nor the record', async (t) => {
  const far = await scene('held')
  const near = await scene()
  const held = await Promise.all(Array.from({ length: 40 }, () => sendBatch(app, [far.item()])))
  await Promise.all(held.map((reply) => reply.frames(1)))
  const revealing = app.send(run(far.companyId, far.agentId), 'POST', '/agents/me/secrets/far-0/value')
  const single = app.send(service('runner'), 'POST', `/companies/${far.companyId}/env/resolve`, {
    targetType: 'agent',
    targetId: far.agentId
  })
  await untilAsked('held', 42)
  await eventually(async () => {
    const busy = await sql(
      `select state from pg_stat_activity where application_name like 'paperclip-secrets%' and state <> 'idle'
       and datname = current_database()`
    )
    if (busy.length > 0) throw new Error('a connection is held')
  })
  t.equal((await resolve(app, near)).status, 200)
  const value = await app.send(run(near.companyId, near.agentId), 'POST', '/agents/me/secrets/near/value')
  t.match(value, { status: 200, body: { value: `near ${near.agentId}` } })
  t.equal((await app.send(operator(), 'GET', `/companies/${near.companyId}/secrets`)).status, 200)
  provider.answer('held', 'at last')
  for (const reply of held) t.match((await reply.all()).at(-1), { body: { env: { FAR_0: 'at last' } } })
  t.match(await revealing, { status: 200, body: { key: 'far-0', value: 'at last', version: 1 } })
  t.match(await single, { status: 200, body: { env: { FAR_0: 'at last' } } })
})

t.test('what fails at a provider fails the whole call, on record before the answer', async (t) => {
  const far = await scene('a', 'b', 'c', 'd')
  provider.answers.set('a', 'canary-a')
  provider.answers.set('b', new AppError('value_not_text'))
  provider.answers.set('c', new AppError('provider_access_denied', { detail: 'It lacks the permission.' }))
  const answering = sendBatch(app, [far.item()])
  await untilAsked('d')
  provider.answer('d', new AppError('provider_throttled'))
  const [, frame] = await (await answering).all()
  t.match(frame, {
    status: 503,
    body: {
      code: 'provider_throttled',
      errors: [
        { pointer: 'env.FAR_1', code: 'value_not_text' },
        { pointer: 'env.FAR_2', code: 'provider_access_denied', message: 'It lacks the permission.' },
        { pointer: 'env.FAR_3', code: 'provider_throttled' }
      ]
    }
  })
  t.equal(frame?.body.errors.length, 3)
  t.notMatch(JSON.stringify(frame), 'canary')
  t.strictSame(await recordOf(far.companyId), [
    'env.FAR_0 success null',
    'env.FAR_1 success null',
    'env.FAR_2 success null',
    'env.FAR_3 success null',
    'env.NEAR success null',
    'env.FAR_0 failure withheld',
    'env.FAR_1 failure value_not_text',
    'env.FAR_2 failure provider_access_denied',
    'env.FAR_3 failure provider_throttled',
    'env.NEAR failure withheld'
  ])
  const events = await eventsOf(app, far.companyId)
  const successes = new Set(
    events.flatMap((event: { id: string; outcome: string }) =>
      event.outcome === 'success' ? [event.id] : []
    )
  )
  for (const { outcome, followsEventId } of events)
    if (outcome === 'failure') t.ok(successes.delete(followsEventId), 'each follows its own')
  t.notMatch(app.logs(), 'canary-a')
})

t.test('the worst status of all wins, whatever its place', async (t) => {
  const { companyId, agentId } = await scene('w1', 'w2')
  provider.answers.set('w1', new AppError('provider_not_found'))
  provider.answers.set('w2', new AppError('reference_mismatch'))
  t.match(await resolve(app, { companyId, agentId }), { status: 502, body: { code: 'provider_not_found' } })
  provider.answers.set('w2', new RangeError('canary-internal'))
  const broken = await resolve(app, { companyId, agentId })
  t.match(broken, { status: 502 })
  t.notMatch(broken.text + app.logs(), 'canary-internal')
  t.match(app.logs(), /"name":"RangeError"/, 'our own fault is in the log')
  const revealed = await app.send(run(companyId, agentId), 'POST', '/agents/me/secrets/far-0/value')
  t.match(revealed, { status: 502, body: { code: 'provider_not_found' } })
})

t.test('nobody is asked when a binding, or a value of our own, is not in order', async (t) => {
  const asked = provider.asked.length
  const missing = await scene('never')
  const near = await createSecret(app, missing.companyId, { name: 'other', value: 'v' })
  await putEnv(app, missing, { OTHER: '$secret:other', FAR: '$secret:far-0' })
  await app.send(operator(), 'POST', `/secrets/${near.id}/versions/1/disable`)
  t.match(await resolve(app, missing), { status: 422, body: { code: 'version_inactive' } })
  const broken = await scene('never')
  await sql(
    `update company_secret_versions set sealed = set_byte(sealed, 60, get_byte(sealed, 60) # 1)
     where company_id = $1 and sealed is not null`,
    [broken.companyId]
  )
  t.match(await resolve(app, broken), { status: 422, body: { code: 'integrity_failure' } })
  t.strictSame((await recordOf(broken.companyId)).slice(2), [
    'env.FAR_0 failure withheld',
    'env.NEAR failure integrity_failure'
  ])
  t.equal(provider.asked.length, asked)
})

t.test('a failure that cannot be recorded is an error too, without a value', async (t) => {
  const far = await scene('unrecorded', 'fine')
  provider.answers.set('fine', 'canary-fine')
  const [batch, single] = [sendBatch(app, [far.item()]), resolve(app, far)]
  const reveal = app.send(run(far.companyId, far.agentId), 'POST', '/agents/me/secrets/far-0/value')
  await untilAsked('unrecorded', 3)
  await sql('revoke insert on secret_access_events from paperclip_secrets')
  provider.answer('unrecorded', new AppError('provider_access_denied'))
  const [, frame] = await (await batch).all()
  const answers = [await single, await reveal]
  await sql('grant insert on secret_access_events to paperclip_secrets')
  for (const { status, body } of [...answers, ...(frame === undefined ? [] : [frame])]) {
    t.match({ status, body }, { status: 503, body: { code: 'audit_unavailable' } })
    t.notMatch(JSON.stringify(body), 'canary')
  }
})

t.test('a replayed item fails alone beside one that waits', async (t) => {
  const [far, near] = [await scene('waits'), await scene()]
  const used = near.item()
  await app.send(service('gateway'), 'POST', '/resolve-batch', { items: [used] })
  const waits = far.item()
  const reply = await sendBatch(app, [waits, used, near.item()])
  t.strictSame((await reply.frames(3)).map(({ status }) => status).sort(), [pending, 200, 401])
  const replayed = await app.send(service('gateway'), 'POST', '/resolve-batch', { items: [waits] })
  t.match(parseFrames(replayed.text), [{ status: 401, body: { code: 'replayed' } }])
  provider.answer('waits', 'late')
  t.match((await reply.all()).at(-1), { resolveId: waits.resolveId, body: { env: { FAR_0: 'late' } } })
})

function connections(): Promise<number> {
  return new Promise((resolve, reject) =>
    app.server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  )
}

t.test('a caller that goes away takes nothing with it', async (t) => {
  const far = await scene('left')
  const reply = await sendBatch(app, [far.item(), far.item()])
  await reply.frames(2)
  const before = await connections()
  const logged = app.logs().length
  reply.leave()
  await eventually(async () => {
    if ((await connections()) >= before) throw new Error('the connection is still there')
  })
  provider.answer('left', 'canary-left')
  t.equal((await resolve(app, await scene())).status, 200)
  t.notMatch(app.logs().slice(logged), /"level":50|canary-left/)
})

/** Reads that the test answers, and what is told about them. */
function heldReads() {
  const settle: ((value: Buffer) => void)[] = []
  const readVersion = () => new Promise<Buffer>((resolve) => settle.push(resolve))
  const found = app.deps.providers.find('aws_secrets_manager')
  if (found === undefined) throw new Error('no provider')
  const place = { companyId: newId(), secretId: newId(), versionId: newId() }
  const stored = {
    sealed: null,
    externalRef: 'r',
    providerVersionRef: null,
    vault: null,
    key: 'k',
    managedMode: 'external_reference'
  } as const
  return { settle, read: { provider: { ...found, readVersion }, place, stored } }
}

const reasons = (outcomes: (Buffer | Error)[]) =>
  outcomes.map((outcome) => (outcome instanceof AppError ? outcome.code : String(outcome)))

t.test('a provider that never answers is given up, and what came in time is kept', async (t) => {
  const { settle, read } = heldReads()
  const reads = createProviderReads({ requestsMax: 9, companyRequestsMax: 9, atOnceMax: 2, deadlineMs: 50 })
  const outcomes = reads.readAll('a', [read, read, read, read])
  settle[0]?.(Buffer.from('one'))
  t.strictSame(reasons(await outcomes), ['one', ...Array(3).fill('provider_unavailable')])
  t.equal(settle.length, 3, 'no more than two are asked for at once')
  for (const late of settle) late(Buffer.from('late'))
  t.strictSame(reasons(await outcomes).slice(1), Array(3).fill('provider_unavailable'))
})

t.test('one company cannot take all the room, and room comes back', async (t) => {
  const { settle, read } = heldReads()
  const reads = createProviderReads({
    requestsMax: 3,
    companyRequestsMax: 2,
    atOnceMax: 9,
    deadlineMs: 60_000
  })
  const held = ['a', 'a', 'b'].map((company) => reads.readAll(company, [read]))
  t.strictSame(reasons(await reads.readAll('a', [read, read])), ['overloaded', 'overloaded'])
  t.strictSame(reasons(await reads.readAll('c', [read])), ['overloaded'])
  for (const answer of settle) answer(Buffer.from('x'))
  t.strictSame((await Promise.all(held)).map(reasons), [['x'], ['x'], ['x']])
  const again = ['a', 'a', 'c'].map((company) => reads.readAll(company, [read]))
  for (const answer of settle.slice(3)) answer(Buffer.from('y'))
  t.strictSame((await Promise.all(again)).map(reasons), [['y'], ['y'], ['y']])
})

t.test('values that are too large together are not gathered', async (t) => {
  const { settle, read } = heldReads()
  const outcomes = createProviderReads().readAll('a', Array(3).fill(read))
  for (const answer of settle) answer(Buffer.alloc(2_000_000))
  t.strictSame(
    (await outcomes).map((outcome) =>
      outcome instanceof AppError ? outcome.code : outcome.toString().length
    ),
    [2_000_000, 2_000_000, 'env_too_large']
  )
})

t.test('connections for the resolves are there before the first one comes', async (t) => {
  const fresh = await startSecrets(t, database)
  const before = await sql<{ pid: number }>(
    `select pid from pg_stat_activity where application_name = 'paperclip-secrets-resolve'
     and datname = current_database()`
  )
  t.ok(before.length >= 4, 'two of each process')
  t.equal((await resolve(fresh, await scene())).status, 200)
})
