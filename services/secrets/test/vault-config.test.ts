import { newId } from '@paperclip/contracts'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { secretsDatabase, startSecrets } from './support/secrets-app.js'
import { createVault, patchVault, tryVault } from './support/vaults.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const companyId = newId()
const aws = (config: object) => ({
  provider: 'aws_secrets_manager',
  config: { region: 'us-east-1', ...config }
})
const canary = 'canary-71c0-credential'

/** Whatever a config with this in it is refused with says where, and never what. */
async function refused(t: Test, body: object, pointer: string | null): Promise<void> {
  const answer = await tryVault(app, companyId, body)
  t.match(answer, { status: 400, body: { code: 'invalid_request' } }, pointer ?? '')
  if (pointer !== null) t.equal(answer.body.errors[0].pointer, pointer)
}

t.test('each provider takes its own members and no other', async (t) => {
  const whole: Record<string, object> = {
    local_encrypted: { backupReminderAcknowledged: true },
    aws_secrets_manager: {
      region: 'us-gov-west-1',
      namespace: 'a/b',
      secretNamePrefix: 'c',
      kmsKeyId: 'alias/k'
    },
    gcp_secret_manager: {
      projectId: 'my-project-1',
      location: 'europe-west1',
      namespace: 'n',
      secretNamePrefix: 'p'
    },
    vault: {
      address: 'https://vault.example',
      namespace: 'admin/team',
      mountPath: 'kv',
      secretPathPrefix: 'a/b'
    }
  }
  for (const [provider, config] of Object.entries(whole)) {
    t.strictSame((await createVault(app, companyId, { provider, config })).config, config, provider)
    for (const [name, value] of Object.entries({
      ...whole.local_encrypted,
      region: 'us-east-1',
      projectId: 'my-project-1',
      address: 'https://v.example'
    }))
      if (!Object.hasOwn(config, name))
        await refused(t, { provider, config: { ...config, [name]: value } }, `/config/${name}`)
  }
  await refused(t, { provider: 'aws_secrets_manager' }, '/config/region')
  await refused(t, { provider: 'aws_secrets_manager', config: { namespace: 'n' } }, '/config/region')
  t.strictSame((await createVault(app, companyId, { provider: 'vault' })).config, {})
})

t.test('a region outside the partition table, and a key of elsewhere, are refused', async (t) => {
  const hostile = [
    'us-east-1.evil.example', 'us-east-1/', 'us-east-1#', 'us-east-1@evil', 'US-EAST-1', 'us-east-1 ', ' us-east-1', '',
    'us-east', 'us-east-', 'xx-east-1', 'cn-east-1a', 'localhost', '169.254.169.254', 'us-gov-1', 'us-east-1\n',
    'us-east-1\u0000', 'us‑east‑1', '../us-east-1', 'aws-global'
  ] // biome-ignore format: a list reads better packed
  for (const region of hostile) await refused(t, aws({ region }), '/config/region')
  for (const region of ['eu-central-2', 'cn-northwest-1', 'us-gov-east-1'])
    t.equal((await tryVault(app, companyId, aws({ region }))).status, 201, region)
  const arn = 'arn:aws:kms:us-east-1:123456789012:key/0f3c1e9a-1111-2222-3333-444455556666'
  const keys = [arn, arn.replace('key/', 'key/mrk-'), arn.replace(/key.*/, 'alias/a/b'), 'alias/app']
  for (const kmsKeyId of [
    ...keys,
    '0f3c1e9a-1111-2222-3333-444455556666',
    'mrk-0f3c1e9a111122223333444455556666'
  ])
    t.equal((await tryVault(app, companyId, aws({ kmsKeyId }))).status, 201, kmsKeyId)
  for (const kmsKeyId of [
    '', 'alias/', 'app', 'key/1', `${arn} `, arn.replace('us-east-1', 'us-east-2'), arn.replace('arn:aws', 'arn:aws-cn'),
    arn.replace('kms', 's3'), arn.replace('123456789012', '1'), 'https://kms.example/key', 'k'.repeat(2049)
  ]) // biome-ignore format: a list reads better packed
    await refused(t, aws({ kmsKeyId }), '/config/kmsKeyId')
})

t.test('prefixes and namespaces are plain paths, tags plain text', async (t) => {
  for (const name of ['namespace', 'secretNamePrefix'])
    for (const text of [
      '',
      '/',
      '/a',
      'a/',
      'a//b',
      'a b',
      'a\\b',
      'a%2fb',
      'ä',
      'a\n',
      'a:b',
      'x'.repeat(129),
      5,
      null
    ])
      await refused(t, aws({ [name]: text }), `/config/${name}`)
  for (const name of ['ownerTag', 'environmentTag'])
    for (const text of ['', 'a\nb', 'a<b', 'x'.repeat(257), {}, []])
      await refused(t, aws({ [name]: text }), `/config/${name}`)
})

t.test('the address of a Vault is an https origin and nothing more', async (t) => {
  const addresses: [string, string][] = [
    ['https://vault.example', 'https://vault.example'],
    ['https://vault.example/', 'https://vault.example'],
    ['HTTPS://Vault.Example:8200/', 'https://vault.example:8200'],
    ['https://vault.example:443', 'https://vault.example'],
    ['https://10.0.0.7:8200', 'https://10.0.0.7:8200'],
    ['https://[fd00::7]:8200/', 'https://[fd00::7]:8200']
  ]
  for (const [address, stored] of addresses)
    t.match(await createVault(app, companyId, { provider: 'vault', config: { address } }), {
      config: { address: stored }
    })
  for (const address of [
    'http://vault.example', 'https://user:pass@vault.example', 'https://user@vault.example', 'https://@vault.example',
    'https://:@vault.example', 'https://vault.example/v1', 'https://vault.example//', 'https://vault.example/?',
    'https://vault.example?a=b', 'https://vault.example#', 'https://vault.example/#f', 'vault.example', '//vault.example',
    'https://', 'https:///', 'https:/vault.example', 'https:\\\\vault.example', ' https://vault.example',
    'https://vault.example ', 'https://vault.example\n', 'https://vault.example:99999', 'https://vault.example:',
    'https://va ult.example', 'https://[::1', 'https://vault.example\\@evil.example', 'https://va\tult.example', 'ftp://v', ''
  ]) // biome-ignore format: a list reads better packed
    await refused(t, { provider: 'vault', config: { address } }, '/config/address')
})

t.test('a name for people is one line, not blank, and no credential', async (t) => {
  for (const displayName of ['', '   ', 'a\nb', 'x'.repeat(121), 5, null, `ghp_${'a1'.repeat(18)}`])
    await refused(t, { ...aws({}), displayName }, '/displayName')
  for (const name of ['ownerTag', 'namespace', 'secretNamePrefix'])
    await refused(t, aws({ [name]: `AKIA${'A1B2'.repeat(4)}` }), `/config/${name}`)
})

const denied = [
  'accessKeyId', 'access_key_id', 'secretAccessKey', 'secret_access_key', 'sessionToken', 'session_token', 'token',
  'password', 'passwd', 'privateKey', 'private_key', 'serviceAccountJson', 'service_account_json', 'credentials',
  'apiKey', 'api_key', 'clientSecret', 'secretId', 'roleId', 'authToken', 'bearer', 'authorization', 'keyFile',
  'AWS_SECRET_ACCESS_KEY', 'awsAccessKeyId', 'unsealKey', 'rootToken', 'vaultToken', 'passphrase', 'jwt'
] // biome-ignore format: a list reads better packed

t.test('members named like credentials are refused wherever they stand, and never echoed', async (t) => {
  const { id } = await createVault(app, companyId, aws({}))
  for (const name of denied) {
    const config = { region: 'us-east-1', [name]: canary }
    const answers = [
      await tryVault(app, companyId, { provider: 'aws_secrets_manager', config }),
      await patchVault(app, id, { config }),
      await tryVault(app, companyId, { ...aws({}), [name]: canary })
    ]
    for (const { status, text, body } of answers) {
      t.equal(status, 400, name)
      t.match(body.errors[0], { message: /is named like a credential: none is taken here$/ }, name)
      t.notMatch(text, canary)
    }
    t.equal(answers[0]?.body.errors[0].pointer, `/config/${name}`)
  }
  const plain = await tryVault(app, companyId, aws({ colour: 'blue' }))
  t.strictSame(plain.body.errors, [{ pointer: '/config/colour', message: 'is not known' }])
})

t.test('no spelling or nesting of such a member gets through (T26)', async () => {
  const secret = fc
    .uint8Array({ minLength: 8, maxLength: 20 })
    .map((bytes) => `zz${Buffer.from(bytes).toString('hex')}`)
  const spelt = fc
    .tuple(fc.constantFrom(...denied), fc.constantFrom('', '_', '-', '.', ' ', 'aws', 'X'), fc.boolean())
    .chain(([name, joint, upper]) => {
      const whole = joint + name + joint
      return fc.constant(upper ? whole.toUpperCase() : whole)
    })
  const shaped = fc.constantFrom<(name: string, value: string) => object>(
    (name, value) => ({ region: 'us-east-1', [name]: value }),
    (name, value) => ({ region: 'us-east-1', aws: { [name]: value } }),
    (name, value) => ({ region: 'us-east-1', extra: [{ [name]: value }] }),
    (name, value) => ({ region: 'us-east-1', [name]: { value } }),
    (name, value) => ({ region: { [name]: value } }),
    (name, value) => ({ region: 'us-east-1', [`${name}=${value}`]: true })
  )
  await fc.assert(
    fc.asyncProperty(spelt, secret, shaped, async (name, value, shape) => {
      const { status, text } = await tryVault(app, companyId, {
        provider: 'aws_secrets_manager',
        config: shape(name, value)
      })
      return status === 400 && !text.includes(value)
    }),
    { numRuns: 150 }
  )
})

t.test('nothing that was refused is in the log, at any level', async (t) => {
  t.match(app.logs(), 'createVault')
  t.notMatch(app.logs(), canary)
  t.notMatch(app.logs(), /zz[0-9a-f]{12}/)
  t.notMatch(app.logs(), 'user:pass')
})
