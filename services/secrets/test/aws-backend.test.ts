import { newId } from '@paperclip/contracts'
import type { Teardown } from '@paperclip/testing'
import t from 'tap'
import { testCredential } from './emulator/emulator.js'
import type { FaultEffect } from './emulator/emulator-faults.js'
import { allowAll, type Policy } from './emulator/iam-policy.js'
import { type AwsAppOptions, startSecretsWithAws } from './support/aws-app.js'
import { adminSession, createSecret } from './support/fixtures.js'
import { member, operator, type SecretsApp, secretsDatabase } from './support/secrets-app.js'
import { createVault } from './support/vaults.js'

const database = await secretsDatabase(t)
const sql = await adminSession(t, database)
const accountId = '123456789012'
const canary = 'canary-51c3-value'
const vaultConfig = { region: 'us-east-1', namespace: 'n-1', secretNamePrefix: 'team' }
const everyCredential = [testCredential.secretAccessKey, testCredential.sessionToken ?? '']
const expiring = async () => ({ ...testCredential, expiration: new Date(Date.now() + 3_600_000) })

/** A deployment whose companies are walled off, and whose credentials end: nothing to warn of. */
function sound(t: Teardown, { env = {}, load = expiring }: AwsAppOptions = {}) {
  const walls = { PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES: 'shared/{companyId}/' }
  return startSecretsWithAws(t, database, { env: { ...walls, ...env }, load })
}

const shared = await sound(t)

/** The deployment that most tests look at, with nothing left of the test before. */
function calm() {
  const { account, settings, faults, log } = shared.emulator
  account.secrets.clear()
  settings.policy = allowAll
  faults.clear()
  log.length = 0
  return shared
}

/** The vault of a new company, probed. */
async function probeVault(app: SecretsApp, config: object = vaultConfig) {
  const companyId = newId()
  const { id } = await createVault(app, companyId, { provider: 'aws_secrets_manager', config })
  return { companyId, id, ...(await check(app, id)) }
}

const check = (app: SecretsApp, id: string) =>
  app.send(operator(), 'POST', `/secret-provider-configs/${id}/health`)

async function awsHealth(app: SecretsApp, companyId = newId()) {
  const path = `/companies/${companyId}/secret-providers/health`
  const { body } = await app.send(member(companyId, 'viewer'), 'GET', path)
  return body.providers.find(({ provider }: { provider: string }) => provider === 'aws_secrets_manager')
}

t.test(
  'a vault is probed by one read of a secret that need not be there, and the finding is kept',
  async (t) => {
    const { app, emulator } = calm()
    const { id, status, body } = await probeVault(app)
    t.equal(status, 200)
    t.match(body, { status: 'ready', details: { code: 'provider_ready', guidance: [] } })
    const facts = { region: 'us-east-1', secretNamePrefix: 'team', namespace: 'n-1', deploymentId: 'test-1' }
    t.match(body.details, { ...facts, kmsKeyConfigured: false, credentialSource: 'instance' })
    t.match(emulator.log, [{ operation: 'GetSecretValue', secretId: 'team/n-1/health-probe' }])
    t.equal(emulator.log.length, 1)
    const row = (await app.send(operator(), 'GET', `/secret-provider-configs/${id}`)).body
    t.match(row, { healthStatus: 'ready', healthDetails: body.details, healthCheckedAt: body.checkedAt })
  }
)

t.test(
  'the deployment is probed under its own prefix, and says how values come back after a loss',
  async (t) => {
    const env = { PAPERCLIP_SECRETS_AWS_KMS_KEY_ID: 'alias/paperclip', PAPERCLIP_SECRETS_AWS_PREFIX: 'pc' }
    const { app, emulator } = await sound(t, { env })
    const found = await awsHealth(app)
    t.match(found, {
      status: 'ok',
      details: { kmsKeyConfigured: true, secretNamePrefix: 'pc', namespace: 'test-1' }
    })
    t.match(found.backupGuidance, [/copy of the database holds/, /KMS key/, /restore/])
    t.equal(found.warnings, undefined)
    t.match(emulator.log, [{ operation: 'GetSecretValue', secretId: 'pc/test-1/health-probe' }])
    const list = await app.send(operator(), 'GET', `/companies/${newId()}/secret-providers`)
    t.match(list.body[1], { id: 'aws_secrets_manager', configured: true, supportsExternalReferences: true })
  }
)

t.test('a value that lies there is neither shown nor logged, and one about to go is no error', async (t) => {
  const { app, emulator } = calm()
  emulator.seed({
    Name: 'team/n-1/health-probe',
    ClientRequestToken: newId(),
    SecretString: canary
  })
  const { id, body, text } = await probeVault(app)
  t.equal(body.status, 'ready')
  t.notMatch(text + app.logs(), canary)
  const secret = emulator.account.secrets.get('team/n-1/health-probe')
  if (secret !== undefined) secret.deletion = { askedMs: Date.now(), dueMs: Date.now() + 86_400_000 }
  t.match((await check(app, id)).body, { status: 'ready' })
  t.match(emulator.log.at(-1), { outcome: 'InvalidRequestException' })
})

t.test('what AWS refuses is told by what is to be done, and by nothing that AWS says', async (t) => {
  const { app, emulator } = calm()
  const keyArn = `arn:aws:kms:us-east-1:${accountId}:key/11111111-2222-3333-4444-555555555555`
  emulator.account.keys.set(keyArn, 'enabled')
  const named = { Name: 'team/keyed/health-probe', ClientRequestToken: newId(), SecretString: canary }
  emulator.seed({ ...named, KmsKeyId: keyArn })
  const everything = { Effect: 'Allow', Action: '*', Resource: '*' } as const
  const without = (action: string): Policy => ({
    Statement: [everything, { Effect: 'Deny', Action: action, Resource: '*' }]
  })
  const keyed = { ...vaultConfig, namespace: 'keyed' }
  const cases: [string, Policy, object, RegExp][] = [
    [
      'provider_access_denied',
      without('secretsmanager:GetSecretValue'),
      vaultConfig,
      /secretsmanager:GetSecretValue/
    ],
    ['provider_access_denied', without('kms:Decrypt'), keyed, /kms:Decrypt/]
  ]
  for (const [code, policy, config, guidance] of cases) {
    emulator.settings.policy = policy
    const { body, text } = await probeVault(app, config)
    t.match(body, {
      status: 'error',
      details: { code, guidance: [guidance, /deploy\/aws\.md/, /company_secrets/] }
    })
    t.notMatch(text, /arn:|assumed-role|123456789012/)
  }
  emulator.settings.policy = allowAll
  emulator.account.keys.set(keyArn, 'disabled')
  t.match((await probeVault(app, keyed)).body, { status: 'error', details: { code: 'provider_rejected' } })
  const faults: [FaultEffect, string][] = [
    ['throttle', 'provider_throttled'],
    ['html', 'provider_unavailable'],
    ['internal_error', 'provider_unavailable'],
    ['redirect', 'provider_unavailable']
  ]
  for (const [effect, code] of faults) {
    emulator.faults.add({ effect, times: 3 })
    const { body } = await probeVault(app)
    t.match(body, { status: 'error', details: { code, guidance: [String] } }, effect)
    emulator.faults.clear()
  }
  t.notMatch(app.logs(), /arn:|assumed-role/)
  t.notMatch(app.logs(), canary)
})

t.test('a provider that hangs is an error within five seconds', async (t) => {
  const { app, emulator } = calm()
  emulator.faults.add({ effect: 'hang', times: 9 })
  const startedMs = performance.now()
  const { body } = await probeVault(app)
  t.match(body, { status: 'error', details: { code: 'provider_unavailable' } })
  t.ok(performance.now() - startedMs < 5_000)
})

t.test('credentials that are missing, or that AWS does not know, are told apart', async (t) => {
  const none = await sound(t, { load: () => Promise.reject(new Error(canary)) })
  const missing = await probeVault(none.app)
  t.match(missing.body, {
    status: 'error',
    details: { code: 'credentials_missing', guidance: [/AWS_PROFILE/, /company_secrets/] }
  })
  t.same(none.emulator.log, [])
  const secretAccessKey = 'another-key-than-the-one-that-is-known'
  const bad = await sound(t, { load: async () => ({ ...testCredential, secretAccessKey }) })
  const refused = await probeVault(bad.app)
  t.match(refused.body, { status: 'error', details: { code: 'credentials_refused', guidance: [/clock/] } })
  for (const secret of [...everyCredential, secretAccessKey, canary])
    t.notOk((missing.text + refused.text + none.app.logs() + bad.app.logs()).includes(secret))
})

t.test(
  'a deployment that says too little is told which variables are missing, and nothing is asked',
  async (t) => {
    const env = { PAPERCLIP_SECRETS_AWS_REGION: undefined, PAPERCLIP_SECRETS_AWS_DEPLOYMENT_ID: undefined }
    const { app, emulator } = await sound(t, { env })
    const missingVariables = ['PAPERCLIP_SECRETS_AWS_REGION', 'PAPERCLIP_SECRETS_AWS_DEPLOYMENT_ID']
    t.match(await awsHealth(app), {
      status: 'error',
      message: /PAPERCLIP_SECRETS_AWS_REGION and PAPERCLIP_SECRETS_AWS_DEPLOYMENT_ID/,
      warnings: [/AWS_REGION/, /DEPLOYMENT_ID/, /AWS_PROFILE/, /company_secrets/],
      details: { missingVariables }
    })
    const list = await app.send(operator(), 'GET', `/companies/${newId()}/secret-providers`)
    t.match(list.body[1], { id: 'aws_secrets_manager', configured: false })
    const { body } = await probeVault(app, { region: 'us-east-1' })
    t.match(body.details, { code: 'provider_not_configured', missingVariables: missingVariables.slice(1) })
    t.match(body.details.guidance[1], /namespace/)
    t.same(emulator.log, [])
    t.match((await probeVault(app)).body, { status: 'ready' }, 'a vault that names both needs neither')
  }
)

t.test('keys that nothing renews are a warning, wherever they were found', async (t) => {
  const { app } = await sound(t, {
    load: async () => ({ ...testCredential, $source: { CREDENTIALS_ENV_VARS: 'e' } })
  })
  const { body, text } = await probeVault(app)
  t.match(body, {
    status: 'warning',
    details: {
      code: 'lasting_credentials',
      credentialSource: 'environment',
      guidance: [/role/, /company_secrets/]
    }
  })
  for (const secret of everyCredential) t.notOk((text + app.logs()).includes(secret))
})

t.test('a vault whose newest secret got no tags is a warning until one gets them', async (t) => {
  const { app } = calm()
  const { companyId, id } = await probeVault(app)
  const made = async (tagged: boolean, vaultId: string | null) => {
    const { id: secretId } = await createSecret(app, companyId, { name: `s ${newId()}`, value: canary })
    await sql(`update company_secrets set provider = 'aws_secrets_manager' where id = $1`, [secretId])
    await sql(
      'update company_secret_versions set tagged = $2, provider_config_id = $3 where secret_id = $1',
      [secretId, tagged, vaultId]
    )
  }
  await made(true, id)
  await made(false, null)
  t.match((await check(app, id)).body, { status: 'ready' }, 'what another place refused is not its fault')
  t.match(await awsHealth(app, companyId), { status: 'warn', warnings: [/secretsmanager:TagResource/, /./] })
  await made(false, id)
  t.match((await check(app, id)).body, { status: 'warning', details: { code: 'tags_refused' } })
  await made(true, id)
  t.match((await check(app, id)).body, { status: 'ready' })
})

t.test('several companies without a limit on references are a warning', async (t) => {
  const { app } = await sound(t, { env: { PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES: undefined } })
  await createVault(app, newId())
  const { body } = await probeVault(app)
  t.match(body, {
    status: 'warning',
    details: { code: 'references_unlimited', guidance: [/EXTERNAL_PREFIXES/, /./] }
  })
})

t.test('a deletion that waits too long is a warning of its company alone', async (t) => {
  const { app } = calm()
  const companyId = newId()
  const { id } = await createSecret(app, companyId, { name: 'Gone', value: canary })
  await sql(
    `insert into remote_deletions
      (id, company_id, secret_id, provider, external_ref, remote_name, next_attempt_at, last_code, created_at)
    values ($1, $2, $3, 'aws_secrets_manager', $4, 'a/b', now() + interval '1 hour', 'provider_access_denied',
      now() - interval '1 hour')`,
    [newId(), companyId, id, `arn:aws:secretsmanager:us-east-1:${accountId}:secret:a/b-AbCdEf`]
  )
  const found = await awsHealth(app, companyId)
  t.match(found, { status: 'warn', warnings: [/1 deleted secret waits .*provider_access_denied/] })
  t.notMatch(JSON.stringify(found), /arn:/)
  t.match(await awsHealth(app), { status: 'ok' })
  await sql('update remote_deletions set done_at = now() where company_id = $1', [companyId])
})

t.test('the health of the service says in one line how AWS is set up, and what nobody limits', async (t) => {
  const kmsKey = 'alias/paperclip'
  const env = { PAPERCLIP_SECRETS_PROVIDER: 'aws_secrets_manager', PAPERCLIP_SECRETS_AWS_KMS_KEY_ID: kmsKey }
  const { app } = await sound(t, { env })
  t.match((await app.send(operator(), 'GET', '/health')).body, {
    status: 'ok',
    warnings: [],
    components: {
      provider: {
        message:
          'aws_secrets_manager: region us-east-1, names below paperclip/test-1, a KMS key of its own, credentials from instance'
      }
    }
  })
  const open = await sound(t, { env: { ...env, PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES: undefined } })
  for (const companyId of [newId(), newId()]) await createVault(open.app, companyId)
  t.match((await open.app.send(operator(), 'GET', '/health')).body, { warnings: [/EXTERNAL_PREFIXES/] })
})

t.test('discovery looks at one page of names, and at no value', async (t) => {
  const { app, emulator } = calm()
  for (const name of ['prod/app/a', 'prod/app/b', 'other/x'])
    emulator.seed({ Name: name, ClientRequestToken: newId(), SecretString: canary, Description: canary })
  const companyId = newId()
  const preview = (more: object = {}) =>
    app.send(operator(), 'POST', `/companies/${companyId}/secret-provider-configs/discovery/preview`, {
      provider: 'aws_secrets_manager',
      config: { region: 'us-east-1' },
      ...more
    })
  const { status, body, text } = await preview()
  t.equal(status, 200)
  t.same(body.candidates, [
    {
      displayName: 'prod/app · us-east-1',
      config: { region: 'us-east-1', secretNamePrefix: 'prod', namespace: 'app' },
      sampleCount: 2,
      samples: ['prod/app/a', 'prod/app/b']
    },
    {
      displayName: 'other · us-east-1',
      config: { region: 'us-east-1', secretNamePrefix: 'other' },
      sampleCount: 1,
      samples: ['other/x']
    }
  ])
  t.notMatch(text, /canary|arn:|123456789012/)
  const first = await preview({ pageSize: 2 })
  t.match(await preview({ pageSize: 2, nextToken: first.body.nextToken }), {
    status: 200,
    body: { nextToken: null, candidates: [{ sampleCount: 1 }] }
  })
  t.strictSame(new Set(emulator.log.map(({ operation }) => operation)), new Set(['ListSecrets']))
  t.equal(emulator.log.length, 3)
  t.match(await preview({ nextToken: 'of-yesterday' }), {
    status: 400,
    body: { code: 'invalid_request', errors: [{ pointer: '/nextToken', message: /refresh the preview/ }] }
  })
  t.match(await preview({ query: 'a*b' }), { status: 400, body: { errors: [{ pointer: '/query' }] } })
  emulator.settings.policy = { Statement: [] }
  const refused = await preview()
  t.match(refused, {
    status: 502,
    body: { code: 'provider_access_denied', detail: /secretsmanager:ListSecrets/ }
  })
  t.notMatch(refused.text + app.logs(), /arn:|assumed-role/)
  t.notOk((refused.text + app.logs()).includes(canary))
})
