import { ConfigError } from '@paperclip/server'
import t from 'tap'
import { loadConfig } from '../src/config.js'
import { findRegion } from '../src/provider/aws/aws-partition.js'
import { placeOf } from '../src/provider/aws/aws-place.js'
import { masterKey } from './support/secrets-app.js'

const family = 'PAPERCLIP_SECRETS_AWS_'
const keyArn = 'arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555'
const base = { DATABASE_URL: 'postgres://u@localhost/d', PAPERCLIP_SECRETS_MASTER_KEY: masterKey }

function load(variables: Record<string, string>, others: Record<string, string> = {}) {
  const named = Object.entries(variables).map(([name, text]) => [family + name, text])
  return loadConfig({ ...base, ...Object.fromEntries(named), ...others }).config.aws
}

/** What a start is refused with. */
function refusalOf(
  variables: Record<string, string>,
  others: Record<string, string> = {}
): readonly string[] {
  try {
    load(variables, others)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.faults
    throw error
  }
}

/** The variables that a start is refused for. */
function faultsOf(variables: Record<string, string>, others: Record<string, string> = {}): string[] {
  return refusalOf(variables, others).map((fault) => fault.split(' ')[0] ?? '')
}

const names = (...short: string[]) => short.map((name) => family + name)
const asDefault = { PAPERCLIP_SECRETS_PROVIDER: 'aws_secrets_manager' }

t.test('a deployment that says nothing of AWS starts, with the documented defaults', async (t) => {
  t.strictSame(load({}), {
    region: null,
    deploymentId: null,
    kmsKeyId: null,
    prefix: 'paperclip',
    environment: null,
    providerOwner: 'paperclip',
    endpoint: null,
    deleteRecoveryDays: 30,
    externalPrefixes: null
  })
  t.strictSame(load({ REGION: ' ', PREFIX: '', EXTERNAL_PREFIXES: ' ' }), load({}), 'blank counts as unset')
})

t.test('every setting is read, and nothing of it is changed afterwards', async (t) => {
  const settings = load({
    REGION: 'us-east-1',
    DEPLOYMENT_ID: 'prod/us-1',
    KMS_KEY_ID: keyArn,
    PREFIX: 'acme/paperclip',
    ENVIRONMENT: 'production: 1',
    PROVIDER_OWNER: 'Plattform-Team Ü',
    ENDPOINT: 'https://vpce.example',
    DELETE_RECOVERY_DAYS: '7',
    EXTERNAL_PREFIXES: 'shared/, /teams/{companyId}/ ,legacy'
  })
  t.strictSame(
    { ...settings, endpoint: settings.endpoint?.href },
    {
      region: findRegion('us-east-1'),
      deploymentId: 'prod/us-1',
      kmsKeyId: keyArn,
      prefix: 'acme/paperclip',
      environment: 'production: 1',
      providerOwner: 'Plattform-Team Ü',
      endpoint: 'https://vpce.example/',
      deleteRecoveryDays: 7,
      externalPrefixes: ['shared', 'teams/{companyId}', 'legacy']
    }
  )
  t.ok(Object.isFrozen(settings) && Object.isFrozen(settings.externalPrefixes))
})

t.test('a start names every bad variable at once, and never what it holds', async (t) => {
  const canary = 'canary-4a1b'
  const bad = {
    REGION: `${canary}-1`,
    DEPLOYMENT_ID: `${canary}//x`,
    KMS_KEY_ID: `${canary} key`,
    PREFIX: `/${canary}`,
    ENVIRONMENT: `${canary}<>`,
    PROVIDER_OWNER: `${canary}\u0007`,
    ENDPOINT: `http://user:${canary}@aws.example/`,
    DELETE_RECOVERY_DAYS: `${canary}`,
    EXTERNAL_PREFIXES: `${canary},,x`
  }
  t.strictSame(new Set(faultsOf(bad)), new Set(names(...Object.keys(bad))))
  t.notOk(refusalOf(bad).join().includes(canary))
})

t.test('a recovery window is a whole number of days that AWS takes, and nothing is rounded', async (t) => {
  for (const days of ['6', '31', '7.5', 'x', '-7', '0', '1e1', '0x10', '٧', '30 days', '007', '7,5', 'NaN'])
    t.strictSame(faultsOf({ DELETE_RECOVERY_DAYS: days }), names('DELETE_RECOVERY_DAYS'), days)
  for (const days of ['7', '08', '30'])
    t.equal(load({ DELETE_RECOVERY_DAYS: days }).deleteRecoveryDays, Number(days))
})

t.test('a key of KMS is one of the region it is used in, as in vaults', async (t) => {
  const good = ['alias/paperclip', 'mrk-0123456789abcdef0123456789abcdef', keyArn]
  for (const KMS_KEY_ID of good) t.strictSame(faultsOf({ REGION: 'us-east-1', KMS_KEY_ID }), [])
  const bad = [
    keyArn.replace('us-east-1', 'eu-west-1'),
    keyArn.replace('arn:aws:', 'arn:aws-cn:'),
    keyArn.replace(':kms:', ':s3:'),
    'key',
    'AKIAABCDEFGHIJKLMNOP'
  ]
  for (const KMS_KEY_ID of bad)
    t.strictSame(faultsOf({ REGION: 'us-east-1', KMS_KEY_ID }), names('KMS_KEY_ID'))
  t.strictSame(faultsOf({ KMS_KEY_ID: keyArn }), names('KMS_KEY_ID'), 'a key without a region fits nothing')
  t.strictSame(faultsOf({ REGION: 'x', KMS_KEY_ID: keyArn }), names('REGION'), 'one fault is told once')
})

t.test('a credential that went astray stops the start instead of being printed', async (t) => {
  const credential = 'AKIAABCDEFGHIJKLMNOP'
  for (const name of ['DEPLOYMENT_ID', 'PREFIX', 'ENVIRONMENT', 'PROVIDER_OWNER', 'EXTERNAL_PREFIXES']) {
    t.strictSame(faultsOf({ [name]: credential }), names(name))
    t.notOk(
      refusalOf({ [name]: credential })
        .join()
        .includes(credential)
    )
  }
})

t.test('an endpoint is an https origin, or http on this machine', async (t) => {
  for (const ENDPOINT of ['https://vpce.example:8443', 'http://127.0.0.1:4566', 'http://localhost:1'])
    t.strictSame(faultsOf({ ENDPOINT }), [])
  for (const ENDPOINT of [
    'http://aws.example',
    'https://aws.example/path',
    'https://169.254.169.254',
    'aws',
    'ftp://x'
  ])
    t.strictSame(faultsOf({ ENDPOINT }), names('ENDPOINT'), ENDPOINT)
})

t.test(
  'no entry of the external prefixes allows everything, or something that no name begins with',
  async (t) => {
    for (const EXTERNAL_PREFIXES of [
      '/',
      'a,',
      ',a',
      'a,,b',
      'a//b',
      '..',
      'a/../b',
      './a',
      'a*',
      'a b',
      '{companyID}',
      '{companyId',
      'a%2Fb',
      'arn:aws:secretsmanager:us-east-1:123456789012:secret:a'
    ])
      t.strictSame(faultsOf({ EXTERNAL_PREFIXES }), names('EXTERNAL_PREFIXES'), EXTERNAL_PREFIXES)
    const many = Array.from({ length: 65 }, (_, index) => `p${index}`).join(',')
    t.strictSame(faultsOf({ EXTERNAL_PREFIXES: many }), names('EXTERNAL_PREFIXES'))
  }
)

t.test(
  'a deployment whose default provider is AWS says where, under which name and with which key',
  async (t) => {
    const all = { REGION: 'us-east-1', DEPLOYMENT_ID: 'prod', KMS_KEY_ID: keyArn }
    t.strictSame(faultsOf(all, asDefault), [])
    t.strictSame(faultsOf({}, asDefault), names(...Object.keys(all)))
    for (const missing of Object.keys(all)) {
      const { [missing as keyof typeof all]: _, ...rest } = all
      t.ok(faultsOf(rest, asDefault).includes(family + missing), missing)
      if (missing !== 'REGION') t.strictSame(faultsOf(rest), [], 'vaults can be used all the same')
    }
  }
)

t.test('a vault says where its values lie, and takes from the deployment what it leaves out', async (t) => {
  const settings = load({ REGION: 'us-east-1', DEPLOYMENT_ID: 'prod', KMS_KEY_ID: keyArn, ENVIRONMENT: 'e' })
  const own = {
    region: 'eu-west-1',
    secretNamePrefix: 'p/q',
    namespace: 'n',
    kmsKeyId: 'alias/k',
    ownerTag: 'o',
    environmentTag: 'f'
  }
  t.match(placeOf(settings, own), {
    region: { region: 'eu-west-1', partition: 'aws' },
    prefix: 'p/q',
    namespace: 'n',
    kmsKeyId: 'alias/k',
    ownerTag: 'o',
    environmentTag: 'f',
    deploymentId: 'prod'
  })
  const shared = { prefix: 'paperclip', namespace: 'prod', ownerTag: 'paperclip', environmentTag: 'e' }
  t.match(placeOf(settings, null), { ...shared, kmsKeyId: keyArn })
  t.match(placeOf(settings, { region: 'us-east-1' }), { ...shared, kmsKeyId: keyArn })
  t.match(
    placeOf(settings, { region: 'eu-west-1' }),
    { ...shared, kmsKeyId: null },
    'no key of another region'
  )
  for (const config of [null, {}, { region: 'moon-1' }])
    t.throws(() => placeOf(load({}), config), { code: 'provider_not_configured', message: /region|REGION/ })
})
