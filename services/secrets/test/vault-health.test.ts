import { newId } from '@paperclip/contracts'
import t from 'tap'
import { candidatesOf } from '../src/provider/discovery-candidates.js'
import type { ProbeResult, VaultBackend } from '../src/provider/vault-backend.js'
import { createVaultHealthService } from '../src/vault/vault-health-service.js'
import { adminSession } from './support/fixtures.js'
import { member, operator, secretsDatabase, startSecrets } from './support/secrets-app.js'
import { createVault, patchVault, vaultActivity } from './support/vaults.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const sql = await adminSession(t, database)

const check = (id: string) => app.send(operator(), 'POST', `/secret-provider-configs/${id}/health`)
const get = async (id: string) => (await app.send(operator(), 'GET', `/secret-provider-configs/${id}`)).body

t.test('a local vault is probed with the key of its company, and what was found is kept', async (t) => {
  const companyId = newId()
  const vault = await createVault(app, companyId)
  const { status, body } = await check(vault.id)
  t.equal(status, 200)
  t.strictSame(body, {
    configId: vault.id,
    provider: 'local_encrypted',
    status: 'ready',
    message: body.message,
    details: { code: 'provider_ready', message: body.message, guidance: [] },
    checkedAt: body.checkedAt
  })
  t.strictSame(await get(vault.id), {
    ...vault,
    healthStatus: 'ready',
    healthCheckedAt: body.checkedAt,
    healthMessage: body.message,
    healthDetails: body.details
  })
  t.strictSame((await vaultActivity(app, companyId))[0], [
    'secret_provider_config.health_checked',
    {
      provider: 'local_encrypted',
      displayName: 'A vault',
      status: 'ready',
      isDefault: false,
      healthStatus: 'ready'
    }
  ])
})

t.test(
  'a company whose key is gone, or does not unwrap, is an error that is kept, not a failure',
  async (t) => {
    const [keyless, broken] = [newId(), newId()]
    const [first, second] = [await createVault(app, keyless), await createVault(app, broken)]
    const absent = 'mk_00000000000000aa'
    await sql('insert into master_keys (id, salt, iterations, retired_at) values ($1, $2, 600000, now())', [
      absent,
      Buffer.alloc(32)
    ])
    await sql('insert into company_keys (id, company_id, master_key_id, wrapped) values ($1, $2, $3, $4)', [
      newId(),
      keyless,
      absent,
      Buffer.alloc(64, 1)
    ])
    t.match(await check(first.id), {
      status: 200,
      body: { status: 'error', details: { code: 'master_key_unavailable', guidance: [/doctor/] } }
    })
    await sql(
      `insert into company_keys (id, company_id, master_key_id, wrapped)
     select $1, $2, id, $3 from master_keys where retired_at is null`,
      [newId(), broken, Buffer.alloc(64, 1)]
    )
    t.match(await check(second.id), {
      status: 200,
      body: { status: 'error', details: { code: 'integrity_failure' } }
    })
    t.match(await get(second.id), { healthStatus: 'error', healthDetails: { code: 'integrity_failure' } })
  }
)

t.test('what is locked or disabled is not probed, and says so', async (t) => {
  const companyId = newId()
  const draft = await createVault(app, companyId, { provider: 'vault' })
  t.match(await check(draft.id), {
    status: 200,
    body: { status: 'coming_soon', details: { code: 'runtime_locked' } }
  })
  t.match(await get(draft.id), { healthStatus: 'coming_soon', healthCheckedAt: /^\d{4}/ })
  const { id } = await createVault(app, companyId)
  await patchVault(app, id, { status: 'disabled' })
  t.match(await check(id), { status: 200, body: { status: 'disabled', details: { code: 'vault_disabled' } } })
})

/** A provider that counts how often it is asked, and does something meanwhile. */
function fakeBackend(found: Partial<ProbeResult>, meanwhile: () => Promise<unknown> = async () => {}) {
  const calls: unknown[] = []
  const backend: VaultBackend = {
    isConfigured: true,
    describe: () => 'made up',
    backupGuidance: [],
    references: null,
    async probe(...call) {
      calls.push(call)
      await meanwhile()
      return {
        status: 'ready',
        code: 'provider_ready',
        message: 'It works.',
        guidance: [],
        facts: {},
        ...found
      }
    }
  }
  return { backend, calls }
}

const caller = () => {
  const { key, actor } = operator()
  const nonce = { nonce: newId(), createdMs: Date.now(), expiresMs: Date.now() + 30_000 }
  const verifier = {
    id: key.id,
    caller: 'gateway',
    scopes: ['activity:write'],
    companies: null,
    notAfter: null
  }
  return { actor, key: verifier as never, nonce }
}

t.test('a provider is asked once, with the vault, and never for one that is not in use', async (t) => {
  const companyId = newId()
  const { db } = app.deps.database
  const facts = { region: 'eu-west-1', kmsKeyConfigured: false, credentialSource: 'environment' }
  const { backend, calls } = fakeBackend({ status: 'warning', code: 'static_credentials', facts })
  const service = createVaultHealthService({
    db,
    vaults: app.deps.vaults,
    backends: { aws_secrets_manager: backend, vault: backend, gcp_secret_manager: backend },
    nowMs: () => 1_700_000_000_000
  })
  const config = { region: 'eu-west-1', namespace: 'n' }
  const { id } = await createVault(app, companyId, { provider: 'aws_secrets_manager', config })
  const health = await service.check(caller(), id)
  t.strictSame(calls, [[companyId, { id, config }]])
  t.match(health, { status: 'warning', checkedAt: '2023-11-14T22:13:20.000Z', details: facts })
  t.match(await get(id), {
    healthStatus: 'warning',
    healthDetails: { code: 'static_credentials', ...facts }
  })
  await patchVault(app, id, { status: 'disabled' })
  await service.check(caller(), id)
  for (const provider of ['vault', 'gcp_secret_manager'])
    await service.check(caller(), (await createVault(app, companyId, { provider })).id)
  t.equal(calls.length, 1)
})

t.test('what was found of a vault that changed meanwhile is not kept', async (t) => {
  const { id } = await createVault(app, newId(), {
    provider: 'aws_secrets_manager',
    config: { region: 'eu-west-1' }
  })
  const { backend } = fakeBackend({}, () => patchVault(app, id, { config: { region: 'eu-west-2' } }))
  const deps = { db: app.deps.database.db, vaults: app.deps.vaults, nowMs: Date.now }
  const service = createVaultHealthService({ ...deps, backends: { aws_secrets_manager: backend } })
  await t.rejects(service.check(caller(), id), { code: 'state_conflict' })
  t.match(await get(id), { config: { region: 'eu-west-2' }, healthStatus: null })
})

t.test('the providers are listed with what they can do, to members only', async (t) => {
  const companyId = newId()
  const path = `/companies/${companyId}/secret-providers`
  const { body } = await app.send(member(companyId, 'viewer'), 'GET', path)
  t.strictSame(
    body.map(({ id }: { id: string }) => id),
    ['local_encrypted', 'aws_secrets_manager', 'gcp_secret_manager', 'vault']
  )
  t.strictSame(body[0], {
    id: 'local_encrypted',
    label: 'Local encrypted',
    supportsManagedValues: true,
    supportsExternalReferences: false,
    requiresExternalRef: false,
    configured: true
  })
  t.match(body[3], { supportsManagedValues: false, configured: false })
  t.equal((await app.send(member(newId(), 'owner'), 'GET', path)).status, 403)
})

t.test('provider health says how to keep what is kept here', async (t) => {
  const companyId = newId()
  const path = `/companies/${companyId}/secret-providers/health`
  const { status, body, text } = await app.send(member(companyId, 'viewer'), 'GET', path)
  t.equal(status, 200)
  t.strictSame(
    body.providers.map((row: { provider: string; status: string }) => [row.provider, row.status]),
    [
      ['local_encrypted', 'ok'],
      ['aws_secrets_manager', 'error'],
      ['gcp_secret_manager', 'warn'],
      ['vault', 'warn']
    ]
  )
  t.match(body.providers[0].backupGuidance[0], /PAPERCLIP_SECRETS_MASTER_KEY/)
  t.notMatch(text, /mk_[0-9a-f]{16}/)
})

t.test('a discovery is refused where nothing can be listed, and needs an admin', async (t) => {
  const companyId = newId()
  const path = `/companies/${companyId}/secret-provider-configs/discovery/preview`
  const preview = (body: object, as = operator()) => app.send(as, 'POST', path, body)
  const local = { provider: 'local_encrypted', config: {} }
  t.match(await preview(local), {
    status: 422,
    body: { code: 'provider_unsupported', detail: /local_encrypted/ }
  })
  t.match(await preview(local, member(companyId, 'operator')), {
    status: 403,
    body: { code: 'read_only_role' }
  })
  for (const more of [
    { pageSize: 0 },
    { pageSize: 101 },
    { query: '' },
    { nextToken: '' },
    { config: { token: 'x' } }
  ])
    t.match(await preview({ ...local, ...more }), { status: 400 }, JSON.stringify(more))
  t.match(await preview({ provider: 'aws_secrets_manager', config: {} }), {
    status: 400,
    body: { errors: [{ pointer: '/config/region' }] }
  })
})

t.test('names are grouped into vaults that would fit them, the largest first', async (t) => {
  const named = (remoteName: string) => ({
    externalRef: `arn:${remoteName}`,
    remoteName,
    createdDate: null,
    lastChangedDate: null,
    hasDescription: false,
    hasKmsKey: false,
    tagCount: 0
  })
  const config = { region: 'eu-west-1', namespace: 'dropped', kmsKeyId: 'alias/k' }
  const names = [
    'a/b/c',
    '/a/b/d/e',
    'a/b/f',
    'a/b/g',
    'prod/x',
    'prod/y',
    'plain',
    'odd name/x',
    `${'l'.repeat(129)}/x/y`
  ]
  const kept = { region: 'eu-west-1', kmsKeyId: 'alias/k' }
  t.strictSame(candidatesOf(config, names.map(named)), [
    {
      displayName: 'a/b · eu-west-1',
      config: { ...kept, secretNamePrefix: 'a', namespace: 'b' },
      sampleCount: 4,
      samples: ['a/b/c', '/a/b/d/e', 'a/b/f']
    },
    {
      displayName: 'All names · eu-west-1',
      config: kept,
      sampleCount: 3,
      samples: ['plain', 'odd name/x', `${'l'.repeat(129)}/x/y`]
    },
    {
      displayName: 'prod · eu-west-1',
      config: { ...kept, secretNamePrefix: 'prod' },
      sampleCount: 2,
      samples: ['prod/x', 'prod/y']
    }
  ])
  t.strictSame(candidatesOf(config, []), [])
})
