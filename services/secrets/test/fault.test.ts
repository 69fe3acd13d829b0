import { newId } from '@paperclip/contracts'
import { eventually, faultProxy, heldLock } from '@paperclip/testing'
import t, { type Test } from 'tap'
import { adminSession, createSecret, eventsOf, parseFrames, putEnv, resolve } from './support/fixtures.js'
import {
  type Answer,
  operator,
  resolveItem,
  run,
  type SecretsApp,
  secretsDatabase,
  service,
  startSecrets
} from './support/secrets-app.js'

// Once connections were cut under it, Node 20 may spin for ever in the clean-up after the last event; all is done then.
process.on('exit', (code) => process.exit(process.exitCode ?? code))

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const sql = await adminSession(t, database)
const canary = 'canary-0d9b-value'

// The promise is a second; a loaded machine gets some more before the test calls it broken.
const refusalMsMax = 2_500

async function scene() {
  const [companyId, agentId] = [newId(), newId()]
  const { id } = await createSecret(app, companyId, { name: 'k', value: canary })
  await putEnv(app, { companyId, agentId }, { K: '$secret:k', SOME_TOKEN: canary })
  return { companyId, agentId, secretId: id as string }
}

/** Every way to a value, none of which may give one now. */
async function expectNothingOut(
  t: Test,
  target: SecretsApp,
  { companyId, agentId }: { companyId: string; agentId: string }
) {
  const startedAt = performance.now()
  const answers = await Promise.all([
    target.send(run(companyId, agentId), 'POST', '/agents/me/env'),
    target.send(run(companyId, agentId), 'POST', '/agents/me/secrets/k/value'),
    target.send(service('runner'), 'POST', `/companies/${companyId}/env/resolve`, {
      targetType: 'agent',
      targetId: agentId
    })
  ])
  const frames = await target.send(service('gateway'), 'POST', '/resolve-batch', {
    items: Array.from({ length: 3 }, () => resolveItem(run(companyId, agentId)))
  })
  t.ok(performance.now() - startedAt < 2 * refusalMsMax, 'answered in time')
  for (const answer of answers) {
    t.match(answer, { status: 503, body: { code: 'audit_unavailable' } })
    t.equal(answer.headers.get('retry-after'), '1')
  }
  t.strictSame(
    parseFrames(frames.text).map(({ body }) => body.code),
    Array(3).fill('audit_unavailable')
  )
  for (const { text } of [...answers, frames]) t.notMatch(text, canary)
}

async function expectRecovery(t: Test, target: SecretsApp, scene: { companyId: string; agentId: string }) {
  const answer = await eventually(async () => {
    const resolved = await resolve(target, scene)
    if (resolved.status !== 200) throw new Error(`still ${resolved.status}`)
    return resolved
  })
  t.equal(answer.body.env.K, canary, 'recovers alone')
}

t.test('without the right to record nothing is revealed, and metadata still answers', async (t) => {
  const target = await scene()
  await sql('revoke insert on secret_access_events from paperclip_secrets')
  await expectNothingOut(t, app, target)
  t.equal((await app.send(operator(), 'GET', `/secrets/${target.secretId}`)).status, 200)
  t.strictSame(await eventsOf(app, target.companyId), [])
  await sql('grant insert on secret_access_events to paperclip_secrets')
  await expectRecovery(t, app, target)
})

t.test('while the record is locked nothing is revealed, and metadata still answers', async (t) => {
  const target = await scene()
  const lock = await heldLock(t, {
    url: database.adminUrl,
    statement: 'lock table secrets.secret_access_events in exclusive mode'
  })
  await expectNothingOut(t, app, target)
  t.equal((await app.send(operator(), 'GET', `/secrets/${target.secretId}`)).status, 200)
  await lock.release()
  await expectRecovery(t, app, target)
})

t.test('a session that is killed in mid-statement reveals nothing, and the next one works', async (t) => {
  const target = await scene()
  const lock = await heldLock(t, {
    url: database.adminUrl,
    statement: 'lock table secrets.secret_access_events in exclusive mode'
  })
  const caught = resolve(app, target)
  await lock.waitedFor()
  await sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'paperclip-secrets-resolve' and datname = current_database()`
  )
  const answer = await caught
  t.match(answer, { status: 503, body: { code: 'audit_unavailable' } })
  t.notMatch(answer.text, canary)
  await lock.release()
  await expectRecovery(t, app, target)
})

t.test('with all sessions killed under load every answer is a value on record, or a refusal', async (t) => {
  const target = await scene()
  const senders = Array.from({ length: 60 }, () => run(target.companyId, target.agentId))
  const sent = senders.map((sender) => app.send(sender, 'POST', '/agents/me/env'))
  await sql(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where usename = 'paperclip_secrets' and datname = current_database()`
  )
  const answers: Answer[] = await Promise.all(sent)
  t.ok(answers.every(({ status, body }) => status === 200 || body.code === 'audit_unavailable'))
  await expectRecovery(t, app, target)
  const recorded = new Set(
    (await eventsOf(app, target.companyId, '?limit=500')).map(({ runId }: { runId: string }) => runId)
  )
  const revealed = senders.filter((_, index) => answers[index]?.status === 200)
  t.ok(
    revealed.every(({ actor }) => recorded.has(actor.runId)),
    'no value without its event'
  )
  const created = await app.send(operator(), 'GET', `/secrets/${target.secretId}`)
  t.equal(created.status, 200)
})

t.test('a database that no longer answers is a refusal in time, and its return is noticed', async (t) => {
  const target = await scene()
  const proxy = await faultProxy(t, { target: database.adminUrl })
  const behind = await startSecrets(t, { url: (schema) => proxy.through(database.url(schema)) })
  await expectRecovery(t, behind, target)
  proxy.set('blackhole')
  await expectNothingOut(t, behind, target)
  t.match(
    await behind.send(operator(), 'POST', `/companies/${target.companyId}/secrets`, {
      name: 'n',
      value: canary
    }),
    {
      status: 503,
      body: { code: 'database_unavailable' }
    }
  )
  t.equal((await fetch(`${behind.origin}/livez`)).status, 200)
  t.equal((await fetch(`${behind.origin}/readyz`)).status, 503)
  proxy.set('reset')
  await expectNothingOut(t, behind, target)
  proxy.set('pass')
  await expectRecovery(t, behind, target)
  t.notMatch(behind.logs(), canary)
})

t.test('a resolve that comes while a batch is on the wire does not join it', async (t) => {
  // The statement waits for a row that we hold; its lock timeout is short, so an attempt may fail before our release.
  const attemptsMax = 20
  let held = 0
  for (let attempt = 0; attempt < attemptsMax && held < 3; attempt++) {
    const target = await scene()
    const early = resolveItem(run(target.companyId, target.agentId))
    const lock = await heldLock(t, {
      url: database.adminUrl,
      statement: `insert into secrets.secret_access_events
        (company_id, resolve_id, ordinal, actor_type, actor_id, outcome, request_id)
        values ('${target.companyId}', '${early.resolveId}', 0, 'agent', 'x', 'denied', 'x')`
    })
    const onTheWire = app.send(service('gateway'), 'POST', '/resolve-batch', { items: [early] })
    await lock.waitedFor()
    await putEnv(app, target, {})
    const late = Promise.all([
      resolve(app, target),
      app.send(service('gateway'), 'POST', '/resolve-batch', {
        items: [resolveItem(run(target.companyId, target.agentId))]
      })
    ])
    await lock.release()
    for (const { text } of await late) t.notMatch(text, canary, 'the late ones see the unbinding')
    if (parseFrames((await onTheWire).text)[0]?.status === 200) held++
  }
  t.equal(held, 3, 'in three attempts the early one was really held')
})

t.test(
  'after an acknowledged change no later resolve on either replica shows the former state',
  async (t) => {
    const replica = await startSecrets(t, database)
    const target = await scene()
    for (let round = 0; round < 15; round++) {
      await putEnv(app, target, { K: '$secret:k' })
      const background = Array.from({ length: 10 }, (_, index) =>
        resolve(index % 2 === 0 ? app : replica, target)
      )
      const writer = round % 2 === 0 ? app : replica
      await putEnv(writer, target, {})
      const later = await Promise.all([app, replica, app, replica].map((reader) => resolve(reader, target)))
      for (const { body } of later) t.same(body.env, {})
      await Promise.all(background)
    }
    const { id } = await createSecret(app, target.companyId, { name: 'd', value: canary })
    await putEnv(app, target, { D: '$secret:d' })
    t.equal((await resolve(replica, target)).status, 200)
    await app.send(operator(), 'DELETE', `/secrets/${id}?force=true`)
    t.match(await resolve(replica, target), { status: 422, body: { code: 'secret_deleted' } })
  }
)

t.test('more waiting resolves than there is room for are refused as overloaded at once', async (t) => {
  const { companyId, agentId } = await scene()
  const lock = await heldLock(t, {
    url: database.adminUrl,
    statement: 'lock table secrets.secret_access_events in exclusive mode'
  })
  const batch = () => ({ items: Array.from({ length: 64 }, () => resolveItem(run(companyId, agentId))) })
  const requests = Array.from({ length: 70 }, async () => {
    const answer = await app.send(service('gateway'), 'POST', '/resolve-batch', batch())
    return parseFrames(answer.text).map(({ body }) => body.code ?? 'value')
  })
  await Promise.any(
    requests.map(async (request) => {
      if (!(await request).includes('overloaded')) throw new Error('not this one')
    })
  )
  await lock.release()
  const codes = (await Promise.all(requests)).flat()
  t.strictSame(
    [...new Set(codes)].filter((code) => !['value', 'audit_unavailable', 'overloaded'].includes(code)),
    []
  )
  t.ok(codes.filter((code) => code === 'overloaded').length <= 70 * 64 - 4096)
  await expectRecovery(t, app, { companyId, agentId })
})

t.test('no log line holds a value', async (t) => {
  t.notMatch(app.logs(), canary)
})
