import { createHmac, randomUUID } from 'node:crypto'
import {
  CreateSecretCommand,
  DecryptionFailure,
  DeleteSecretCommand,
  DescribeSecretCommand,
  EncryptionFailure,
  GetSecretValueCommand,
  InvalidNextTokenException,
  InvalidParameterException,
  InvalidRequestException,
  LimitExceededException,
  ListSecretsCommand,
  PutSecretValueCommand,
  ResourceExistsException,
  ResourceNotFoundException,
  RestoreSecretCommand,
  type SecretsManagerClient,
  TagResourceCommand,
  UpdateSecretVersionStageCommand
} from '@aws-sdk/client-secrets-manager'
import t from 'tap'
import { testCredential } from './emulator/emulator.js'
import type { Policy, Statement } from './emulator/iam-policy.js'
import { canonicalRequest, signingKey, stringToSign } from './emulator/sigv4.js'
import { signatureVectors, vectorCredential, vectorScope } from './fixtures/sigv4-vectors.js'
import { errorOf, nameOf, official, raw, officialScene as scene } from './support/official-client.js'

const dayMs = 24 * 3_600_000
const value = 'canary-1c9e-value'
const keyArn = 'arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555'
const secretsArn = 'arn:aws:secretsmanager:us-east-1:123456789012:secret:paperclip/prod/*'

t.test('the verifier finds the signatures that the public test suite states', async (t) => {
  const date = '20150830T123600Z'
  const { region, service } = vectorScope
  for (const vector of signatureVectors) {
    const token = vector.sessionToken === undefined ? {} : { 'x-amz-security-token': vector.sessionToken }
    const headers = Object.entries({ ...vector.headers, 'x-amz-date': date, ...token })
    const request = { ...vector, headers, body: Buffer.from(vector.body ?? '') }
    const canonical = canonicalRequest(request, headers.map(([name]) => name).sort())
    const text = stringToSign(date, `20150830/${region}/${service}/aws4_request`, canonical)
    const key = signingKey(vectorCredential.secretAccessKey, { day: '20150830', region, service })
    t.equal(createHmac('sha256', key).update(text).digest('hex'), vector.signature, vector.name)
  }
})

t.test('the official client creates, rotates, reads, deletes and restores a secret', async (t) => {
  const { emulator, client } = await scene(t)
  const tags = [{ Key: 'paperclip:managed-by', Value: 'paperclip' }]
  const made = await client.send(
    new CreateSecretCommand({ Name: 'a/b', SecretString: value, Tags: tags, Description: 'd' })
  )
  t.match(made.ARN, /^arn:aws:secretsmanager:us-east-1:123456789012:secret:a\/b-[A-Za-z0-9]{6}$/)
  const put = await client.send(new PutSecretValueCommand({ SecretId: made.ARN, SecretString: 'two' }))
  t.same(put.VersionStages, ['AWSCURRENT'])
  const read = (input: object) => client.send(new GetSecretValueCommand({ SecretId: 'a/b', ...input }))
  t.match(await read({}), { ARN: made.ARN, SecretString: 'two', VersionId: put.VersionId })
  t.match(await read({ VersionStage: 'AWSPREVIOUS' }), { SecretString: value, VersionId: made.VersionId })
  const old = await read({ VersionId: made.VersionId })
  t.match(old, { SecretString: value, VersionStages: ['AWSPREVIOUS'] })
  t.ok(Math.abs((old.CreatedDate?.getTime() ?? 0) - Date.now()) < 60_000, 'a date is seconds since 1970')
  const bytes = Uint8Array.from([0, 255, 10])
  await client.send(new PutSecretValueCommand({ SecretId: 'a/b', SecretBinary: bytes }))
  t.same((await read({})).SecretBinary, bytes)
  const partial = made.ARN?.slice(0, -7)
  const described = await client.send(new DescribeSecretCommand({ SecretId: partial }))
  t.match(described, { Name: 'a/b', Description: 'd', Tags: tags })
  t.equal(Object.keys(described.VersionIdsToStages ?? {}).length, 2, 'versions without a label are not shown')
  t.match(await read({ VersionId: made.VersionId }), { SecretString: value }, 'but can be read')
  t.notMatch(JSON.stringify(emulator.log), value, 'the log has no value')
  t.equal(emulator.log.filter(({ operation }) => operation === 'GetSecretValue').length, 5)
})

t.test('a deleted secret keeps its name until its window is over, and can be restored before', async (t) => {
  const { emulator, client } = await scene(t)
  const create = () => client.send(new CreateSecretCommand({ Name: 'n', SecretString: value }))
  const remove = (input: object) => client.send(new DeleteSecretCommand({ SecretId: 'n', ...input }))
  const first = await create()
  for (const days of [6, 31])
    t.type(await errorOf(remove({ RecoveryWindowInDays: days })), InvalidParameterException)
  const both = remove({ RecoveryWindowInDays: 7, ForceDeleteWithoutRecovery: true })
  t.type(await errorOf(both), InvalidParameterException)
  const { DeletionDate: due } = await remove({ RecoveryWindowInDays: 7 })
  t.ok(Math.abs((due?.getTime() ?? 0) - Date.now() - 7 * dayMs) < 60_000)
  t.type(await errorOf(create()), InvalidRequestException)
  t.type(await errorOf(remove({})), InvalidRequestException)
  t.type(await errorOf(client.send(new GetSecretValueCommand({ SecretId: 'n' }))), InvalidRequestException)
  const described = await client.send(new DescribeSecretCommand({ SecretId: 'n' }))
  t.same(described.DeletedDate, due)
  await client.send(new RestoreSecretCommand({ SecretId: 'n' }))
  t.match(await client.send(new GetSecretValueCommand({ SecretId: 'n' })), { SecretString: value })
  await remove({ RecoveryWindowInDays: 7 })
  emulator.settings.nowMs = () => Date.now() + 7 * dayMs
  // A client of that day: its clock goes with the one of the service.
  client.config.systemClockOffset = 7 * dayMs
  const second = await client.send(new CreateSecretCommand({ Name: 'n', SecretString: 'x' }))
  t.not(second.ARN, first.ARN, 'a name that is free again gets another suffix')
  await client.send(new DeleteSecretCommand({ SecretId: 'n', ForceDeleteWithoutRecovery: true }))
  const gone = client.send(new GetSecretValueCommand({ SecretId: second.ARN }))
  t.type(await errorOf(gone), ResourceNotFoundException)
  const again = new DeleteSecretCommand({ SecretId: 'n', ForceDeleteWithoutRecovery: true })
  await t.resolves(client.send(again), 'to force away what is gone is no error')
  t.type(await errorOf(client.send(new DeleteSecretCommand({ SecretId: 'n' }))), ResourceNotFoundException)
})

t.test('a token makes a write happen once, and never stands for another value', async (t) => {
  const { emulator, client } = await scene(t)
  const ClientRequestToken = randomUUID()
  const create = (SecretString: string) =>
    client.send(new CreateSecretCommand({ Name: 'n', SecretString, ClientRequestToken }))
  const made = await create(value)
  t.same((await create(value)).ARN, made.ARN)
  t.type(await errorOf(create('other')), ResourceExistsException)
  const fresh = client.send(new CreateSecretCommand({ Name: 'n', SecretString: value }))
  t.type(await errorOf(fresh), ResourceExistsException, 'the name is taken for any other token')
  const token = randomUUID()
  const put = (SecretString: string) =>
    client.send(new PutSecretValueCommand({ SecretId: 'n', SecretString, ClientRequestToken: token }))
  await put('two')
  await put('two')
  t.type(await errorOf(put('three')), ResourceExistsException)
  t.equal(emulator.account.secrets.get('n')?.versions.size, 2)
  t.equal(
    await raw(emulator, 'PutSecretValue', { SecretId: 'n', SecretString: 'x' }),
    'InvalidRequestException'
  )
  t.equal(await raw(emulator, 'CreateSecret', { Name: 'm', SecretString: 'x' }), 'InvalidRequestException')
})

t.test('parameters are held to their shapes, lengths and ranges', async (t) => {
  const { emulator } = await scene(t)
  const token = { ClientRequestToken: randomUUID() }
  const bad: [string, unknown, string][] = [
    ['CreateSecret', { ...token, SecretString: 'x' }, 'ValidationException'],
    ['CreateSecret', { ...token, Name: 'a b', SecretString: 'x' }, 'ValidationException'],
    ['CreateSecret', { ...token, Name: 'a'.repeat(513), SecretString: 'x' }, 'ValidationException'],
    ['CreateSecret', { ClientRequestToken: 'short', Name: 'a', SecretString: 'x' }, 'ValidationException'],
    ['CreateSecret', { ...token, Name: 'a', SecretString: 'x'.repeat(65_537) }, 'ValidationException'],
    ['CreateSecret', { ...token, Name: 'a', SecretString: '' }, 'ValidationException'],
    [
      'CreateSecret',
      { ...token, Name: 'a', SecretString: 'x', SecretBinary: 'eA==' },
      'InvalidParameterException'
    ],
    [
      'CreateSecret',
      { ...token, Name: 'a', Tags: [{ Key: 'aws:x', Value: '' }] },
      'InvalidParameterException'
    ],
    [
      'CreateSecret',
      { ...token, Name: 'a', Tags: [{ Key: 'x', Value: 'y'.repeat(257) }] },
      'ValidationException'
    ],
    ['CreateSecret', { ...token, Name: 7 }, 'SerializationException'],
    ['CreateSecret', [], 'SerializationException'],
    ['PutSecretValue', { ...token, SecretId: 'absent', SecretString: 'x' }, 'ResourceNotFoundException'],
    ['DeleteSecret', { SecretId: 'a', RecoveryWindowInDays: 7.5 }, 'SerializationException'],
    ['DeleteSecret', { SecretId: 'a', RecoveryWindowInDays: 'x' }, 'SerializationException'],
    ['ListSecrets', { MaxResults: 0 }, 'ValidationException'],
    ['ListSecrets', { MaxResults: 101 }, 'ValidationException'],
    ['ListSecrets', { Filters: [{ Key: 'size', Values: ['x'] }] }, 'ValidationException'],
    ['ListSecrets', { Filters: [{ Key: 'name', Values: [] }] }, 'InvalidParameterException'],
    ['GetSecretValue', { SecretId: 'arn:aws:s3:::x' }, 'ValidationException'],
    ['BatchGetSecretValue', { SecretIdList: ['a'] }, 'UnknownOperationException']
  ]
  for (const [operation, body, type] of bad)
    t.equal(await raw(emulator, operation, body), type, JSON.stringify(body).slice(0, 80))
})

t.test('nothing gets in without a fresh and whole signature of a known key', async (t) => {
  const { emulator, client } = await scene(t)
  const list = (client: SecretsManagerClient) => nameOf(client.send(new ListSecretsCommand({})))
  const other = (change: Partial<typeof testCredential>) =>
    official(t, emulator, { ...testCredential, ...change })
  t.equal(await list(other({ accessKeyId: 'ASIAOTHER' })), 'UnrecognizedClientException')
  t.equal(await list(other({ secretAccessKey: 'other' })), 'InvalidSignatureException')
  t.equal(await list(other({ sessionToken: 'other' })), 'UnrecognizedClientException')
  const elsewhere = official(t, emulator, testCredential, 'eu-west-1')
  t.equal(await list(elsewhere), 'InvalidSignatureException')
  for (const [skewMs, expected] of [
    [4 * 60_000, 'ok'],
    [6 * 60_000, 'InvalidSignatureException'],
    [-6 * 60_000, 'InvalidSignatureException']
  ] as const) {
    emulator.settings.nowMs = () => Date.now() + skewMs
    t.equal(await raw(emulator, 'ListSecrets', {}), expected, `${skewMs} ms of skew`)
  }
  emulator.settings.nowMs = Date.now
  const changes: Record<string, string>[] = [
    { 'x-amz-target': 'secretsmanager.GetSecretValue' },
    { body: '{"MaxResults":1}' },
    { 'x-amz-security-token': 'other' },
    { 'x-amz-date': '20260101T000000Z' },
    { 'x-amz-unsigned': 'x' },
    { authorization: 'AWS4-HMAC-SHA256 Credential=x' }
  ]
  for (const change of changes)
    t.match(await raw(emulator, 'ListSecrets', {}, change), /Signature/, Object.keys(change).join())
  emulator.settings.credentials = [{ ...testCredential, expiresMs: Date.now() - 1 }]
  t.equal(await list(client), 'ExpiredTokenException')
  t.notOk(emulator.log.some(({ outcome, accessKeyId }) => outcome === 'ok' && accessKeyId === null))
})

t.test('labels move as documented and stay within their number, versions within theirs', async (t) => {
  const { emulator, client } = await scene(t)
  const made = await client.send(new CreateSecretCommand({ Name: 'n', SecretString: '0' }))
  const put = (input: object) =>
    client.send(new PutSecretValueCommand({ SecretId: 'n', SecretString: 'x', ...input }))
  const pending = await put({ VersionStages: ['AWSPENDING'] })
  t.match(await client.send(new GetSecretValueCommand({ SecretId: 'n' })), { VersionId: made.VersionId })
  const move = (input: object) =>
    client.send(new UpdateSecretVersionStageCommand({ SecretId: 'n', VersionStage: 'AWSCURRENT', ...input }))
  const MoveToVersionId = pending.VersionId
  t.type(await errorOf(move({ MoveToVersionId })), InvalidParameterException)
  t.type(await errorOf(move({ RemoveFromVersionId: made.VersionId })), InvalidParameterException)
  await move({ MoveToVersionId, RemoveFromVersionId: made.VersionId })
  const before = await client.send(new GetSecretValueCommand({ SecretId: 'n', VersionStage: 'AWSPREVIOUS' }))
  t.equal(before.VersionId, made.VersionId)
  const mismatch = client.send(
    new GetSecretValueCommand({ SecretId: 'n', VersionId: made.VersionId, VersionStage: 'AWSCURRENT' })
  )
  t.type(await errorOf(mismatch), InvalidRequestException)
  const labels = Array.from({ length: 18 }, (_, at) => `l${at}`)
  t.type(await errorOf(put({ VersionStages: labels })), LimitExceededException)
  await put({ VersionStages: labels.slice(0, 17) })
  emulator.seed({ Name: 'many', SecretString: '0', ClientRequestToken: randomUUID() })
  const many = () => client.send(new PutSecretValueCommand({ SecretId: 'many', SecretString: 'x' }))
  const second = await many()
  for (let version = 2; version < 100; version++) await many()
  t.type(await errorOf(many()), LimitExceededException, 'a version of today is never dropped')
  emulator.settings.nowMs = () => Date.now() + dayMs
  client.config.systemClockOffset = dayMs
  await many()
  t.equal(emulator.account.secrets.get('many')?.versions.size, 100)
  await many()
  const lost = client.send(new GetSecretValueCommand({ SecretId: 'many', VersionId: second.VersionId }))
  t.type(await errorOf(lost), ResourceNotFoundException, 'the oldest without a label is dropped')
})

t.test('pages hold every secret once, and a cursor is good for its own question only', async (t) => {
  const { emulator, client } = await scene(t)
  for (let at = 0; at < 250; at++)
    emulator.seed({
      Name: `${at % 2 ? 'odd' : 'even'}/${at}`,
      SecretString: 'x',
      ClientRequestToken: randomUUID(),
      ...(at === 7 ? { Description: 'Stripe checkout', Tags: [{ Key: 'team', Value: 'pay' }] } : {})
    })
  const list = (input: object) => client.send(new ListSecretsCommand(input))
  const names: string[] = []
  let NextToken: string | undefined
  do {
    const page = await list({ MaxResults: 100, NextToken })
    names.push(...(page.SecretList ?? []).map(({ Name = '' }) => Name))
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  t.equal(new Set(names).size, 250)
  t.equal(names.length, 250)
  const first = await list({ MaxResults: 10 })
  t.type(await errorOf(list({ NextToken: `${first.NextToken}x` })), InvalidNextTokenException)
  const odd = [{ Key: 'name' as const, Values: ['odd/'] }]
  t.type(await errorOf(list({ NextToken: first.NextToken, Filters: odd })), InvalidNextTokenException)
  const count = async (Key: string, ...Values: string[]) =>
    (await list({ MaxResults: 100, Filters: [{ Key, Values }] })).SecretList?.length
  t.equal(await count('name', 'odd/24'), 5)
  t.equal(await count('name', 'Odd/24'), 0, 'names keep their case')
  t.equal(await count('name', '!odd/', '!even/'), 100, 'one of several values is enough')
  t.equal(await count('description', 'stripe'), 1, 'descriptions do not')
  t.equal(await count('tag-value', 'pay'), 1)
  t.equal(await count('all', 'checkout'), 1)
  emulator.settings.listLagMs = 60_000
  t.same((await list({})).SecretList, [], 'an inventory may be behind')
})

t.test('throttling, broken answers and broken sockets reach the official client as such', async (t) => {
  const { emulator, client } = await scene(t)
  const list = () =>
    nameOf(client.send(new ListSecretsCommand({}), { abortSignal: AbortSignal.timeout(2_000) }))
  const expected = [
    ['throttle', /ThrottlingException/],
    ['internal_error', /InternalServiceError/],
    ['reset', /Error/],
    ['truncate', /Error/],
    ['wrong_json', /SyntaxError/],
    ['html', /Error/],
    ['redirect', /Error|Unknown/]
  ] as const
  for (const [effect, name] of expected) {
    emulator.faults.add({ effect })
    t.match(await list(), name, effect)
  }
  emulator.faults.add({ effect: 'hang' })
  const hung = client.send(new ListSecretsCommand({}), { abortSignal: AbortSignal.timeout(50) })
  t.equal(await nameOf(hung), 'AbortError')
  emulator.faults.add({ effect: 'slow' })
  await t.resolves(client.send(new ListSecretsCommand({})), 'a slow answer is an answer')
  emulator.settings.requestsPerSecondMax = 0
  t.equal(await list(), 'ThrottlingException')
  emulator.settings.requestsPerSecondMax = 100
  emulator.faults.add({ effect: 'reset', operation: 'CreateSecret', applied: true })
  await errorOf(client.send(new CreateSecretCommand({ Name: 'n', SecretString: value })))
  t.equal(emulator.account.secrets.has('n'), true, 'the effect may be there without an answer')
})

/** The policy that operators are told to attach, with a line left out or added. */
function documented({ without = '', deny = [] as Statement[] } = {}): Policy {
  const secrets = ['CreateSecret', 'PutSecretValue', 'GetSecretValue', 'DeleteSecret', 'TagResource']
  const keys = ['Encrypt', 'Decrypt', 'GenerateDataKey', 'DescribeKey'].map((name) => `kms:${name}`)
  const left = (actions: string[]) => actions.filter((action) => action !== without)
  const named = secrets.map((name) => `secretsmanager:${name}`)
  return {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: left(named), Resource: secretsArn },
      { Effect: 'Allow', Action: left(keys), Resource: keyArn },
      { Effect: 'Allow', Action: left(['secretsmanager:ListSecrets']), Resource: '*' },
      ...deny
    ]
  }
}

t.test('each permission of the documented policy is needed, by the calls that need it', async (t) => {
  const { emulator, client } = await scene(t)
  emulator.account.keys.set(keyArn, 'enabled')
  const all = async (Name: string) => {
    const Tags = [{ Key: 'k', Value: 'v' }]
    const create = { Name, SecretString: value, KmsKeyId: keyArn }
    const outcomes = [
      await nameOf(client.send(new CreateSecretCommand({ ...create, Tags }))),
      await nameOf(client.send(new CreateSecretCommand({ ...create, Name: `${Name}/untagged` }))),
      await nameOf(client.send(new PutSecretValueCommand({ SecretId: Name, SecretString: 'x' }))),
      await nameOf(client.send(new GetSecretValueCommand({ SecretId: Name }))),
      await nameOf(client.send(new DeleteSecretCommand({ SecretId: Name }))),
      await nameOf(client.send(new ListSecretsCommand({})))
    ]
    return outcomes.map((outcome) =>
      outcome === 'AccessDeniedException' ? '-' : outcome === 'Error' ? '+' : '0'
    )
  }
  const table = {
    '': '++++++',
    'secretsmanager:CreateSecret': '--000+',
    'secretsmanager:TagResource': '-+000+',
    'secretsmanager:PutSecretValue': '++-+++',
    'secretsmanager:GetSecretValue': '+++-++',
    'secretsmanager:DeleteSecret': '++++-+',
    'secretsmanager:ListSecrets': '+++++-',
    'kms:GenerateDataKey': '--000+',
    'kms:Decrypt': '--000+',
    'kms:Encrypt': '++++++'
  }
  for (const [without, expected] of Object.entries(table)) {
    emulator.settings.policy = documented({ without })
    t.equal(
      (await all(`paperclip/prod/${without.replace(':', '-')}x`)).join(''),
      expected,
      `without ${without}`
    )
  }
  emulator.settings.policy = documented()
  t.equal((await all('other/x')).join(''), '-----+', 'outside the prefix nothing is allowed')
  const denyRead = { Effect: 'Deny', Action: 'secretsmanager:Get*', Resource: '*' } as const
  emulator.settings.policy = documented({ deny: [denyRead] })
  t.equal((await all('paperclip/prod/denied')).join(''), '+++-++', 'a denial wins')
  const tag = new TagResourceCommand({ SecretId: 'other/x', Tags: [{ Key: 'k', Value: 'v' }] })
  t.equal(await nameOf(client.send(tag)), 'AccessDeniedException')
})

t.test('a key that is not in order fails writes and reads, each with its own error', async (t) => {
  const { emulator, client } = await scene(t)
  emulator.account.keys.set(keyArn, 'enabled')
  const create = (Name: string, KmsKeyId: string) =>
    client.send(new CreateSecretCommand({ Name, SecretString: value, KmsKeyId }))
  await create('n', keyArn)
  for (const state of ['disabled', 'pending_deletion'] as const) {
    emulator.account.keys.set(keyArn, state)
    t.type(await errorOf(create(state, keyArn)), EncryptionFailure)
    t.type(await errorOf(client.send(new GetSecretValueCommand({ SecretId: 'n' }))), DecryptionFailure)
    const put = client.send(new PutSecretValueCommand({ SecretId: 'n', SecretString: 'x' }))
    t.type(await errorOf(put), EncryptionFailure)
  }
  t.type(await errorOf(create('absent', 'no-such-key')), EncryptionFailure)
})
