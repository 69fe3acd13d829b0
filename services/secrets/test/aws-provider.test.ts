import { randomUUID } from 'node:crypto'
import { newId } from '@paperclip/contracts'
import { eventually, type Teardown } from '@paperclip/testing'
import t from 'tap'
import type { StoredVersion } from '../src/provider/provider.js'
import { testCredential } from './emulator/emulator.js'
import { startSecretsWithAws } from './support/aws-app.js'
import { openClient } from './support/aws-client.js'
import { adminSession, createSecret, eventsOf, putEnv, resolve } from './support/fixtures.js'
import {
  canary,
  deadlineMs,
  keyArn,
  linked,
  problemOfCall,
  remoteValuesOf,
  shownOf,
  vaultOf
} from './support/remote-values.js'
import { operator, secretsDatabase } from './support/secrets-app.js'
import { createVault } from './support/vaults.js'

const database = await secretsDatabase(t)
const env = { PAPERCLIP_SECRETS_AWS_KMS_KEY_ID: keyArn, PAPERCLIP_SECRETS_AWS_DELETE_RECOVERY_DAYS: '7' }
const { app, emulator } = await startSecretsWithAws(t, database, { env })
const companyId = newId()
const { storage, make, read, readBytes } = remoteValuesOf(app, companyId)
const sql = await adminSession(t, database)
emulator.account.keys.set(keyArn, 'enabled')
t.beforeEach(() => {
  emulator.log.length = 0
})

const operations = () => emulator.log.map(({ operation }) => operation)

function arnOf(name: string): string {
  return emulator.account.secrets.get(name)?.arn ?? ''
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
    t.match(await problemOfCall(again), { code: 'provider_name_reserved', mayHaveActed: false })
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
  const nameless = remoteValuesOf(bare.app, companyId).storage
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
  const values = await Promise.all(Array.from({ length: 100 }, () => readBytes(stored)))
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

/** Counts the reads that the service has begun, past every look-up and wait of its own. */
function countReads(t: Teardown): () => number {
  const { providers } = app.deps
  const { find } = providers
  let begun = 0
  providers.find = (id) => {
    const provider = find(id)
    if (provider === undefined) return undefined
    return {
      ...provider,
      readVersion(place, stored) {
        const reading = provider.readVersion(place, stored)
        begun += 1
        return reading
      }
    }
  }
  t.teardown(() => {
    providers.find = find
  })
  return () => begun
}

t.test('100 concurrent resolves of one version: 1 GetSecretValue, 100 events', async (t) => {
  const target = { companyId: newId(), agentId: newId() }
  await createSecret(app, target.companyId, {
    name: 'Shared',
    value: canary,
    provider: 'aws_secrets_manager'
  })
  await putEnv(app, target, { SHARED: '$secret:shared' })
  emulator.log.length = 0
  const begun = countReads(t)
  let release = () => {}
  emulator.settings.answersAfter = new Promise((open) => {
    release = open
  })
  t.teardown(() => release())
  const resolving = Promise.all(Array.from({ length: 100 }, () => resolve(app, target)))
  await eventually(async () => {
    const [row] = await sql(
      'select count(*)::int as events from secret_access_events where company_id = $1',
      [target.companyId]
    )
    if (row?.events !== 100 || begun() !== 100) throw new Error(`${row?.events} events, ${begun()} reads`)
  })
  release()
  for (const { status, body } of await resolving)
    t.match({ status, body }, { status: 200, body: { env: { SHARED: canary } } })
  t.strictSame(operations(), ['GetSecretValue'])
  const events = await eventsOf(app, target.companyId, '?limit=500')
  t.equal(events.length, 100)
  t.equal(new Set(events.map(({ runId }: { runId: string }) => runId)).size, 100, 'each run has its own')
  for (const { outcome, secretKey, version } of events)
    t.strictSame({ outcome, secretKey, version }, { outcome: 'success', secretKey: 'shared', version: 1 })
  t.match(await resolve(app, target), { status: 200 })
  t.equal(operations().length, 2, 'whoever comes later asks anew')
})

t.test('a linked secret is read as it is linked: current, by label, or by id', async (t) => {
  const [first, second] = [randomUUID(), newId()]
  emulator.seed({ Name: 'outside', ClientRequestToken: first, SecretString: 'one' })
  const arn = arnOf('outside')
  t.match(await problemOfCall(read(linked('outside', 'AWSPREVIOUS'))), { code: 'version_missing' })
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
  const refusals = await Promise.all(Array.from({ length: 20 }, () => problemOfCall(read(vanished))))
  t.ok(refusals.every(({ code, status }) => code === 'version_missing' && status === 422))
  t.equal(operations().length, 2)
  emulator.account.secrets.delete(storage.nameOf({ ...stored, companyId }))
  t.match(await problemOfCall(read(stored)), { code: 'provider_not_found', status: 502 })
  t.match(await problemOfCall(read(linked('nowhere'))), { code: 'provider_not_found' })
})

t.test('a value that was stored as bytes is refused with what to do, and is not guessed at', async (t) => {
  const bytes = Buffer.from(canary)
  emulator.seed({ Name: 'bytes', ClientRequestToken: randomUUID(), SecretBinary: bytes.toString('base64') })
  const error = await problemOfCall(read(linked('bytes')))
  t.match(error, { code: 'value_not_text', status: 422, message: /SecretBinary.*SecretString/ })
  t.notOk(shownOf(error).includes(canary))
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
  for (const row of drifted)
    t.match(await problemOfCall(read(row)), { code: 'reference_mismatch', status: 422 })
  const moved = { ...version, versionId: newId(), vault: vaultOf({ region: 'us-east-1', namespace: 'x' }) }
  const put = storage.put({ ...moved, externalRef, value: Buffer.from('v'), deadlineMs })
  t.match(await problemOfCall(put), { code: 'reference_mismatch', mayHaveActed: false })
  for (const reference of ['a/name', 'arn:aws:s3:::bucket'])
    t.match(await problemOfCall(storage.delete({ externalRef: reference, deadlineMs })), {
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
  const at = remoteValuesOf(walled, companyId)
  emulator.log.length = 0
  t.match(await problemOfCall(read(linked(externalRef))), { code: 'external_ref_managed' })
  t.match(await problemOfCall(read(linked(externalRef.toUpperCase()))), { code: 'external_ref_managed' })
  t.match(await problemOfCall(read(linked(externalRef.replace('us-east-1', 'eu-west-1')))), {
    code: 'external_ref_invalid'
  })
  t.match(await problemOfCall(at.read(linked('shared/x'))), { code: 'external_ref_not_allowed' })
  t.match(await problemOfCall(at.read(linked(`teams/${newId()}/x`))), { code: 'external_ref_not_allowed' })
  t.strictSame(emulator.log, [])
  t.equal(await at.read(linked(`teams/${companyId}/x`)), 'own')
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
    emulator.settings.credentials = []
    t.match(await resolve(service, target), { status: 502, body: { code: 'provider_access_denied' } })
    emulator.settings.credentials = [testCredential]
    const stored = await sql(
      'select to_jsonb(v) as row from company_secret_versions v where company_id = $1',
      [target.companyId]
    )
    t.notOk(JSON.stringify(stored).includes(canary))
    for (const secret of [canary, '123456789012', testCredential.secretAccessKey, 'arn:aws:secretsmanager'])
      t.notOk(service.logs().includes(secret), secret)
  }
)
