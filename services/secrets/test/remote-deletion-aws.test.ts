import { fileURLToPath } from 'node:url'
import { newId } from '@paperclip/contracts'
import { eventually, startProcess } from '@paperclip/testing'
import t from 'tap'
import { testCredential } from './emulator/emulator.js'
import { allowAll } from './emulator/iam-policy.js'
import { awsEnv, startSecretsWithAws } from './support/aws-app.js'
import { adminSession, createSecret } from './support/fixtures.js'
import { operator, secretsDatabase, secretsEnv, sign, transmit } from './support/secrets-app.js'

const provider = 'aws_secrets_manager'
const dayMs = 24 * 3_600_000

const database = await secretsDatabase(t)
const { app, emulator } = await startSecretsWithAws(t, database, {
  env: { PAPERCLIP_SECRETS_AWS_DELETE_RECOVERY_DAYS: '9' }
})
const sql = await adminSession(t, database)

const deletions = () => emulator.log.filter(({ operation }) => operation === 'DeleteSecret')
const remove = (id: string) => app.send(operator(), 'DELETE', `/secrets/${id}`)
const rowOf = async (secretId: string) =>
  (
    await sql<{ attempts: number; last_code: string | null; done: boolean; deletion_date: Date | null }>(
      `select attempts, last_code, deletion_date, done_at is not null as done
       from remote_deletions where secret_id = $1`,
      [secretId]
    )
  )[0]
const managed = () => createSecret(app, newId(), { provider, name: newId(), value: 'v' })

async function runNow(secretId: string): Promise<void> {
  await sql('update remote_deletions set next_attempt_at = now() where secret_id = $1', [secretId])
  await app.deps.remoteDeletionWorker.runDue()
}

t.beforeEach(() => {
  emulator.log.length = 0
  emulator.faults.clear()
  emulator.settings.policy = allowAll
})

t.test('AWS keeps a deleted secret for the days of the deployment, and was given its ARN', async (t) => {
  const secret = await managed()
  t.strictSame((await remove(secret.id)).body, { ok: true, remote: 'scheduled' })
  t.match(deletions(), [{ secretId: secret.externalRef, outcome: 'ok' }])
  t.match(secret.externalRef, /^arn:aws:secretsmanager:/)
  const row = await rowOf(secret.id)
  const days = ((row?.deletion_date?.getTime() ?? 0) - Date.now()) / dayMs
  t.ok(days > 8.9 && days < 9.1)
})

t.test('a deletion of which the answer was lost is done', async (t) => {
  const secret = await managed()
  emulator.faults.add({ effect: 'reset', operation: 'DeleteSecret', applied: true })
  t.strictSame((await remove(secret.id)).body, { ok: true, remote: 'scheduled' })
  t.equal(deletions().length, 2, 'the first answer was lost, the second says that it is marked')
  t.match(await rowOf(secret.id), { attempts: 1, done: true })
})

t.test('without the permission it waits until somebody grants it', async (t) => {
  const secret = await managed()
  emulator.settings.policy = {
    Statement: [
      ...allowAll.Statement,
      { Effect: 'Deny', Action: 'secretsmanager:DeleteSecret', Resource: '*' }
    ]
  }
  t.strictSame((await remove(secret.id)).body, { ok: true, remote: 'pending' })
  t.match(await rowOf(secret.id), { last_code: 'provider_access_denied', done: false })
  emulator.settings.policy = allowAll
  await runNow(secret.id)
  t.match(await rowOf(secret.id), { attempts: 2, last_code: null, done: true })
})

t.test('a service that hangs at AWS answers in time, and goes on when AWS is back', async (t) => {
  const secret = await managed()
  emulator.faults.add({ effect: 'hang', operation: 'DeleteSecret', times: 20 })
  const begunMs = performance.now()
  t.strictSame((await remove(secret.id)).body, { ok: true, remote: 'pending' })
  t.ok(performance.now() - begunMs < 12_000)
  t.match(await rowOf(secret.id), { attempts: 1, last_code: 'provider_unavailable' })
  emulator.faults.clear()
  await runNow(secret.id)
  t.match(await rowOf(secret.id), { done: true })
})

t.test('a process that is killed while it deletes leaves the rest to another one', async (t) => {
  const { accessKeyId, secretAccessKey, sessionToken = '' } = testCredential
  const dying = await startProcess(t, {
    command: process.execPath,
    args: [fileURLToPath(new URL('../bin/main.js', import.meta.url))],
    env: {
      ...secretsEnv(t, database),
      ...awsEnv(emulator),
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken
    }
  })
  const [, port] = await dying.waitForLine(/Server listening at http:\/\/127\.0\.0\.1:(\d+)/)
  const origin = `http://127.0.0.1:${port}`
  const secret = await managed()
  emulator.faults.add({ effect: 'hang', operation: 'DeleteSecret' })
  const request = sign(origin, operator(), { method: 'DELETE', path: `/secrets/${secret.id}` })
  const answer = transmit(origin, request).catch(() => 'no answer')
  await eventually(() => {
    if (deletions().length === 0) throw new Error('not begun')
  })
  await dying.kill9()
  t.equal(await answer, 'no answer')
  t.equal((await app.send(operator(), 'GET', `/secrets/${secret.id}`)).status, 404, 'here it is deleted')
  t.match(await rowOf(secret.id), { attempts: 1, done: false })
  await app.deps.remoteDeletionWorker.runDue()
  t.match(await rowOf(secret.id), { attempts: 1 }, 'the lease of the dead one holds')
  await runNow(secret.id)
  t.match(await rowOf(secret.id), { attempts: 2, done: true })
  t.equal(deletions().filter(({ outcome }) => outcome === 'ok').length, 1)
})

t.test('no log line holds a name or an ARN', async (t) => {
  t.match(app.logs(), 'could not be deleted yet')
  t.notMatch(app.logs(), /arn:aws|paperclip\/test-1/)
})
