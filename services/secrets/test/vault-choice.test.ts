import { newId } from '@paperclip/contracts'
import t from 'tap'
import type { SecretProvider } from '../src/provider/provider.js'
import { adminSession, createSecret, putEnv, resolve, rotate } from './support/fixtures.js'
import { operator, secretsDatabase, startSecrets } from './support/secrets-app.js'
import { createVault, patchVault } from './support/vaults.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const replica = await startSecrets(t, database)
const sql = await adminSession(t, database)

const post = (companyId: string, body: object, at = app) =>
  at.send(operator(), 'POST', `/companies/${companyId}/secrets`, { name: newId(), value: 'value', ...body })
const disable = (id: string, at = app) => at.send(operator(), 'DELETE', `/secret-provider-configs/${id}`)
const countIn = async (vaultId: string) =>
  (
    await sql('select count(*)::int as count from company_secrets where provider_config_id = $1', [vaultId])
  )[0]?.count

t.test('a value in a local vault resolves as before, also after the vault was disabled', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  const vault = await createVault(app, companyId)
  const secret = await createSecret(app, companyId, { name: 'K', value: 'one', providerConfigId: vault.id })
  t.match(secret, { provider: 'local_encrypted', providerConfigId: vault.id })
  await putEnv(app, { companyId, agentId }, { K: '$secret:k', FIRST: '$secret:k@1' })
  await rotate(app, secret.id, 'two')
  t.match((await resolve(app, { companyId, agentId })).body, { env: { K: 'two', FIRST: 'one' } })
  await disable(vault.id)
  t.match((await resolve(replica, { companyId, agentId })).body, { env: { K: 'two', FIRST: 'one' } })
})

t.test('a disabled vault takes no value, and what lies there can still leave it or be deleted', async (t) => {
  const companyId = newId()
  const vault = await createVault(app, companyId)
  const stays = await createSecret(app, companyId, { name: 'stays', value: 'v', providerConfigId: vault.id })
  const leaves = await createSecret(app, companyId, {
    name: 'leaves',
    value: 'v',
    providerConfigId: vault.id
  })
  await disable(vault.id)
  const inactive = { status: 422, body: { code: 'vault_inactive' } }
  t.match(await post(companyId, { providerConfigId: vault.id }), inactive)
  const rotated = (id: string, body: object) => app.send(operator(), 'POST', `/secrets/${id}/rotate`, body)
  t.match(await rotated(stays.id, { value: 'w' }), inactive)
  t.match(await rotated(stays.id, { providerConfigId: null }), { status: 400 })
  t.match(await rotated(leaves.id, { value: 'w', providerConfigId: null }), {
    status: 200,
    body: { providerConfigId: null, latestVersion: 2 }
  })
  const gone = await app.send(operator(), 'DELETE', `/secrets/${stays.id}`)
  t.strictSame(gone.body, { ok: true, remote: 'kept' })
  t.equal((await app.send(operator(), 'GET', `/secrets/${stays.id}`)).status, 404)
  t.match(
    await sql('select status, sealed from company_secret_versions where secret_id = $1', [stays.id]),
    [{ status: 'destroyed', sealed: null }],
    'here it is gone'
  )
  t.strictSame((await app.send(operator(), 'DELETE', `/secrets/${leaves.id}`)).body, {
    ok: true,
    remote: 'none'
  })
})

t.test('once a vault is said to be disabled, no value goes there, on any replica', async (t) => {
  const companyId = newId()
  for (let round = 0; round < 4; round++) {
    const { id } = await createVault(app, companyId)
    const early = Array.from({ length: 8 }, (_, index) =>
      post(companyId, { providerConfigId: id }, index % 2 ? replica : app)
    )
    const [gone, ...answers] = await Promise.all([disable(id, round % 2 ? replica : app), ...early])
    const atAcknowledgement = await countIn(id)
    t.equal(gone?.status, 200)
    t.ok(answers.every(({ status, body }) => status === 201 || body.code === 'vault_inactive'))
    t.equal(answers.filter(({ status }) => status === 201).length, atAcknowledgement)
    const late = await Promise.all([app, replica].map((at) => post(companyId, { providerConfigId: id }, at)))
    for (const answer of late) t.match(answer, { status: 422, body: { code: 'vault_inactive' } })
    t.equal(await countIn(id), atAcknowledgement)
  }
})

/** The region each secret was last written to. */

/** Keeps values nowhere, and lets something happen while it is at it. */
const writtenTo = new Map<string, string | undefined>()
let meanwhile: () => Promise<unknown> = async () => {}
const slow: SecretProvider = {
  descriptor: {
    id: 'aws_secrets_manager',
    label: 'Stand-in',
    supportsManagedValues: true,
    supportsExternalReferences: false
  },
  storage: {
    kind: 'remote',
    nameOf: ({ key }) => key,
    nameIn: (externalRef) => externalRef,
    isIn: () => true,
    isShared: () => false,
    async create({ secretId, vault }) {
      writtenTo.set(secretId, vault?.config.region)
      await meanwhile()
      return { externalRef: `remote:${secretId}`, tagged: true }
    },
    async put() {
      await meanwhile()
    },
    find: async () => null,
    delete: async () => ({ deletionDate: null }),
    restore: async () => {},
    findDeletionDate: async () => null
  },
  checkReference: () => Promise.reject(new TypeError('not asked')),
  readVersion: () => Promise.reject(new TypeError('not asked')),
  async checkHealth() {}
}
const { find } = app.deps.providers
app.deps.providers.find = (id) => (id === slow.descriptor.id ? slow : find(id))

t.test(
  'a write that was announced holds its vault where it leads, and is finished though the vault is disabled',
  async (t) => {
    const companyId = newId()
    const config = { region: 'us-east-1' }
    const { id } = await createVault(app, companyId, { provider: 'aws_secrets_manager', config })
    const other = await createVault(app, companyId, { provider: 'aws_secrets_manager', config })
    meanwhile = async () =>
      t.match(await patchVault(replica, id, { config: { region: 'eu-west-1' } }), {
        status: 409,
        body: { code: 'in_use' }
      })
    t.equal((await post(companyId, { providerConfigId: id })).status, 201)
    meanwhile = async () => t.equal((await disable(id, replica)).status, 200)
    t.equal((await post(companyId, { providerConfigId: id })).status, 201, 'it was announced before')
    t.match(await post(companyId, { providerConfigId: id }), {
      status: 422,
      body: { code: 'vault_inactive' }
    })
    t.equal(await countIn(id), 2)
    meanwhile = async () => {}
    await patchVault(app, id, { status: 'ready' })
    const made = await post(companyId, { providerConfigId: id })
    t.match(made, { status: 201, body: { provider: 'aws_secrets_manager', providerConfigId: id } })
    const rotated = (body: object) => app.send(operator(), 'POST', `/secrets/${made.body.id}/rotate`, body)
    meanwhile = async () => {
      meanwhile = async () => {}
      t.match(await rotated({ value: 'w', providerConfigId: other.id }), {
        status: 409,
        body: { code: 'write_in_progress' }
      })
    }
    t.equal((await rotated({ value: 'x' })).status, 200)
    t.equal((await rotated({ value: 'y', providerConfigId: other.id })).status, 200)
    t.match((await app.send(operator(), 'GET', `/secrets/${made.body.id}`)).body, {
      providerConfigId: other.id,
      latestVersion: 3
    })
    t.match(
      await patchVault(app, id, { config: { region: 'us-west-2' } }),
      { status: 409 },
      'version 1 lies there'
    )
  }
)

t.test('a secret and a move of its vault never miss each other', async (t) => {
  const companyId = newId()
  for (let round = 0; round < 6; round++) {
    const { id } = await createVault(app, companyId, {
      provider: 'aws_secrets_manager',
      config: { region: 'us-east-1' }
    })
    const putting = () => post(companyId, { providerConfigId: id })
    const moving = () => patchVault(replica, id, { config: { region: 'eu-west-1' } })
    const [first, second] = await Promise.all(round % 2 ? [putting(), moving()] : [moving(), putting()])
    const answers = [first, second].map(({ status }) => status)
    t.ok(
      answers.every((status) => [200, 201, 409].includes(status)) && answers.some((status) => status < 300)
    )
    const { body: vault } = await app.send(operator(), 'GET', `/secret-provider-configs/${id}`)
    const rows = await sql<{ id: string }>('select id from company_secrets where provider_config_id = $1', [
      id
    ])
    for (const row of rows)
      t.equal(writtenTo.get(row.id), vault.config.region, 'it lies where its vault leads')
  }
})
