import { newId } from '@paperclip/contracts'
import t, { type Test } from 'tap'
import { startEmulator } from './emulator/emulator.js'
import { allowAll } from './emulator/iam-policy.js'
import { holderOf } from './emulator/remote-secret.js'
import { startSecretsWithAws } from './support/aws-app.js'
import { copyDatabase } from './support/database-copy.js'
import { createSecret, putEnv, resolve, rotate, sqlSession } from './support/fixtures.js'
import { operator, type SecretsApp, secretsDatabase } from './support/secrets-app.js'

/*
 * A database that was put back to an earlier state, beside an AWS that went on. What deploy/backup.md says about it, in
 * the order in which it happens: before the backup, after it, and after its restore.
 */
t.setTimeout(120_000)

const provider = 'aws_secrets_manager'
const database = await secretsDatabase(t)
const emulator = await startEmulator()
t.teardown(() => emulator.close())
const [companyId, agentId] = [newId(), newId()]
const remoteOf = (key: string) => emulator.account.secrets.get(`paperclip/test-1/${companyId}/${key}`)
const currentText = (key: string) => {
  const secret = remoteOf(key)
  return secret === undefined ? undefined : holderOf(secret, 'AWSCURRENT')?.bytes.toString()
}
const create = (app: SecretsApp, key: string, value: string) =>
  createSecret(app, companyId, { provider, key, name: key, value })
const remove = (app: SecretsApp, id: string) => app.send(operator(), 'DELETE', `/secrets/${id}`)
const start = async (t: Test, over: Parameters<typeof startSecretsWithAws>[1] = database) =>
  (await startSecretsWithAws(t, over, { emulator })).app
const noDelete = { Effect: 'Deny', Action: 'secretsmanager:DeleteSecret', Resource: '*' } as const

const ids: Record<string, string> = {}

t.test('before the backup', async (t) => {
  const app = await start(t)
  for (const key of ['rotated', 'dropped', 'unfinished', 'leaving'])
    ids[key] = (await create(app, key, `${key} 1`)).id
  await putEnv(app, { companyId, agentId }, { ROTATED: '$secret:rotated' })
  emulator.faults.add({ operation: 'PutSecretValue', effect: 'reset', applied: true, times: 10 })
  emulator.faults.add({ operation: 'GetSecretValue', effect: 'reset', times: 10 })
  const lost = await app.send(operator(), 'POST', `/secrets/${ids.unfinished}/rotate`, {
    value: 'unfinished 2'
  })
  t.match(lost, { status: 503, body: { code: 'outcome_unknown' } })
  emulator.faults.clear()
  emulator.settings.policy = { Statement: [...allowAll.Statement, noDelete] }
  t.match((await remove(app, ids.leaving ?? '')).body, { remote: 'pending' })
})

const root = t
let copy: Awaited<ReturnType<typeof copyDatabase>> | undefined

t.test('after the backup', async (t) => {
  copy = await copyDatabase(root, database)
  emulator.settings.policy = allowAll
  const app = await start(t)
  const sql = await sqlSession(t, database.adminUrl)
  await rotate(app, ids.rotated ?? '', 'rotated 2')
  t.match((await remove(app, ids.dropped ?? '')).body, { remote: 'scheduled' })
  await sql('update remote_deletions set next_attempt_at = now() where done_at is null')
  await app.deps.remoteDeletionWorker.runDue()
  await create(app, 'leaving', 'taken back')
  await create(app, 'later', 'later 1')
  t.equal(currentText('leaving'), 'taken back')
})

t.test('after the restore: what the rows say counts, and AWS may know better', async (t) => {
  if (copy === undefined) throw new Error('there is no backup')
  const sql = await sqlSession(t, copy.adminUrl)
  const app = await start(t, copy)
  const runEnv = async () => resolve(app, { companyId, agentId })

  t.match((await runEnv()).body, { env: { ROTATED: 'rotated 1' } }, 'the version that the row names')
  t.equal(currentText('rotated'), 'rotated 2')
  t.match(await rotate(app, ids.rotated ?? '', 'rotated 3'), { latestVersion: 2 }, 'the number comes again')
  t.equal(currentText('rotated'), 'rotated 3')

  await putEnv(app, { companyId, agentId }, { D: '$secret:dropped' })
  t.match(await runEnv(), {
    status: 502,
    body: { code: 'provider_rejected', errors: [{ pointer: 'env.D' }] }
  })
  await putEnv(app, { companyId, agentId }, {})
  t.match((await remove(app, ids.dropped ?? '')).body, { remote: 'scheduled' }, 'deleted once more')

  const body = { provider, name: 'later', value: 'later 2' }
  const again = await app.send(operator(), 'POST', `/companies/${companyId}/secrets`, body)
  t.match(again, { status: 502, body: { code: 'provider_rejected', detail: /of this name already/ } })
  t.equal(currentText('later'), 'later 1', 'what no row knows of is left alone')

  await sql(
    "update company_secret_versions set lease_until = now() - interval '1 second' where status = 'pending'"
  )
  await app.deps.remoteWrites.reconcileDue(new AbortController().signal)
  const versions = (await app.send(operator(), 'GET', `/secrets/${ids.unfinished}/versions`)).body
  t.match(versions, [{ version: 2, status: 'current' }, { version: 1 }], 'a write of then is finished')

  t.equal(remoteOf('leaving')?.deletion, null)
  await sql('update remote_deletions set next_attempt_at = now() where done_at is null')
  await app.deps.remoteDeletionWorker.runDue()
  t.ok(remoteOf('leaving')?.deletion, 'a deletion of then is carried out, although it was taken back since')
})
