import { readdirSync, readFileSync } from 'node:fs'
import { newId } from '@paperclip/contracts'
import t from 'tap'
import type { RemoteStorage } from '../src/provider/remote-storage.js'
import { testCredential } from './emulator/emulator.js'
import type { Policy, Statement } from './emulator/iam-policy.js'
import { startSecretsWithAws } from './support/aws-app.js'
import { adminSession, createSecret, putEnv, resolve, rotate } from './support/fixtures.js'
import { operator, run, secretsDatabase } from './support/secrets-app.js'

// The policies that operators are told to use, as they stand in deploy/aws.md's folder.
const folder = new URL('../../../../deploy/aws/', import.meta.url)
const documents = readdirSync(folder).filter((name) => name.endsWith('.json'))
const accountId = '123456789012'
const filledIn = {
  REGION: 'us-east-1',
  ACCOUNT_ID: accountId,
  DEPLOYMENT_ID: 'test-1',
  EXTERNAL_KEY_ID: '99999999-2222-3333-4444-555555555555',
  KMS_KEY_ID: '11111111-2222-3333-4444-555555555555',
  EXTERNAL_PREFIX: 'shared'
}
const keyArn = `arn:aws:kms:us-east-1:${accountId}:key/${filledIn.KMS_KEY_ID}`
const aws = { provider: 'aws_secrets_manager' }
const secretText = 'canary-93aa-value'

/** The statements of some documents, with an operator's names for the placeholders. */
function policyOf(...names: string[]): Policy {
  const read = (name: string) => readFileSync(new URL(`${name}.json`, folder), 'utf8')
  const fill = (text: string) =>
    Object.entries(filledIn).reduce((filled, [name, value]) => filled.replaceAll(name, value), text)
  return { Statement: names.flatMap((name) => (JSON.parse(fill(read(name))) as Policy).Statement) }
}

const listOf = (statement: Statement) => [statement.Action].flat()

function without(policy: Policy, action: string): Policy {
  const left = policy.Statement.map((statement) => ({
    ...statement,
    Action: listOf(statement).filter((one) => one !== action)
  }))
  return { Statement: left.filter(({ Action }) => Action.length > 0) }
}

const database = await secretsDatabase(t)
const sql = await adminSession(t, database)
const { app, emulator } = await startSecretsWithAws(t, database, {
  env: { PAPERCLIP_SECRETS_AWS_KMS_KEY_ID: keyArn, PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES: 'shared' },
  load: async () => ({ ...testCredential, expiration: new Date(Date.now() + 3_600_000) })
})
emulator.account.keys.set(keyArn, 'enabled')
const managed = policyOf('managed')

const post = (companyId: string, body: object) =>
  app.send(operator(), 'POST', `/companies/${companyId}/secrets`, { ...aws, ...body })
const tryRotate = (id: string) => app.send(operator(), 'POST', `/secrets/${id}/rotate`, { value: secretText })

function storage(): RemoteStorage {
  const found = app.deps.providers.find('aws_secrets_manager')?.storage
  if (found?.kind !== 'remote') throw new Error('the provider keeps nothing remotely')
  return found
}

/** A secret of a new company, bound to an agent. */
async function boundSecret() {
  emulator.settings.policy = managed
  const [companyId, agentId] = [newId(), newId()]
  const { id } = await createSecret(app, companyId, { ...aws, name: 'Key', value: secretText })
  const selected = { type: 'secret_ref', secretId: id, version: 'latest' }
  await putEnv(app, { companyId, agentId }, { KEY: selected })
  const [row] = await sql<{ arn: string }>('select external_ref as arn from company_secrets where id = $1', [
    id
  ])
  return { companyId, agentId, id, arn: row?.arn ?? '' }
}

async function healthOf(companyId: string) {
  const { body } = await app.send(operator(), 'GET', `/companies/${companyId}/secret-providers/health`)
  return body.providers.find(({ provider }: { provider: string }) => provider === aws.provider)
}

t.test('the documents name single actions, and only the inventory is about everything', (t) => {
  t.same(documents.sort(), ['external-read.json', 'import-inventory.json', 'managed.json', 'restore.json'])
  for (const document of documents) {
    const { Statement } = policyOf(document.replace('.json', ''))
    for (const statement of Statement) {
      for (const action of listOf(statement)) t.match(action, /^(?:secretsmanager|kms):[A-Za-z]+$/)
      t.equal(statement.Effect, 'Allow')
      t.notMatch(JSON.stringify(statement), /[A-Z]{3,}_[A-Z]/, 'every placeholder is one that is filled in')
      if (statement.Resource === '*') t.same(listOf(statement), ['secretsmanager:ListSecrets'])
    }
  }
  t.end()
})

t.test('with the least policy a value is written, rotated, read, pinned and deleted', async (t) => {
  const { companyId, agentId, id, arn } = await boundSecret()
  await rotate(app, id, 'second')
  t.match(await resolve(app, { companyId, agentId }), { status: 200, body: { env: { KEY: 'second' } } })
  await putEnv(app, { companyId, agentId }, { KEY: { type: 'secret_ref', secretId: id, version: 1 } })
  t.match(await resolve(app, { companyId, agentId }), { status: 200, body: { env: { KEY: secretText } } })
  t.match(await healthOf(companyId), { status: 'ok', details: { kmsKeyConfigured: true } })
  const remote = emulator.account.secrets.get(`paperclip/test-1/${companyId}/key`)
  t.match(remote, { keyId: keyArn })
  t.equal(remote?.tags.size, 6)
  const gone = await app.send(operator(), 'DELETE', `/secrets/${id}?force=true`)
  t.match(gone, { status: 200, body: { remote: 'scheduled' } })
  t.equal(emulator.log.at(-1)?.secretId, arn, 'by its full name')
})

t.test('without one of its permissions the error names that one, and no ARN', async (t) => {
  const texts: string[] = []
  const lacks = (action: string) => {
    emulator.settings.policy = without(managed, action)
  }
  const expectNamed = (answer: { status: number; text: string; body: unknown }, action: string) => {
    t.match(answer, { status: 502, body: { code: 'provider_access_denied' } }, action)
    t.ok(answer.text.includes(action), `${action} is named`)
    texts.push(answer.text)
  }
  for (const action of ['secretsmanager:CreateSecret', 'kms:GenerateDataKey', 'kms:Decrypt']) {
    lacks(action)
    const companyId = newId()
    expectNamed(await post(companyId, { name: 'Key', value: secretText }), action)
    t.same((await app.send(operator(), 'GET', `/companies/${companyId}/secrets`)).body, [], 'nothing is left')
  }
  const { companyId, agentId, id, arn } = await boundSecret()
  for (const action of ['secretsmanager:PutSecretValue', 'kms:GenerateDataKey']) {
    lacks(action)
    expectNamed(await tryRotate(id), action)
  }
  for (const action of ['secretsmanager:GetSecretValue', 'kms:Decrypt']) {
    lacks(action)
    expectNamed(await resolve(app, { companyId, agentId }), action)
    const reveal = app.send(run(companyId, agentId), 'POST', '/agents/me/secrets/key/value')
    expectNamed(await reveal, action)
  }
  lacks('secretsmanager:GetSecretValue')
  const health = await healthOf(companyId)
  t.match(health, { status: 'error', warnings: [/secretsmanager:GetSecretValue/] })
  lacks('secretsmanager:DeleteSecret')
  await t.rejects(storage().delete({ externalRef: arn, deadlineMs: 5_000 }), {
    code: 'provider_access_denied',
    message: /secretsmanager:DeleteSecret/
  })
  const gone = await app.send(operator(), 'DELETE', `/secrets/${id}?force=true`)
  t.match(gone, { status: 200, body: { remote: 'pending' } }, 'which goes on when the permission is there')
  for (const text of [...texts, JSON.stringify(health), app.logs()])
    t.notMatch(text, /arn:aws|assumed-role|123456789012|canary-93aa-value/)
})

t.test('without TagResource values are kept all the same, and health names the permission', async (t) => {
  emulator.settings.policy = without(managed, 'secretsmanager:TagResource')
  const companyId = newId()
  t.equal((await post(companyId, { name: 'Key', value: secretText })).status, 201)
  t.match(await healthOf(companyId), { status: 'warn', warnings: [/secretsmanager:TagResource/] })
  emulator.settings.policy = managed
  t.equal((await post(companyId, { name: 'Other', value: secretText })).status, 201)
  t.match(await healthOf(companyId), { status: 'ok' })
})

t.test('what others keep is read by the policy for it, and neither listed nor written', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  const externalKey = keyArn.replace(filledIn.KMS_KEY_ID, filledIn.EXTERNAL_KEY_ID)
  emulator.account.keys.set(externalKey, 'enabled')
  const seed = {
    Name: 'shared/stripe',
    ClientRequestToken: newId(),
    SecretString: 'theirs',
    KmsKeyId: externalKey
  }
  emulator.seed(seed)
  const linked = { name: 'Stripe', managedMode: 'external_reference', externalRef: 'shared/stripe' }
  emulator.settings.policy = managed
  const { id } = (await post(companyId, linked)).body
  await putEnv(app, { companyId, agentId }, { KEY: { type: 'secret_ref', secretId: id, version: 'latest' } })
  t.match(await resolve(app, { companyId, agentId }), { status: 502 }, 'the managed policy is not enough')
  emulator.settings.policy = policyOf('managed', 'external-read')
  t.match(await resolve(app, { companyId, agentId }), { status: 200, body: { env: { KEY: 'theirs' } } })
  const preview = () =>
    app.send(operator(), 'POST', `/companies/${companyId}/secret-provider-configs/discovery/preview`, {
      ...aws,
      config: { region: 'us-east-1' }
    })
  const refused = await preview()
  t.match(refused, { status: 502, body: { detail: /secretsmanager:ListSecrets/ } })
  emulator.settings.policy = policyOf('import-inventory')
  t.equal((await preview()).status, 200)
})

t.test('a deletion is taken back, and its date known, by the policy for it alone', async (t) => {
  const { companyId, arn } = await boundSecret()
  const name = `paperclip/test-1/${companyId}/key`
  await storage().delete({ externalRef: arn, deadlineMs: 5_000 })
  const place = { externalRef: arn, deadlineMs: 5_000 }
  const dateOf = () => storage().findDeletionDate({ name, vault: null, deadlineMs: 5_000 })
  t.equal(await dateOf(), null)
  await t.rejects(storage().restore(place), { message: /secretsmanager:RestoreSecret/ })
  emulator.settings.policy = policyOf('managed', 'restore')
  t.match(await dateOf(), Date)
  await storage().restore(place)
  t.equal(emulator.account.secrets.get(name)?.deletion, null)
})
