import { newId } from '@paperclip/contracts'
import { transaction } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import { eventually } from '@paperclip/testing'
import fc from 'fast-check'
import t from 'tap'
import { retryDelaySeconds } from '../src/remote-deletion/remote-deletion-service.js'
import { enqueueRemoteDeletion, findReservation } from '../src/remote-deletion/remote-deletion-store.js'
import { adminSession, createSecret, putEnv, resolve, rotate, walk } from './support/fixtures.js'
import { createRemoteStandIn, useStandIn } from './support/remote-stand-in.js'
import { operator, type SecretsApp, secretsDatabase, service, startSecrets } from './support/secrets-app.js'
import { createVault } from './support/vaults.js'

const provider = 'aws_secrets_manager' as const
const config = { region: 'us-east-1' }

const database = await secretsDatabase(t)
const [app, replica] = await Promise.all([startSecrets(t, database), startSecrets(t, database)])
const sql = await adminSession(t, database)
const remote = createRemoteStandIn()
useStandIn(app, remote)
useStandIn(replica, remote)
t.beforeEach(() => remote.reset())

const remove = (id: string, query = '', at = app) => at.send(operator(), 'DELETE', `/secrets/${id}${query}`)
const rowsOf = (secretId: string) =>
  sql(
    `select external_ref, attempts, last_code, deletion_date, done_at is not null as done,
       extract(epoch from next_attempt_at - now())::float8 as in_seconds
     from remote_deletions where secret_id = $1 order by external_ref`,
    [secretId]
  )
const makeDue = (secretId: string) =>
  sql('update remote_deletions set next_attempt_at = now() where secret_id = $1 and done_at is null', [
    secretId
  ])

async function managed(companyId: string, facts: object = {}) {
  const body = { provider, name: newId(), value: 'value', ...facts }
  const secret = await createSecret(app, companyId, body)
  return secret as { id: string; key: string; name: string; externalRef: string }
}

async function move(id: string, providerConfigId: string | null) {
  const body = { value: 'moved', providerConfigId }
  const answer = await app.send(operator(), 'POST', `/secrets/${id}/rotate`, body)
  if (answer.status !== 200) throw new Error(answer.text)
  return answer.body.externalRef as string
}

t.test('what lies here is gone at once, and what is not ours is kept', async (t) => {
  const companyId = newId()
  const local = await createSecret(app, companyId, { name: 'local', value: 'v' })
  t.strictSame((await remove(local.id)).body, { ok: true, remote: 'none' })
  const externalRef = 'prod/theirs'
  const reference = { provider, managedMode: 'external_reference', externalRef }
  const linked = await createSecret(app, companyId, { ...reference, name: 'linked' })
  t.strictSame((await remove(linked.id)).body, { ok: true, remote: 'kept' })
  const patched = await createSecret(app, companyId, { ...reference, name: 'patched' })
  const deleted = await app.send(operator(), 'PATCH', `/secrets/${patched.id}`, { status: 'deleted' })
  t.equal(deleted.status, 200)
  for (const { id } of [local, linked, patched]) t.strictSame(await rowsOf(id), [])
  t.strictSame(remote.asked, [], 'the provider was asked nothing')
})

t.test('a remote secret is scheduled for deletion by its full name before the answer', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  const secret = await managed(companyId)
  await rotate(app, secret.id, 'two')
  await putEnv(app, { companyId, agentId }, { K: { type: 'secret_ref', secretId: secret.id } })
  t.match(await remove(secret.id), { status: 409, body: { code: 'in_use' } })
  t.strictSame(await rowsOf(secret.id), [], 'nothing is noted while it is bound')
  t.strictSame((await remove(secret.id, '?force=true')).body, { ok: true, remote: 'scheduled' })
  t.strictSame(remote.asked, [secret.externalRef], 'once, whatever the number of versions')
  t.match(await rowsOf(secret.id), [
    { external_ref: secret.externalRef, attempts: 1, done: true, deletion_date: remote.dueAt }
  ])
  t.match(await resolve(replica, { companyId, agentId }), { status: 422, body: { code: 'secret_deleted' } })
  t.match(await remove(secret.id), { status: 404 }, 'and it is deleted once')
  const [activity] = await sql(
    `select count(*)::int as count from activity_log where entity_id = $1 and action = 'secret.deleted'`,
    [secret.id]
  )
  t.equal(activity?.count, 1)
})

t.test('every place of a secret goes, but for those whose vaults are disabled', async (t) => {
  const companyId = newId()
  const vaults = await Promise.all([1, 2].map(() => createVault(app, companyId, { provider, config })))
  const [first, second] = vaults.map(({ id }) => id as string)
  if (first === undefined || second === undefined) throw new Error('two vaults were made')
  const disable = (id: string) => app.send(operator(), 'DELETE', `/secret-provider-configs/${id}`)
  const secret = await managed(companyId, { providerConfigId: first })
  const stays = await managed(companyId, { providerConfigId: first })
  const moved = await move(secret.id, second)
  const last = await move(secret.id, null)
  await disable(first)
  t.strictSame((await remove(secret.id)).body, { ok: true, remote: 'scheduled' })
  t.strictSame([...remote.asked].sort(), [moved, last].sort())
  t.notOk(remote.isMarked(secret.externalRef), 'what lies in a disabled vault is left alone')
  remote.asked.length = 0
  t.strictSame((await remove(stays.id)).body, { ok: true, remote: 'kept' })
  t.strictSame(remote.asked, [])
  t.strictSame(await rowsOf(stays.id), [])
  t.equal((await walk(app, `/companies/${companyId}/secrets`)).length, 0, 'here both are gone')
})

t.test('a provider that fails delays the deletion, and never the answer', async (t) => {
  const companyId = newId()
  for (const code of ['provider_unavailable', 'provider_access_denied', null] as const) {
    const secret = await managed(companyId)
    remote.meanwhile = async () => {
      throw code === null ? new TypeError(secret.externalRef) : new AppError(code)
    }
    t.strictSame((await remove(secret.id)).body, { ok: true, remote: 'pending' })
    const last_code = code ?? 'internal_error'
    const [row] = await rowsOf(secret.id)
    t.match(row, { attempts: 1, last_code, done: false, deletion_date: null })
    t.ok(Number(row?.in_seconds) > 10 && Number(row?.in_seconds) <= 30, 'soon')
    await replica.deps.remoteDeletionWorker.runDue()
    t.match(await rowsOf(secret.id), [{ attempts: 1 }], 'not before its time')
    await makeDue(secret.id)
    await replica.deps.remoteDeletionWorker.runDue()
    t.match(await rowsOf(secret.id), [{ attempts: 2, last_code, done: false }])
    remote.meanwhile = async () => {}
    await makeDue(secret.id)
    await app.deps.remoteDeletionWorker.runDue()
    t.match(await rowsOf(secret.id), [
      { attempts: 3, last_code: null, done: true, deletion_date: remote.dueAt }
    ])
    t.ok(remote.asked.every((asked) => asked === secret.externalRef))
    remote.asked.length = 0
  }
})

t.test('what the provider does not have any more is deleted', async (t) => {
  const secret = await managed(newId())
  remote.meanwhile = async () => {
    throw new AppError('provider_not_found')
  }
  t.strictSame((await remove(secret.id)).body, { ok: true, remote: 'scheduled' })
  t.match(await rowsOf(secret.id), [{ done: true, deletion_date: null, last_code: null }])
})

t.test('a process that cannot find its way leaves the deletion to those that can', async (t) => {
  const bare = await startSecrets(t, database)
  const secret = await managed(newId())
  t.strictSame((await remove(secret.id, '', bare)).body, { ok: true, remote: 'pending' })
  t.match(await rowsOf(secret.id), [{ last_code: 'reference_mismatch', done: false }])
  await makeDue(secret.id)
  await app.deps.remoteDeletionWorker.runDue()
  t.match(await rowsOf(secret.id), [{ done: true }])
})

t.test('two processes never attempt one deletion at once, and every one is made', async (t) => {
  const companyId = newId()
  const secrets = await Promise.all(Array.from({ length: 12 }, () => managed(companyId)))
  remote.meanwhile = async () => {
    throw new AppError('provider_throttled')
  }
  await Promise.all(secrets.map(({ id }) => remove(id)))
  for (const { id } of secrets) await makeDue(id)
  remote.reset()
  await Promise.all([app, replica].map(({ deps }) => deps.remoteDeletionWorker.runDue()))
  t.strictSame([...remote.asked].sort(), secrets.map(({ externalRef }) => externalRef).sort())
  for (const { id } of secrets) t.match(await rowsOf(id), [{ attempts: 2, done: true }])
})

t.test('an attempt under way is left alone by others, and its late failure undoes no success', async (t) => {
  const secret = await managed(newId())
  let failLate: (error: Error) => void = () => {}
  remote.meanwhile = () =>
    new Promise((_, reject) => {
      failLate = reject
      remote.meanwhile = async () => {}
    })
  const answer = remove(secret.id)
  await eventually(() => {
    if (remote.asked.length !== 1) throw new Error('not begun')
  })
  await replica.deps.remoteDeletionWorker.runDue()
  t.equal(remote.asked.length, 1, 'its lease is held')
  // As if the lease had passed while the first process stood still.
  await makeDue(secret.id)
  await replica.deps.remoteDeletionWorker.runDue()
  t.match(await rowsOf(secret.id), [{ attempts: 2, done: true }])
  failLate(new AppError('provider_unavailable'))
  t.strictSame((await answer).body, { ok: true, remote: 'pending' })
  t.match(await rowsOf(secret.id), [{ attempts: 2, done: true, last_code: null }])
})

t.test('a value that is being written when its secret is deleted does not stay behind', async (t) => {
  const companyId = newId()
  const vault = await createVault(app, companyId, { provider, config })
  const secret = await managed(companyId)
  remote.whileWriting = async () => {
    t.strictSame((await remove(secret.id, '', replica)).body, { ok: true, remote: 'scheduled' })
  }
  const body = { value: 'late', providerConfigId: vault.id }
  const late = await app.send(operator(), 'POST', `/secrets/${secret.id}/rotate`, body)
  t.not(late.status, 200)
  await app.deps.remoteDeletionWorker.runDue()
  t.equal((await rowsOf(secret.id)).length, 2, 'the place it had, and the one that was being made')
  t.strictSame(remote.unmarkedOf(companyId), [])
})

t.test('the secrets of a deleted company go with it, but for those in disabled vaults', async (t) => {
  const companyId = newId()
  const [open, closed] = await Promise.all(
    [1, 2].map(() => createVault(app, companyId, { provider, config }))
  )
  const secrets = [
    await managed(companyId),
    await managed(companyId, { providerConfigId: open.id }),
    await managed(companyId, { providerConfigId: closed.id })
  ] as const
  await createSecret(app, companyId, {
    provider,
    name: 'linked',
    managedMode: 'external_reference',
    externalRef: 'prod/theirs'
  })
  await app.send(operator(), 'DELETE', `/secret-provider-configs/${closed.id}`)
  const items = [{ id: newId(), activity: null, command: { type: 'company.deleted', companyId } }]
  for (const at of [app, replica])
    t.equal((await at.send(service('gateway'), 'POST', '/activity', { items })).status, 200)
  await eventually(async () => {
    await app.deps.remoteDeletionWorker.runDue()
    for (const { id } of secrets.slice(0, 2))
      if ((await rowsOf(id))[0]?.done !== true) throw new Error('not yet')
  })
  t.strictSame(remote.unmarkedOf(companyId), [secrets[2].externalRef])
  t.equal(remote.asked.length, 2)
})

t.test('a value that arrives as its company is deleted does not stay behind', async (t) => {
  const companyId = newId()
  const items = [{ id: newId(), activity: null, command: { type: 'company.deleted', companyId } }]
  remote.whileWriting = async () => {
    await replica.send(service('gateway'), 'POST', '/activity', { items })
  }
  const answer = await app.send(operator(), 'POST', `/companies/${companyId}/secrets`, {
    provider,
    name: 'late',
    value: 'v'
  })
  t.not(answer.status, 201)
  await app.deps.remoteDeletionWorker.runDue()
  t.strictSame(remote.unmarkedOf(companyId), [])
})

t.test('a name is found reserved, and what took it over is not deleted for the former', async (t) => {
  const companyId = newId()
  const former = await managed(companyId, { name: 'again' })
  await remove(former.id)
  const { db } = app.deps.database
  const remoteName = remote.nameOf(companyId, 'again')
  const reservation = { secretId: former.id, externalRef: former.externalRef, isDone: true }
  t.match(await findReservation(db, { companyId, remoteName }), {
    ...reservation,
    deletionDate: remote.dueAt
  })
  t.equal(await findReservation(db, { companyId, remoteName, isThere: () => false }), undefined)
  t.equal(await findReservation(db, { companyId: newId(), remoteName }), undefined)
  const again = await managed(companyId, { name: 'again' })
  t.equal(again.externalRef, former.externalRef, 'it was taken back')
  t.notOk(remote.isMarked(again.externalRef))
  const deletion = { companyId, secretId: former.id, provider, externalRef: former.externalRef, remoteName }
  const enqueue = (facts: object = {}) =>
    transaction(db, (tx) => enqueueRemoteDeletion(tx, { ...deletion, ...facts }), { attemptsMax: 1 })
  t.equal(await enqueue(), undefined, 'a late writer of the former one does not take it away')
  remote.meanwhile = async () => {
    throw new AppError('provider_unavailable')
  }
  t.strictSame((await remove(again.id)).body, { ok: true, remote: 'pending' })
  const id = await enqueue()
  t.type(id, 'string')
  t.equal(await enqueue({ secretId: again.id }), id, 'noted once')
  t.match(await findReservation(db, { companyId, remoteName }), { isDone: false })
})

t.test('what waits too long is told by the health of the service, without a name', async (t) => {
  const health = async () => (await app.send(operator(), 'GET', '/health')).body.warnings.join(' ')
  const secret = await managed(newId())
  remote.meanwhile = async () => {
    throw new AppError('provider_access_denied')
  }
  await remove(secret.id)
  t.notMatch(await health(), /deleted secret/)
  await sql(`update remote_deletions set created_at = now() - interval '40 minutes' where secret_id = $1`, [
    secret.id
  ])
  const warning = await health()
  t.match(warning, /1 deleted secret waits .* 40 minutes \(provider_access_denied\)/)
  t.notMatch(warning, secret.key)
  remote.reset()
  await makeDue(secret.id)
  await app.deps.remoteDeletionWorker.runDue()
  t.notMatch(await health(), /deleted secret/)
})

t.test('a service that ends begins nothing more, and finishes what it has begun', async (t) => {
  const ending = await startSecrets(t, database)
  useStandIn(ending, remote)
  const secrets = await Promise.all(Array.from({ length: 6 }, () => managed(newId())))
  remote.meanwhile = async () => {
    throw new AppError('provider_unavailable')
  }
  for (const { id } of secrets) await remove(id).then(() => makeDue(id))
  remote.reset()
  let letGo: () => void = () => {}
  const held = new Promise<void>((release) => {
    letGo = release
  })
  remote.meanwhile = () => held
  const turn = ending.deps.remoteDeletionWorker.runDue()
  await eventually(() => {
    if (remote.asked.length !== 4) throw new Error('not begun')
  })
  const stopped = ending.deps.remoteDeletionWorker.stop()
  letGo()
  await Promise.all([turn, stopped])
  t.equal(remote.asked.length, 4)
  const left = await sql('select from remote_deletions where done_at is null and secret_id = any($1)', [
    secrets.map(({ id }) => id)
  ])
  t.equal(left.length, 2, 'the others are left to other processes')
})

t.test('the pause between attempts grows to an hour, with jitter', async () => {
  const attempts = fc.integer({ min: 1, max: 2_000 })
  fc.assert(
    fc.property(attempts, fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
      const seconds = retryDelaySeconds(attempt, random)
      return seconds >= 15 && seconds <= 3_600 && (attempt < 8 || seconds >= 1_800)
    })
  )
})

t.test('no log line holds a remote name', async (t) => {
  const logs = (at: SecretsApp) => at.logs()
  for (const at of [app, replica]) {
    t.match(logs(at), 'could not be deleted yet')
    t.notMatch(logs(at), /standin:|remote\//)
  }
})
