import { newId } from '@paperclip/contracts'
import t from 'tap'
import { holderOf } from './emulator/remote-secret.js'
import { startSecretsWithAws } from './support/aws-app.js'
import { planCrashes } from './support/crashing-storage.js'
import { adminSession, createSecret, putEnv, resolve, rotate } from './support/fixtures.js'
import { operator, type SecretsApp, secretsDatabase } from './support/secrets-app.js'

const database = await secretsDatabase(t)
const { app, emulator } = await startSecretsWithAws(t, database)
const { app: replica } = await startSecretsWithAws(t, database, { emulator })
const sql = await adminSession(t, database)
const plan = planCrashes(app)
const aws = { provider: 'aws_secrets_manager' }

const post = (companyId: string, body: object, at: SecretsApp = app) =>
  at.send(operator(), 'POST', `/companies/${companyId}/secrets`, { ...aws, ...body })
const tryRotate = (id: string, body: object, at: SecretsApp = app) =>
  at.send(operator(), 'POST', `/secrets/${id}/rotate`, body)
const listed = async (companyId: string) =>
  (await app.send(operator(), 'GET', `/companies/${companyId}/secrets`)).body.map(
    ({ key }: { key: string }) => key
  )
const remove = (id: string) => app.send(operator(), 'DELETE', `/secrets/${id}`)
const runDeletions = () => replica.deps.remoteDeletions.runTurn(new AbortController().signal)
/** The leases of whoever died have run out. */
const expireLeases = () =>
  sql(`update company_secret_versions set lease_until = now() - interval '1 second' where status = 'pending'`)
const remoteOf = (companyId: string, key: string) =>
  emulator.account.secrets.get(`paperclip/test-1/${companyId}/${key}`)
const currentText = (companyId: string, key: string) => {
  const secret = remoteOf(companyId, key)
  return secret === undefined ? undefined : holderOf(secret, 'AWSCURRENT')?.bytes.toString()
}

async function activity(companyId: string): Promise<[string, object][]> {
  const { body } = await app.send(operator(), 'GET', `/companies/${companyId}/activity`)
  return body.map(({ action, metadata }: { action: string; metadata: object }) => [action, metadata])
}

t.test('a managed value lies at AWS and nowhere here, under our name and our version id', async (t) => {
  const companyId = newId()
  const secret = await createSecret(app, companyId, { ...aws, name: 'Stripe Key', value: 'sk_canary_1' })
  t.match(secret, {
    key: 'stripe-key',
    latestVersion: 1,
    lastRotatedAt: null,
    managedMode: 'paperclip_managed'
  })
  t.equal(currentText(companyId, 'stripe-key'), 'sk_canary_1')
  const rotated = await rotate(app, secret.id, 'sk_canary_2')
  t.match(rotated, { latestVersion: 2, lastRotatedAt: String })
  const rows = await sql(
    'select id, version, status, sealed, fingerprint, external_ref, provider_version_ref, tagged from company_secret_versions where secret_id = $1 order by version',
    [secret.id]
  )
  t.match(rows, [
    { version: 1, status: 'previous', sealed: null, provider_version_ref: rows[0]?.id, tagged: true },
    { version: 2, status: 'current', sealed: null, provider_version_ref: rows[1]?.id, tagged: null }
  ])
  t.same(
    [...(remoteOf(companyId, 'stripe-key')?.versions.keys() ?? [])],
    rows.map(({ id }) => id)
  )
  t.ok(rows.every(({ fingerprint }) => (fingerprint as Buffer).length === 32))
  t.equal(JSON.stringify(rows).includes('sk_canary'), false)
  t.same(await activity(companyId), [
    ['secret.rotated', { key: 'stripe-key', provider: aws.provider, version: 2 }],
    ['secret.created', { key: 'stripe-key', provider: aws.provider }]
  ])
  t.notOk(emulator.log.some(({ operation }) => operation === 'UpdateSecretVersionStage'))
})

t.test(
  'a definite refusal leaves nothing: the name is free, the version failed, the former value resolves',
  async (t) => {
    const [companyId, agentId] = [newId(), newId()]
    const body = { name: 'Key', value: 'v1' }
    emulator.faults.add({ operation: 'CreateSecret', effect: 'throttle', times: 3 })
    t.match(await post(companyId, body), { status: 503, body: { code: 'provider_throttled' } })
    t.same(await listed(companyId), [])
    const secret = await createSecret(app, companyId, { ...aws, ...body })
    await putEnv(app, { companyId, agentId }, { KEY: { type: 'secret_ref', secretId: secret.id } })
    emulator.faults.add({ operation: 'PutSecretValue', effect: 'throttle', times: 3 })
    t.match(await tryRotate(secret.id, { value: 'v2' }), {
      status: 503,
      body: { code: 'provider_throttled' }
    })
    t.match((await resolve(app, { companyId, agentId })).body, { env: { KEY: 'v1' } })
    t.match(await rotate(app, secret.id, 'v3'), { latestVersion: 2 })
    t.same(
      (
        await sql('select status from company_secret_versions where secret_id = $1 order by id', [secret.id])
      ).map(({ status }) => status),
      ['previous', 'failed', 'current']
    )
    const { body: versions } = await app.send(operator(), 'GET', `/secrets/${secret.id}/versions`)
    t.same(
      versions.map(({ version }: { version: number }) => version),
      [2, 1],
      'failed ones are not listed'
    )
  }
)

t.test('a create that was cut off is shown nowhere until it is known to be there', async (t) => {
  const companyId = newId()
  const body = { name: 'Cut off', value: 'v1' }
  plan.crash(companyId, 'after_response')
  t.match(await post(companyId, body), { status: 503, body: { code: 'outcome_unknown' } })
  t.same(await listed(companyId), [])
  t.match(await post(companyId, body), { status: 409, body: { code: 'write_in_progress' } })
  t.match(await post(companyId, { name: 'Other', key: 'cut-off', value: 'v' }), {
    status: 409,
    body: { code: 'write_in_progress' }
  })
  const refs = { env: { A: '$secret:cut-off' } }
  const saved = await app.send(operator(), 'PUT', `/companies/${companyId}/agents/${newId()}/env`, refs)
  t.equal(saved.status, 422, 'it cannot be bound')
  t.equal(await replica.deps.remoteWrites.reconcileDue(), 0, 'its lease runs')
  await expireLeases()
  t.equal(await replica.deps.remoteWrites.reconcileDue(), 1)
  t.same(await listed(companyId), ['cut-off'])
  t.same(await activity(companyId), [
    ['secret.created', { key: 'cut-off', provider: aws.provider, reconciled: true }]
  ])
})

t.test('a create that never reached AWS gives its name back to whoever comes next', async (t) => {
  const companyId = newId()
  const body = { name: 'Never', value: 'v1' }
  plan.crash(companyId, 'before_send')
  t.equal((await post(companyId, body)).status, 503)
  await expireLeases()
  t.match(await post(companyId, body, replica), { status: 201, body: { latestVersion: 1 } })
})

t.test(
  'a database that fails after the provider wrote: the old value resolves, the new one is made current later',
  async (t) => {
    const [companyId, agentId] = [newId(), newId()]
    const secret = await createSecret(app, companyId, { ...aws, name: 'Late', value: 'v1' })
    await putEnv(app, { companyId, agentId }, { KEY: { type: 'secret_ref', secretId: secret.id } })
    await sql(
      `create function refuse_confirm() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$`
    )
    await sql(
      `create trigger refuse_confirm before update on company_secret_versions for each row
     when (old.status = 'pending' and new.status = 'current') execute function refuse_confirm()`
    )
    t.match(await tryRotate(secret.id, { value: 'v2' }), { status: 503, body: { code: 'outcome_unknown' } })
    await sql('drop trigger refuse_confirm on company_secret_versions')
    t.match((await resolve(app, { companyId, agentId })).body, { env: { KEY: 'v1' } })
    t.match(await tryRotate(secret.id, { value: 'v3' }), { status: 409, body: { code: 'write_in_progress' } })
    await expireLeases()
    t.match(
      await rotate(replica, secret.id, 'v3'),
      { latestVersion: 3 },
      'it is reconciled before the next write'
    )
    await putEnv(
      app,
      { companyId, agentId },
      { KEY: { type: 'secret_ref', secretId: secret.id, version: 2 } }
    )
    t.match((await resolve(app, { companyId, agentId })).body, { env: { KEY: 'v2' } })
  }
)

t.test('lost answers: the same token again is one version, whoever asks', async (t) => {
  const companyId = newId()
  const secret = await createSecret(app, companyId, { ...aws, name: 'Lost', value: 'v1' })
  emulator.faults.add({ operation: 'PutSecretValue', effect: 'reset', applied: true, times: 2 })
  t.match(await rotate(app, secret.id, 'v2'), { latestVersion: 2 })
  t.equal(remoteOf(companyId, 'lost')?.versions.size, 2)
  emulator.faults.add({ operation: 'PutSecretValue', effect: 'reset', applied: true, times: 3 })
  t.match(await tryRotate(secret.id, { value: 'v3' }), { status: 503, body: { code: 'outcome_unknown' } })
  await expireLeases()
  await app.deps.remoteWrites.reconcileDue()
  t.match((await app.send(operator(), 'GET', `/secrets/${secret.id}`)).body, { latestVersion: 3 })
  t.equal(currentText(companyId, 'lost'), 'v3')
})

t.test(
  'parallel rotations on two processes: numbers without a gap, and AWS ends with the latest',
  async (t) => {
    const companyId = newId()
    const secret = await createSecret(app, companyId, { ...aws, name: 'Race', value: 'v1' })
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => tryRotate(secret.id, { value: `p${n}` }, n % 2 ? app : replica))
    )
    const done = answers.filter(({ status }) => status === 200).length
    t.ok(done >= 1)
    t.ok(answers.every(({ status, body }) => status === 200 || body.code === 'write_in_progress'))
    const rows = await sql<{ id: string; version: number }>(
      'select id, version from company_secret_versions where secret_id = $1 and version is not null order by version',
      [secret.id]
    )
    t.same(
      rows.map(({ version }) => version),
      Array.from({ length: done + 1 }, (_, n) => n + 1)
    )
    const remote = remoteOf(companyId, 'race')
    t.equal(remote && holderOf(remote, 'AWSCURRENT')?.id, rows.at(-1)?.id)
    const expected = { expectedLatestVersion: done + 1 }
    const both = await Promise.all([
      tryRotate(secret.id, { value: 'a', ...expected }),
      tryRotate(secret.id, { value: 'b', ...expected }, replica)
    ])
    t.same(both.map(({ status }) => status).sort(), [200, 409])
  }
)

t.test(
  'a deleted name is taken back where the role may restore, else it is reserved until a date',
  async (t) => {
    const companyId = newId()
    const first = await createSecret(app, companyId, { ...aws, name: 'Again', value: 'v1' })
    t.match(await remove(first.id), { status: 200, body: { ok: true, remote: 'scheduled' } })
    const { policy } = emulator.settings
    emulator.settings.policy = {
      Statement: [
        ...policy.Statement,
        { Effect: 'Deny', Action: 'secretsmanager:RestoreSecret', Resource: '*' }
      ]
    }
    const refused = await post(companyId, { name: 'Again', value: 'v2' })
    t.match(refused, {
      status: 409,
      body: { code: 'provider_name_reserved', detail: /until 20\d\d-\d\d-\d\d/ }
    })
    t.same(await listed(companyId), [])
    emulator.settings.policy = policy
    t.not(remoteOf(companyId, 'again')?.deletion, null, 'it is still marked')
    t.equal(
      (
        await sql(
          `select from remote_deletions where company_id = $1 and done_at is null and next_attempt_at = 'infinity'`,
          [companyId]
        )
      ).length,
      0
    )
    const again = await createSecret(app, companyId, { ...aws, name: 'Again', value: 'v3' })
    t.match(again, { latestVersion: 1, key: 'again' })
    t.not(again.id, first.id)
    t.equal(currentText(companyId, 'again'), 'v3')
    t.equal(remoteOf(companyId, 'again')?.deletion, null)
    await runDeletions()
    t.equal(remoteOf(companyId, 'again')?.deletion, null, 'what was held back was cancelled')
  }
)

t.test('a name whose deletion has not reached AWS yet is reserved, and free once it has', async (t) => {
  const companyId = newId()
  const { id } = await createSecret(app, companyId, { ...aws, name: 'Soon', value: 'v1' })
  plan.crash(companyId, 'lost_before_effect')
  t.match((await remove(id)).body, { remote: 'pending' })
  t.match(await post(companyId, { name: 'Soon', value: 'v2' }), {
    status: 409,
    body: { code: 'provider_name_reserved' }
  })
  await sql('update remote_deletions set next_attempt_at = now() where company_id = $1', [companyId])
  await runDeletions()
  t.equal((await post(companyId, { name: 'Soon', value: 'v2' })).status, 201)
})

t.test('a restored secret whose value never arrives goes again', async (t) => {
  const companyId = newId()
  const { id } = await createSecret(app, companyId, { ...aws, name: 'Back', value: 'v1' })
  await remove(id)
  emulator.faults.add({ operation: 'PutSecretValue', effect: 'throttle', times: 3 })
  t.equal((await post(companyId, { name: 'Back', value: 'v2' })).status, 503)
  t.equal(remoteOf(companyId, 'back')?.deletion, null, 'it was restored')
  await runDeletions()
  t.not(remoteOf(companyId, 'back')?.deletion, null, 'and is deleted again')
})

t.test('pins ninety versions back are warned of', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  const secret = await createSecret(app, companyId, { ...aws, name: 'Pinned', value: 'v1' })
  const env = { KEY: { type: 'secret_ref', secretId: secret.id, version: 1 } }
  await putEnv(app, { companyId, agentId }, env)
  t.notOk((await rotate(app, secret.id, 'v2')).warnings)
  await sql('update company_secrets set latest_version = 89 where id = $1', [secret.id])
  t.notOk((await rotate(app, secret.id, 'v90')).warnings)
  t.match(await rotate(app, secret.id, 'v91'), { warnings: [/1 environment entry .* pinned 90/] })
})
