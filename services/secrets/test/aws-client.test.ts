import { randomUUID } from 'node:crypto'
import { inspect } from 'node:util'
import { newId } from '@paperclip/contracts'
import t from 'tap'
import { createAwsCall } from '../src/provider/aws/aws-call.js'
import { endpointOf, parseCustomEndpoint } from '../src/provider/aws/aws-endpoint.js'
import { readAwsRefusal } from '../src/provider/aws/aws-error.js'
import { createRetryBudget } from '../src/provider/aws/aws-retry.js'
import { shareReads } from '../src/provider/aws/aws-shared-read.js'
import { openAwsTransport } from '../src/provider/aws/aws-transport.js'
import { testCredential } from './emulator/emulator.js'
import type { FaultEffect } from './emulator/emulator-faults.js'
import type { Policy } from './emulator/iam-policy.js'
import { awsScene, heldCredentials, openClient, refusalOf, regionOf } from './support/aws-client.js'

const keyArn = 'arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555'
const canary = 'canary-77d0-value'
const tags = [{ key: 'paperclip:managed-by', value: 'paperclip' }]

function newSecret(change: { name?: string; value?: string; kmsKeyId?: string } = {}) {
  const { name = `paperclip/prod/${randomUUID()}`, value = canary, kmsKeyId = null } = change
  return { name, versionId: newId(), value: Buffer.from(value), kmsKeyId, tags }
}

function newVersion(arn: string, value = canary) {
  return { arn, versionId: newId(), value: Buffer.from(value), ownKey: false }
}

t.test('a secret is created, rotated, read by version, and deleted, under our version ids', async (t) => {
  const { values, emulator } = await awsScene(t)
  emulator.account.keys.set(keyArn, 'enabled')
  const secret = newSecret({ kmsKeyId: keyArn })
  const { arn, tagged } = await values.createSecret(secret)
  const remote = emulator.account.secrets.get(secret.name)
  t.same({ arn: remote?.arn, keyId: remote?.keyId, tagged }, { arn, keyId: keyArn, tagged: true })
  t.same([...(remote?.tags ?? [])], [['paperclip:managed-by', 'paperclip']])
  const second = newVersion(arn, 'two')
  await values.putValue(second)
  const read = (selector: object) => values.readValue({ secretId: arn, ...selector })
  const one = await read({ versionId: secret.versionId })
  t.same(one, { value: secret.value, isBinary: false, arn, versionId: secret.versionId })
  t.match(await read({}), { value: second.value, versionId: second.versionId })
  t.match(await read({ versionLabel: 'AWSPREVIOUS' }), { versionId: secret.versionId })
  t.same(await values.findVersion({ secretId: secret.name, versionId: secret.versionId }), { arn })
  t.equal(await values.findVersion({ secretId: arn, versionId: newId() }), null)
  const { deletionDate } = await values.deleteSecret({ arn, recoveryDays: 7 })
  t.ok((deletionDate?.getTime() ?? 0) > Date.now() + 6 * 86_400_000)
  t.same(
    emulator.log.map(({ operation }) => operation).filter((name) => name !== 'GetSecretValue'),
    ['CreateSecret', 'PutSecretValue', 'DeleteSecret'],
    'versions are never promoted, secrets never described'
  )
})

t.test('a value comes back byte for byte, as text or as bytes', async (t) => {
  const { values, emulator } = await awsScene(t)
  const texts = ['\u0000', 'a\r\nb ', '🔑\u2028"\\', '\ufeffbom', '\u0001'.repeat(65_536), 'ü'.repeat(32_768)]
  for (const text of texts) {
    const { arn } = await values.createSecret(newSecret({ value: text }))
    t.ok((await values.readValue({ secretId: arn })).value.equals(Buffer.from(text)))
  }
  const bytes = Buffer.from([0, 255, 254, 10])
  emulator.seed({ Name: 'b', ClientRequestToken: randomUUID(), SecretBinary: bytes.toString('base64') })
  t.match(await values.readValue({ secretId: 'b' }), { value: bytes, isBinary: true })
  const invalid = { ...newVersion('b'), value: Buffer.from([255]) }
  await t.rejects(values.putValue(invalid), TypeError, 'bytes that are no text are not stored as others')
})

t.test('what was throttled goes again after a while, and nothing that was refused does', async (t) => {
  const { values, emulator } = await awsScene(t)
  emulator.seed({ Name: 'n', ClientRequestToken: randomUUID(), SecretString: canary })
  const callsOf = async (work: () => Promise<unknown>) => {
    emulator.log.length = 0
    const startedMs = performance.now()
    const error = await work().then(
      () => null,
      (error) => error
    )
    return { calls: emulator.log.length, elapsedMs: performance.now() - startedMs, error }
  }
  const read = () => values.readValue({ secretId: 'n' })
  emulator.faults.add({ effect: 'throttle', times: 2 })
  const served = await callsOf(read)
  t.match(served, { calls: 3, error: null })
  t.ok(served.elapsedMs >= 145, 'it waited 50 ms at least, then 100')
  emulator.faults.add({ effect: 'throttle', times: 3 })
  t.match(await callsOf(read), { calls: 3, error: { kind: 'throttled', mayHaveActed: false } })
  const refused = [
    [() => values.readValue({ secretId: 'absent' }), 'not_found'],
    [() => values.createSecret(newSecret({ name: 'n' })), 'exists'],
    [() => values.createSecret(newSecret({ name: 'no good' })), 'rejected'],
    [() => values.createSecret(newSecret({ kmsKeyId: 'absent' })), 'rejected']
  ] as const
  for (const [work, kind] of refused) t.match(await callsOf(work), { calls: 1, error: { kind } }, kind)
})

t.test('a call says whether it may have had its effect, and never wrongly that it has not', async (t) => {
  const { values, emulator } = await awsScene(t)
  const { arn } = await values.createSecret(newSecret())
  const table: [FaultEffect, string | null, boolean][] = [
    ['throttle', null, false],
    ['internal_error', null, true],
    ['reset', 'connection_lost', true],
    ['truncate', 'connection_lost', true],
    ['wrong_json', 'unreadable', true],
    ['html', 'unreadable', true],
    ['redirect', 'redirect', true],
    ['oversize', 'too_large', true]
  ]
  for (const applied of [false, true])
    for (const [effect, failure, mayHaveActed] of table) {
      emulator.faults.add({ effect, applied, times: 3 })
      const error = await refusalOf(values.putValue(newVersion(arn)))
      emulator.faults.clear()
      t.match(error, { failure, mayHaveActed, operation: 'PutSecretValue' }, `${effect}, ${applied}`)
      t.match(error.kind, effect === 'throttle' ? 'throttled' : 'unavailable')
    }
  emulator.faults.add({ effect: 'reset', applied: true })
  emulator.faults.add({ effect: 'throttle', times: 2 })
  const mixed = await refusalOf(values.putValue(newVersion(arn)))
  t.match(mixed, { kind: 'throttled', mayHaveActed: true }, 'an attempt before the last one counts')
  const nowhere = openClient(t, { endpoint: 'http://127.0.0.1:1' })
  const unsent = await refusalOf(nowhere.values.putValue(newVersion(arn)))
  t.match(unsent, { kind: 'unavailable', failure: 'no_connection', mayHaveActed: false })
})

t.test('a write whose answers get lost is one version, however often it is sent', async (t) => {
  const { values, emulator } = await awsScene(t)
  const secret = newSecret()
  for (const effect of ['reset', 'html'] as const) emulator.faults.add({ effect, applied: true })
  const { arn } = await values.createSecret(secret)
  const version = newVersion(arn, 'two')
  for (const effect of ['truncate', 'internal_error'] as const) emulator.faults.add({ effect, applied: true })
  await values.putValue(version)
  const remote = emulator.account.secrets.get(secret.name)
  t.same([...(remote?.versions.keys() ?? [])], [secret.versionId, version.versionId])
  t.equal((await values.readValue({ secretId: arn })).versionId, version.versionId)
  emulator.faults.add({ effect: 'reset', operation: 'DeleteSecret', applied: true })
  t.same(await values.deleteSecret({ arn, recoveryDays: 30 }), { deletionDate: null })
  t.same(await values.deleteSecret({ arn: `${arn}x`, recoveryDays: 30 }), { deletionDate: null })
  for (const recoveryDays of [6, 31, 7.5, Number.NaN])
    await t.rejects(values.deleteSecret({ arn, recoveryDays }), RangeError)
})

t.test('a call ends at its deadline, and retries stay few when everything fails', async (t) => {
  const { values, emulator } = await awsScene(t)
  emulator.seed({ Name: 'n', ClientRequestToken: randomUUID(), SecretString: 'x'.repeat(5_000) })
  for (const effect of ['hang', 'slow'] as const) {
    emulator.faults.add({ effect, times: 9 })
    const startedMs = performance.now()
    const error = await refusalOf(values.readValue({ secretId: 'n', deadlineMs: 400 }))
    t.match(error, { kind: 'unavailable', failure: 'timeout', mayHaveActed: true }, effect)
    t.ok(performance.now() - startedMs < 3_000, 'it did not wait on')
    emulator.faults.clear()
  }
  emulator.faults.add({ effect: 'hang', times: 999 })
  const many = await Promise.all(
    Array.from({ length: 300 }, () => refusalOf(values.readValue({ secretId: 'n', deadlineMs: 600 })))
  )
  const overloaded = many.filter(({ failure }) => failure === 'overloaded')
  t.equal(overloaded.length, 300 - 256, 'what is beyond the limit is refused at once')
  t.ok(overloaded.every(({ mayHaveActed }) => !mayHaveActed))
  emulator.faults.clear()
  emulator.log.length = 0
  emulator.settings.requestsPerSecondMax = 0
  const calls = 100
  const failed = await Promise.all(
    Array.from({ length: calls }, () => refusalOf(values.readValue({ secretId: 'n' })))
  )
  t.ok(failed.every(({ kind }) => kind === 'throttled'))
  t.ok(emulator.log.length <= calls * 1.2 + 20, `${emulator.log.length} requests of ${calls} calls`)
})

t.test('credentials that AWS calls bad are dropped, and the call goes on with new ones', async (t) => {
  let loads = 0
  const load = async () => ({ ...testCredential, accessKeyId: `KEY${++loads}` })
  const { values, emulator } = await awsScene(t, { load })
  emulator.seed({ Name: 'n', ClientRequestToken: randomUUID(), SecretString: canary })
  const known = (number: number) => [{ ...testCredential, accessKeyId: `KEY${number}` }]
  emulator.settings.credentials = known(2)
  t.equal((await values.readValue({ secretId: 'n' })).value.toString(), canary)
  emulator.settings.credentials = [
    { ...testCredential, accessKeyId: 'KEY2', expiresMs: Date.now() - 1 },
    ...known(3)
  ]
  t.equal((await values.readValue({ secretId: 'n' })).value.toString(), canary)
  t.equal(loads, 3)
  emulator.settings.credentials = []
  emulator.log.length = 0
  t.match(await refusalOf(values.readValue({ secretId: 'n' })), {
    kind: 'bad_credentials',
    mayHaveActed: false
  })
  t.equal(emulator.log.length, 2, 'once more with new ones, and no more')
  const none = openClient(t, {
    endpoint: emulator.origin,
    load: async () => Promise.reject(new Error('none'))
  })
  t.match(await refusalOf(none.values.readValue({ secretId: 'n' })), { kind: 'no_credentials' })
})

t.test(
  'an error names the permissions of its call, and never an ARN, a name, a value or text of AWS',
  async (t) => {
    const { values, references, emulator } = await awsScene(t)
    emulator.account.keys.set(keyArn, 'enabled')
    const secret = newSecret({ kmsKeyId: keyArn })
    const { arn } = await values.createSecret(secret)
    const without = (...denied: string[]): Policy => ({
      Statement: [
        { Effect: 'Allow', Action: '*', Resource: '*' },
        { Effect: 'Deny', Action: denied, Resource: '*' }
      ]
    })
    const ownKey = { ...newVersion(arn), ownKey: true }
    const calls = [
      ['secretsmanager:CreateSecret', () => values.createSecret(newSecret())],
      ['kms:GenerateDataKey', () => values.createSecret(newSecret({ kmsKeyId: keyArn }))],
      ['kms:Decrypt', () => values.readValue({ secretId: arn })],
      ['secretsmanager:GetSecretValue', () => values.readValue({ secretId: arn })],
      ['secretsmanager:PutSecretValue', () => values.putValue(ownKey)],
      ['kms:GenerateDataKey', () => values.putValue(ownKey)],
      ['secretsmanager:DeleteSecret', () => values.deleteSecret({ arn, recoveryDays: 7 })],
      ['secretsmanager:RestoreSecret', () => values.restoreSecret({ secretId: arn })],
      [
        'secretsmanager:ListSecrets',
        () => references.listSecrets({ query: null, nextToken: null, pageSize: 1 })
      ]
    ] as const
    for (const [permission, call] of calls) {
      emulator.settings.policy = without(permission)
      const error = await refusalOf(call())
      t.equal(error.kind, 'access_denied', permission)
      t.ok(error.permissions.includes(permission), permission)
      const printed = `${inspect(error)}${JSON.stringify(error)}${error.stack}`
      t.notMatch(printed, /arn:|123456789012|paperclip\/prod|canary-77d0|may not perform/)
    }
    emulator.settings.policy = without('secretsmanager:TagResource')
    const untagged = newSecret()
    t.match(await values.createSecret(untagged), { tagged: false }, 'made once more without its tags')
    t.equal(emulator.account.secrets.get(untagged.name)?.tags.size, 0)
  }
)

t.test(
  'a name that waits for its deletion is told apart, with the date where that may be asked',
  async (t) => {
    const { values, emulator } = await awsScene(t)
    const secret = newSecret()
    const { arn } = await values.createSecret(secret)
    const { deletionDate } = await values.deleteSecret({ arn, recoveryDays: 7 })
    const again = { ...secret, versionId: newId() }
    t.match(await refusalOf(values.createSecret(again)), {
      kind: 'scheduled_for_deletion',
      mayHaveActed: false
    })
    t.same(await values.findDeletionDate({ secretId: secret.name }), deletionDate)
    emulator.settings.policy = { Statement: [] }
    t.equal(await values.findDeletionDate({ secretId: secret.name }), null)
    emulator.settings.policy = { Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] }
    t.same(await values.restoreSecret({ secretId: secret.name }), { arn })
    await values.putValue(newVersion(arn, 'back'))
    t.equal((await values.readValue({ secretId: arn })).value.toString(), 'back')
  }
)

t.test('the inventory lists pages of metadata, and has no way to a value', async (t) => {
  const { references, emulator } = await awsScene(t)
  for (let at = 0; at < 250; at++)
    emulator.seed({
      Name: `prod/${at}`,
      ClientRequestToken: randomUUID(),
      SecretString: canary,
      ...(at === 0 ? { Description: 'about it', Tags: [{ Key: 'k', Value: 'v' }], KmsKeyId: '' } : {})
    })
  const list = (nextToken: string | null, query: string | null = null) =>
    references.listSecrets({ query, nextToken, pageSize: 100 })
  const first = await list(null)
  const second = await list(first.nextToken)
  const third = await list(second.nextToken)
  const all = [first, second, third].flatMap(({ references }) => references)
  t.equal(new Set(all.map(({ name }) => name)).size, 250)
  t.equal(third.nextToken, null)
  t.equal(all[0]?.createdDate?.getUTCFullYear(), new Date().getUTCFullYear())
  t.match(all[0], { hasDescription: true, hasKmsKey: false, tagCount: 1 })
  t.notMatch(JSON.stringify(all), /about it|canary|"k"/)
  t.match(await refusalOf(list('made-up')), { kind: 'rejected', type: 'InvalidNextTokenException' })
  t.same((await list(null, 'prod/24')).references.length, 11)
  emulator.log.length = 0
  for (const query of ['', 'a\nb', '日', 'x'.repeat(513)])
    t.match(await refusalOf(list(null, query)), { kind: 'rejected' })
  t.same(emulator.log, [], 'what AWS could not take is not sent')
  const parts = {
    endpoint: endpointOf(regionOf('us-east-1'), parseCustomEndpoint(emulator.origin)),
    credentials: heldCredentials(),
    budget: createRetryBudget(),
    nowMs: Date.now,
    random: Math.random
  }
  const call = createAwsCall(['ListSecrets'], { ...parts, transport: openAwsTransport(parts.endpoint) })
  const smuggled = { operation: 'GetSecretValue' as 'ListSecrets', input: { SecretId: 'prod/1' } }
  const limits = { idempotent: true, permissions: [], replyBytesMax: 1_000 }
  await t.rejects(call({ ...smuggled, ...limits }), { message: /may not/ })
  t.same(emulator.log, [])
})

t.test('a hundred reads of one version at once are one call, and nothing is kept after it', async (t) => {
  const { values, emulator } = await awsScene(t)
  const secret = newSecret()
  const { arn } = await values.createSecret(secret)
  const read = shareReads(values)
  const version = { companyId: newId(), secretId: arn, versionId: secret.versionId }
  const readMany = () => Promise.allSettled(Array.from({ length: 100 }, () => read(version)))
  const reads = () => emulator.log.filter(({ operation }) => operation === 'GetSecretValue').length
  const many = (await readMany()).flatMap((one) => (one.status === 'fulfilled' ? [one.value.value] : []))
  t.equal(reads(), 1)
  t.equal(many.length, 100)
  many[0]?.fill(0)
  await new Promise(setImmediate)
  t.ok(
    many.slice(1).every((value) => value.toString() === canary),
    'each has bytes of its own'
  )
  await read(version)
  t.equal(reads(), 2, 'whoever comes later asks again')
  emulator.settings.policy = { Statement: [] }
  t.ok((await readMany()).every(({ status }) => status === 'rejected'))
  t.equal(reads(), 3)
  const other = await Promise.allSettled([read(version), read({ ...version, versionId: newId() })])
  t.equal(other.length + reads(), 2 + 5, 'another version is another call')
})

t.test('an answer is read by its type and status, whatever its text says', async (t) => {
  const table: [number, unknown, string, string | null][] = [
    [400, { __type: 'AccessDeniedException' }, 'access_denied', null],
    [400, { __type: 'com.amazon.coral.service#AccessDeniedException' }, 'access_denied', null],
    [400, { __type: 'ResourceNotFoundException:http://internal/' }, 'not_found', null],
    [400, { __type: 'ThrottlingException', Message: 'AccessDeniedException' }, 'throttled', null],
    [400, { __type: 'InvalidRequestException', Message: 'not found' }, 'rejected', null],
    [400, { __type: 'SomethingNew' }, 'rejected', null],
    [500, { __type: 'SomethingNew' }, 'unavailable', 'unreadable'],
    [400, { __type: 'constructor' }, 'rejected', null],
    [400, { Message: 'AccessDeniedException' }, 'unavailable', 'unreadable'],
    [403, null, 'unavailable', 'unreadable'],
    [429, null, 'throttled', null],
    [301, { __type: 'AccessDeniedException' }, 'unavailable', 'redirect'],
    [204, null, 'unavailable', 'unreadable']
  ]
  for (const [status, body, kind, failure] of table)
    t.match(readAwsRefusal(status, body), { kind, failure }, JSON.stringify([status, body]))
})
