import { randomUUID } from 'node:crypto'
import { newId, type ProblemCode, type VaultConfig } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import t from 'tap'
import { createAwsClients } from '../src/provider/aws/aws-clients.js'
import { AwsError } from '../src/provider/aws/aws-error.js'
import { createAwsProvider } from '../src/provider/aws/aws-provider.js'
import { createReferenceGuard } from '../src/provider/aws/reference-guard.js'
import type { SecretProvider, StoredVersion } from '../src/provider/provider.js'
import { ProviderError, type RemoteStorage } from '../src/provider/remote-storage.js'
import { testCredential } from './emulator/emulator.js'
import type { FaultEffect } from './emulator/emulator-faults.js'
import { allowAll, type Policy } from './emulator/iam-policy.js'
import { startSecretsWithAws } from './support/aws-app.js'
import { openClient } from './support/aws-client.js'
import { adminSession, createSecret, putEnv, resolve } from './support/fixtures.js'
import { operator, type SecretsApp, secretsDatabase } from './support/secrets-app.js'
import { createVault } from './support/vaults.js'

const database = await secretsDatabase(t)
const keyArn = 'arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555'
const env = { PAPERCLIP_SECRETS_AWS_KMS_KEY_ID: keyArn, PAPERCLIP_SECRETS_AWS_DELETE_RECOVERY_DAYS: '7' }
const { app, emulator } = await startSecretsWithAws(t, database, { env })
const sql = await adminSession(t, database)
emulator.account.keys.set(keyArn, 'enabled')
t.beforeEach(() => {
  emulator.log.length = 0
  emulator.settings.policy = allowAll
  emulator.faults.clear()
})

const canary = 'canary-8d2e-value'
const deadlineMs = 20_000
const companyId = newId()

function providerOf({ deps }: SecretsApp): SecretProvider & { storage: RemoteStorage } {
  const provider = deps.providers.find('aws_secrets_manager')
  if (provider === undefined || provider.storage.kind !== 'remote') throw new Error('not there')
  return { ...provider, storage: provider.storage }
}
const provider = providerOf(app)
const { storage } = provider
const vaultOf = (config: VaultConfig | null) => (config === null ? null : { id: newId(), config })

/** Makes a managed secret and tells how a resolve would read it. */
async function make({ key = newId(), value = canary, config = null as VaultConfig | null } = {}) {
  const version = { companyId, secretId: newId(), versionId: newId(), key, vault: vaultOf(config) }
  const name = storage.nameOf(version)
  const { externalRef, tagged } = await storage.create({
    ...version,
    name,
    value: Buffer.from(value),
    deadlineMs
  })
  const stored: StoredVersion = {
    ...version,
    sealed: null,
    externalRef,
    providerVersionRef: version.versionId,
    managedMode: 'paperclip_managed'
  }
  return { version, name, externalRef, tagged, stored }
}

function linked(externalRef: string, providerVersionRef: string | null = null): StoredVersion {
  const common = { sealed: null, vault: null, key: 'k', managedMode: 'external_reference' } as const
  return { ...common, externalRef, providerVersionRef }
}

const place = () => ({ companyId, secretId: newId(), versionId: newId() })
const read = async (stored: StoredVersion, at = provider) =>
  (await at.readVersion(place(), stored)).toString()
const operations = () => emulator.log.map(({ operation }) => operation)

function arnOf(name: string): string {
  return emulator.account.secrets.get(name)?.arn ?? ''
}

function setPolicy(...denied: string[]): void {
  emulator.settings.policy = denied.length === 0 ? allowAll : deny(...denied)
}

function setCredentials(known: (typeof testCredential)[]): void {
  emulator.settings.credentials = known
}

function setKey(state: 'enabled' | 'disabled'): void {
  emulator.account.keys.set(keyArn, state)
}

/** All that of an error may be shown or logged. */
function shown(error: AppError): string {
  const { message, context, cause, errors } = error
  return JSON.stringify([message, context, String(cause), { ...(cause as object) }, errors])
}

/** What a call is refused with. */
async function refusal(work: Promise<unknown>): Promise<AppError> {
  const error = await work.then(
    () => new Error('it was answered'),
    (refused: unknown) => refused
  )
  if (error instanceof AppError) return error
  throw error
}

t.test(
  'a managed secret has its derived name, six tags and the key there; only its ARN is used from then on',
  async (t) => {
    const { version, name, externalRef, tagged, stored } = await make({ key: 'stripe' })
    const remote = emulator.account.secrets.get(name)
    t.equal(name, `paperclip/test-1/${companyId}/stripe`)
    t.strictSame(
      { arn: remote?.arn, keyId: remote?.keyId, tagged },
      { arn: externalRef, keyId: keyArn, tagged: true }
    )
    t.strictSame(Object.fromEntries(remote?.tags ?? []), {
      'paperclip:managed-by': 'paperclip',
      'paperclip:provider-owner': 'paperclip',
      'paperclip:deployment-id': 'test-1',
      'paperclip:company-id': companyId,
      'paperclip:secret-key': 'stripe',
      'paperclip:environment': 'unspecified'
    })
    t.strictSame([...(remote?.versions.keys() ?? [])], [version.versionId], 'our id is the token')
    t.equal(storage.nameIn(externalRef), name)
    t.ok(storage.isIn(externalRef, null))
    t.notOk(storage.isIn(externalRef, vaultOf({ region: 'eu-west-1' })))
    const second = { ...version, versionId: newId() }
    await storage.put({ ...second, externalRef, value: Buffer.from('two'), deadlineMs })
    t.equal(await read({ ...stored, providerVersionRef: second.versionId }), 'two')
    t.equal(await read(stored), canary)
    t.strictSame(await storage.find({ ...second, externalRef: name, deadlineMs }), { externalRef })
    t.equal(await storage.find({ ...version, versionId: newId(), externalRef, deadlineMs }), null)
    const { deletionDate } = await storage.delete({ externalRef, deadlineMs })
    const days = ((deletionDate?.getTime() ?? 0) - Date.now()) / 86_400_000
    t.ok(days > 6.9 && days <= 7, 'the recovery window of the settings')
    t.same(await storage.findDeletionDate({ name, vault: null, deadlineMs }), deletionDate)
    t.strictSame(await storage.delete({ externalRef, deadlineMs }), { deletionDate: null }, 'marked already')
    const again = storage.create({
      ...version,
      versionId: newId(),
      name,
      value: Buffer.from('x'),
      deadlineMs
    })
    t.match(await refusal(again), { code: 'provider_name_reserved', mayHaveActed: false })
    await storage.restore({ externalRef, deadlineMs })
    t.equal(await read(stored), canary)
    const byName = emulator.log.filter(
      ({ operation, secretId }) => /Put|Delete|Restore/.test(operation) && secretId === name
    )
    t.strictSame(byName, [])
  }
)

t.test('a vault changes name, key and tags, and what it leaves out comes from the deployment', async (t) => {
  emulator.account.keys.set('alias/team', 'enabled')
  const own = {
    region: 'us-east-1',
    secretNamePrefix: 'p/q',
    namespace: 'n',
    ownerTag: 'me',
    environmentTag: 'dev'
  }
  const { name } = await make({ key: 'k', config: own })
  t.equal(name, `p/q/n/${companyId}/k`)
  t.match(Object.fromEntries(emulator.account.secrets.get(name)?.tags ?? []), {
    'paperclip:provider-owner': 'me',
    'paperclip:environment': 'dev',
    'paperclip:deployment-id': 'test-1'
  })
  const bare = await startSecretsWithAws(t, database, {
    emulator,
    env: { PAPERCLIP_SECRETS_AWS_DEPLOYMENT_ID: undefined }
  })
  const nameless = providerOf(bare.app).storage
  for (const config of [null, { region: 'us-east-1' }])
    t.throws(() => nameless.nameOf({ companyId, key: 'k', vault: vaultOf(config) }), {
      code: 'provider_not_configured',
      message: /DEPLOYMENT_ID/
    })
  t.equal(nameless.nameOf({ companyId, key: 'k', vault: vaultOf(own) }), name)
})

t.test('a hundred readers of one version share one call, and each has bytes of his own', async (t) => {
  const { stored } = await make()
  emulator.log.length = 0
  const values = await Promise.all(Array.from({ length: 100 }, () => provider.readVersion(place(), stored)))
  t.strictSame(operations(), ['GetSecretValue'])
  t.ok(values.every((value) => value.toString() === canary))
  values[0]?.fill(0)
  t.equal(values[1]?.toString(), canary)
  await read(stored)
  t.equal(operations().length, 2, 'nothing is kept after the answer')
  emulator.seed({ Name: 'followed', ClientRequestToken: randomUUID(), SecretString: 'now' })
  emulator.log.length = 0
  await Promise.all(Array.from({ length: 5 }, () => read(linked('followed'))))
  t.equal(operations().length, 5, 'what is current may change, so it is never shared')
})

t.test('a linked secret is read as it is linked: current, by label, or by id', async (t) => {
  const [first, second] = [randomUUID(), newId()]
  emulator.seed({ Name: 'outside', ClientRequestToken: first, SecretString: 'one' })
  const arn = arnOf('outside')
  t.match(await refusal(read(linked('outside', 'AWSPREVIOUS'))), { code: 'version_missing' })
  const { values } = openClient(t, { endpoint: emulator.origin })
  await values.putValue({ arn, versionId: second, value: Buffer.from('two'), ownKey: false })
  const table: [string, string | null, string][] = [
    ['outside', null, 'two'],
    [arn, null, 'two'],
    [arn.slice(0, -7), null, 'two'],
    ['outside', 'AWSCURRENT', 'two'],
    ['outside', 'AWSPREVIOUS', 'one'],
    [arn, first, 'one'],
    ['outside', second, 'two']
  ]
  for (const [reference, version, value] of table) t.equal(await read(linked(reference, version)), value)
})

t.test('a version that is gone is told apart from a secret that is gone, once for all who ask', async (t) => {
  const { stored } = await make()
  emulator.log.length = 0
  const vanished = { ...stored, providerVersionRef: newId() }
  const refusals = await Promise.all(Array.from({ length: 20 }, () => refusal(read(vanished))))
  t.ok(refusals.every(({ code, status }) => code === 'version_missing' && status === 422))
  t.equal(operations().length, 2)
  emulator.account.secrets.delete(storage.nameOf({ ...stored, companyId }))
  t.match(await refusal(read(stored)), { code: 'provider_not_found', status: 502 })
  t.match(await refusal(read(linked('nowhere'))), { code: 'provider_not_found' })
})

t.test('a value that was stored as bytes is refused with what to do, and is not guessed at', async (t) => {
  const bytes = Buffer.from(canary)
  emulator.seed({ Name: 'bytes', ClientRequestToken: randomUUID(), SecretBinary: bytes.toString('base64') })
  const error = await refusal(read(linked('bytes')))
  t.match(error, { code: 'value_not_text', status: 422, message: /SecretBinary.*SecretString/ })
  t.notOk(shown(error).includes(canary))
})

t.test('a managed value is asked for only where it is now looked for (behaviour 74)', async (t) => {
  const { stored, version, externalRef } = await make({ key: 'drift' })
  const inVault = await make({ key: 'drift', config: { region: 'us-east-1', namespace: 'n' } })
  emulator.log.length = 0
  const drifted: StoredVersion[] = [
    { ...stored, externalRef: externalRef.slice(0, -1) },
    { ...stored, externalRef: `${externalRef}x` },
    { ...stored, externalRef: externalRef.slice(0, -7) },
    { ...stored, externalRef: externalRef.replace('us-east-1', 'us-west-2') },
    { ...stored, externalRef: externalRef.replace('arn:aws:', 'arn:aws-cn:') },
    { ...stored, externalRef: externalRef.replace(companyId, newId()) },
    { ...stored, externalRef: storage.nameIn(externalRef) },
    { ...stored, externalRef: inVault.externalRef },
    { ...stored, key: 'other' },
    { ...stored, vault: vaultOf({ region: 'us-east-1', namespace: 'elsewhere' }) },
    { ...stored, vault: vaultOf({ region: 'us-east-1', secretNamePrefix: 'elsewhere' }) },
    { ...stored, vault: vaultOf({ region: 'eu-west-1' }) },
    { ...inVault.stored, vault: null }
  ]
  for (const row of drifted) t.match(await refusal(read(row)), { code: 'reference_mismatch', status: 422 })
  const moved = { ...version, versionId: newId(), vault: vaultOf({ region: 'us-east-1', namespace: 'x' }) }
  const put = storage.put({ ...moved, externalRef, value: Buffer.from('v'), deadlineMs })
  t.match(await refusal(put), { code: 'reference_mismatch', mayHaveActed: false })
  for (const reference of ['a/name', 'arn:aws:s3:::bucket'])
    t.match(await refusal(storage.delete({ externalRef: reference, deadlineMs })), {
      code: 'reference_mismatch'
    })
  t.strictSame(emulator.log, [], 'AWS was not asked')
  t.equal(await read(inVault.stored), canary)
})

t.test('what may be linked is judged again at each read, before any call', async (t) => {
  const { externalRef } = await make()
  emulator.seed({ Name: `teams/${companyId}/x`, ClientRequestToken: randomUUID(), SecretString: 'own' })
  const { app: walled } = await startSecretsWithAws(t, database, {
    emulator,
    env: { PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES: 'teams/{companyId}' }
  })
  const at = providerOf(walled)
  emulator.log.length = 0
  t.match(await refusal(read(linked(externalRef))), { code: 'external_ref_managed' })
  t.match(await refusal(read(linked(externalRef.toUpperCase()))), { code: 'external_ref_managed' })
  t.match(await refusal(read(linked(externalRef.replace('us-east-1', 'eu-west-1')))), {
    code: 'external_ref_invalid'
  })
  t.match(await refusal(read(linked('shared/x'), at)), { code: 'external_ref_not_allowed' })
  t.match(await refusal(read(linked(`teams/${newId()}/x`), at)), { code: 'external_ref_not_allowed' })
  t.strictSame(emulator.log, [])
  t.equal(await read(linked(`teams/${companyId}/x`), at), 'own')
})

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
    const error = await refusal(act())
    t.match(error, { code, mayHaveActed }, kind)
    t.ok(error instanceof ProviderError && error.cause instanceof AwsError && error.cause.kind === kind, kind)
    for (const secret of ['arn:', '123456789012', name, 'codes', companyId, canary, 'nothing in', 'User '])
      t.notOk(shown(error).includes(secret), `${kind} ${secret}`)
    setPolicy()
    setCredentials([testCredential])
    setKey('enabled')
    emulator.faults.clear()
  }
  const { app: poor } = await startSecretsWithAws(t, database, {
    emulator,
    load: () => Promise.reject(new Error(canary))
  })
  const error = await refusal(read(linked('none'), providerOf(poor)))
  t.match(error, { code: 'provider_unavailable', message: /no AWS credentials/, retryAfterSeconds: 5 })
  t.notOk(shown(error).includes(canary))
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
    const error = await refusal(act())
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
  t.match(await refusal(checkHealth()), { code: 'provider_access_denied' })
  setPolicy()
  t.match(await refusal(checkHealth()), { code: 'provider_access_denied' }, 'what is wrong is said again')
  t.equal(emulator.log.length, 2)
  nowMs = 60_000
  await checkHealth()
})

t.test(
  'through the service: created, rotated, resolved by a run, and its health is that of AWS',
  async (t) => {
    const variables = { ...env, PAPERCLIP_SECRETS_PROVIDER: 'aws_secrets_manager' }
    const { app: service } = await startSecretsWithAws(t, database, { emulator, env: variables })
    const target = { companyId: newId(), agentId: newId() }
    const vault = await createVault(service, target.companyId, {
      provider: 'aws_secrets_manager',
      config: { region: 'us-east-1' }
    })
    emulator.seed({ Name: 'theirs', ClientRequestToken: randomUUID(), SecretString: 'linked' })
    await createSecret(service, target.companyId, { name: 'Own', value: canary })
    await createSecret(service, target.companyId, {
      name: 'Theirs',
      managedMode: 'external_reference',
      externalRef: 'theirs',
      providerConfigId: vault.id
    })
    await putEnv(service, target, { OWN: '$secret:own', THEIRS: '$secret:theirs' })
    t.match(await resolve(service, target), { status: 200, body: { env: { OWN: canary, THEIRS: 'linked' } } })
    t.match((await service.send(operator(), 'GET', '/health')).body, {
      components: { provider: { status: 'ok' } }
    })
    emulator.account.secrets.delete('theirs')
    const failed = await resolve(service, target)
    t.match(failed, { status: 502, body: { code: 'provider_not_found' } })
    setCredentials([])
    t.match(await resolve(service, target), { status: 502, body: { code: 'provider_access_denied' } })
    setCredentials([testCredential])
    const stored = await sql(
      'select to_jsonb(v) as row from company_secret_versions v where company_id = $1',
      [target.companyId]
    )
    t.notOk(JSON.stringify(stored).includes(canary))
    for (const secret of [canary, '123456789012', testCredential.secretAccessKey, 'arn:aws:secretsmanager'])
      t.notOk(service.logs().includes(secret), secret)
  }
)
