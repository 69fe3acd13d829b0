import { newId, type ProblemCode } from '@paperclip/contracts'
import t from 'tap'
import { createAwsClients } from '../src/provider/aws/aws-clients.js'
import { AwsError } from '../src/provider/aws/aws-error.js'
import { createAwsProvider } from '../src/provider/aws/aws-provider.js'
import { createReferenceGuard } from '../src/provider/aws/reference-guard.js'
import { ProviderError } from '../src/provider/remote-storage.js'
import { testCredential } from './emulator/emulator.js'
import type { FaultEffect } from './emulator/emulator-faults.js'
import { allowAll, type Policy } from './emulator/iam-policy.js'
import { startSecretsWithAws } from './support/aws-app.js'
import {
  canary,
  deadlineMs,
  keyArn,
  linked,
  problemOfCall,
  remoteValuesOf,
  shownOf
} from './support/remote-values.js'
import { operator, secretsDatabase } from './support/secrets-app.js'

const database = await secretsDatabase(t)
const env = { PAPERCLIP_SECRETS_AWS_KMS_KEY_ID: keyArn, PAPERCLIP_SECRETS_AWS_DELETE_RECOVERY_DAYS: '7' }
const { app, emulator } = await startSecretsWithAws(t, database, { env })
const companyId = newId()
const { storage, make, read } = remoteValuesOf(app, companyId)
t.beforeEach(() => {
  emulator.log.length = 0
  emulator.faults.clear()
  setPolicy()
  setCredentials([testCredential])
  setKey('enabled')
})

function setPolicy(...denied: string[]): void {
  emulator.settings.policy = denied.length === 0 ? allowAll : deny(...denied)
}

function setCredentials(known: (typeof testCredential)[]): void {
  emulator.settings.credentials = known
}

function setKey(state: 'enabled' | 'disabled'): void {
  emulator.account.keys.set(keyArn, state)
}

const deny = (...actions: string[]): Policy => ({
  Statement: [...allowAll.Statement, { Effect: 'Deny', Action: actions, Resource: '*' }]
})
const fault = (effect: FaultEffect, times = 3) => emulator.faults.add({ effect, times })

t.test('each way in which AWS fails has its code, and says nothing of AWS (behaviour 71)', async (t) => {
  const { stored, version, name, externalRef } = await make({ key: 'codes' })
  const put = () =>
    storage.put({ ...version, versionId: newId(), externalRef, value: Buffer.from(canary), deadlineMs })
  const create = () =>
    storage.create({ ...version, versionId: newId(), name, value: Buffer.from(canary), deadlineMs })
  const ways: [string, ProblemCode, () => unknown, () => Promise<unknown>, boolean][] = [
    [
      'access_denied',
      'provider_access_denied',
      () => setPolicy('secretsmanager:GetSecretValue'),
      () => read(stored),
      false
    ],
    ['access_denied', 'provider_access_denied', () => setPolicy('kms:GenerateDataKey'), put, false],
    ['bad_credentials', 'provider_access_denied', () => setCredentials([]), () => read(stored), false],
    ['not_found', 'provider_not_found', () => {}, () => read(linked('none')), false],
    ['exists', 'provider_rejected', () => {}, create, false],
    ['rejected', 'provider_rejected', () => setKey('disabled'), put, false],
    ['throttled', 'provider_throttled', () => fault('throttle'), put, false],
    ['unavailable', 'provider_unavailable', () => fault('html'), () => read(stored), true],
    ['unavailable', 'provider_unavailable', () => fault('internal_error'), put, true],
    ['unavailable', 'provider_unavailable', () => fault('reset'), put, true],
    ['unavailable', 'provider_unavailable', () => fault('redirect', 1), put, true]
  ]
  for (const [kind, code, prepare, act, mayHaveActed] of ways) {
    prepare()
    const error = await problemOfCall(act())
    t.match(error, { code, mayHaveActed }, kind)
    t.ok(error instanceof ProviderError && error.cause instanceof AwsError && error.cause.kind === kind, kind)
    for (const secret of ['arn:', '123456789012', name, 'codes', companyId, canary, 'nothing in', 'User '])
      t.notOk(shownOf(error).includes(secret), `${kind} ${secret}`)
    setPolicy()
    setCredentials([testCredential])
    setKey('enabled')
    emulator.faults.clear()
  }
  const none = () => Promise.reject(new Error(canary))
  const { app: poor } = await startSecretsWithAws(t, database, { emulator, load: none })
  const error = await problemOfCall(remoteValuesOf(poor, companyId).read(linked('none')))
  t.match(error, { code: 'provider_unavailable', message: /no AWS credentials/, retryAfterSeconds: 5 })
  t.notOk(shownOf(error).includes(canary))
  const byDefault = { ...env, PAPERCLIP_SECRETS_PROVIDER: 'aws_secrets_manager' }
  const { app: sick } = await startSecretsWithAws(t, database, { emulator, env: byDefault, load: none })
  const { body } = await sick.send(operator(), 'GET', '/health')
  t.match(body, {
    status: 'unhealthy',
    components: { provider: { code: 'provider_unavailable', message: /no AWS credentials/ } }
  })
})

t.test('a permission that is missing is named', async (t) => {
  const { stored, externalRef, version } = await make()
  const calls: [string, () => Promise<unknown>][] = [
    ['secretsmanager:GetSecretValue', () => read(stored)],
    ['kms:Decrypt', () => read(stored)],
    [
      'secretsmanager:PutSecretValue',
      () => storage.put({ ...version, versionId: newId(), externalRef, value: Buffer.from('v'), deadlineMs })
    ],
    ['secretsmanager:CreateSecret', () => make()],
    ['kms:GenerateDataKey', () => make()],
    ['secretsmanager:DeleteSecret', () => storage.delete({ externalRef, deadlineMs })],
    ['secretsmanager:RestoreSecret', () => storage.restore({ externalRef, deadlineMs })]
  ]
  for (const [permission, act] of calls) {
    setPolicy(permission)
    const error = await problemOfCall(act())
    t.match(error, { code: 'provider_access_denied' }, permission)
    t.ok(error.message.includes(permission), permission)
  }
  setPolicy('secretsmanager:TagResource')
  const { tagged, name } = await make()
  t.notOk(tagged, 'a secret is made without its tags, and that is told')
  t.equal(emulator.account.secrets.get(name)?.tags.size, 0)
})

t.test('health asks AWS at most once in 30 s, and repeats what it found', async (t) => {
  let nowMs = 0
  const { db } = app.deps.database
  const settings = app.config.aws
  const clients = createAwsClients({ customEndpoint: settings.endpoint, load: async () => testCredential })
  t.teardown(() => clients.close())
  const guard = createReferenceGuard({ db, settings })
  const { checkHealth } = createAwsProvider({ settings, clients, guard, nowMs: () => nowMs })
  await Promise.all(Array.from({ length: 20 }, checkHealth))
  t.match(emulator.log, [{ operation: 'GetSecretValue', secretId: 'paperclip/test-1/health-probe' }])
  setPolicy('secretsmanager:GetSecretValue')
  nowMs = 29_999
  await checkHealth()
  t.equal(emulator.log.length, 1)
  nowMs = 30_000
  t.match(await problemOfCall(checkHealth()), { code: 'provider_access_denied' })
  setPolicy()
  t.match(
    await problemOfCall(checkHealth()),
    { code: 'provider_access_denied' },
    'what is wrong is said again'
  )
  t.equal(emulator.log.length, 2)
  nowMs = 60_000
  await checkHealth()
  const fresh = createAwsProvider({ settings, clients, guard, nowMs: () => nowMs })
  emulator.faults.add({ effect: 'hang', times: 2 })
  nowMs = 90_000
  const startedMs = performance.now()
  await checkHealth()
  t.match(await problemOfCall(fresh.checkHealth()), { code: 'provider_unavailable' })
  t.ok(performance.now() - startedMs < 3_000, 'what hangs there holds up nobody here')
})

t.test(
  'a version is absent where its secret is marked for deletion, and unknown where its key is away',
  async (t) => {
    const { version, externalRef } = await make()
    const find = () => storage.find({ ...version, externalRef, deadlineMs })
    t.strictSame(await find(), { externalRef })
    setKey('disabled')
    t.match(await problemOfCall(find()), { code: 'provider_rejected' }, 'it is there all the same')
    setKey('enabled')
    await storage.delete({ externalRef, deadlineMs })
    t.equal(await find(), null)
  }
)
