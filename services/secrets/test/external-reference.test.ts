import { newId } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import t from 'tap'
import type { SecretProvider } from '../src/provider/provider.js'
import { adminSession, createSecret, putEnv, resolve, walk } from './support/fixtures.js'
import { operator, run, secretsDatabase, startSecrets } from './support/secrets-app.js'
import { createVault, patchVault } from './support/vaults.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const plain = await startSecrets(t, database)
const sql = await adminSession(t, database)

/** What was asked of the provider, in order. */
const calls: string[] = []

/** A provider that has only values of somebody else's, and gives back which one it was asked for. */
const elsewhere: SecretProvider = {
  descriptor: {
    id: 'aws_secrets_manager',
    label: 'Stand-in',
    supportsManagedValues: false,
    supportsExternalReferences: true
  },
  storage: {
    kind: 'sealed',
    async seal() {
      throw new AppError('provider_unsupported')
    }
  },
  async checkReference(reference, { companyId }) {
    calls.push(`check ${reference.externalRef}`)
    if (reference.externalRef.startsWith('forbidden/')) throw new AppError('external_ref_unsupported')
    return { ...reference, externalRef: reference.externalRef.replace('{companyId}', companyId) }
  },
  async readVersion(_, { externalRef, providerVersionRef, vault }) {
    calls.push(`read ${externalRef} in ${vault?.id ?? null}`)
    return Buffer.from(`${externalRef}@${providerVersionRef ?? 'now'}`)
  },
  async checkHealth() {}
}
const { find } = app.deps.providers
app.deps.providers.find = (id) => (id === elsewhere.descriptor.id ? elsewhere : find(id))

const provider = 'aws_secrets_manager'
const external = { provider, managedMode: 'external_reference' }

function post(companyId: string, body: unknown) {
  return app.send(operator(), 'POST', `/companies/${companyId}/secrets`, body)
}

function rotate(id: string, body: unknown) {
  return app.send(operator(), 'POST', `/secrets/${id}/rotate`, body)
}

async function versions(id: string) {
  const { body } = await app.send(operator(), 'GET', `/secrets/${id}/versions`)
  return body.map(
    ({ version, status, providerVersionRef }: Record<string, unknown>) =>
      `${version} ${status} ${providerVersionRef}`
  )
}

t.test('a reference is linked as metadata alone, and read only when a bound run resolves it', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  calls.length = 0
  const linked = await post(companyId, {
    ...external,
    name: 'Stripe',
    externalRef: 'prod/{companyId}/stripe',
    providerVersionRef: 'AWSPREVIOUS',
    providerMetadata: { createdDate: '2026-05-06T00:00:00.000Z' }
  })
  const externalRef = `prod/${companyId}/stripe`
  t.match(linked, {
    status: 201,
    body: {
      key: 'stripe',
      provider,
      managedMode: 'external_reference',
      externalRef,
      providerConfigId: null,
      providerMetadata: { createdDate: '2026-05-06T00:00:00.000Z' },
      latestVersion: 1,
      status: 'active'
    }
  })
  t.strictSame(await versions(linked.body.id), ['1 current AWSPREVIOUS'])
  await putEnv(app, { companyId, agentId }, { K: '$secret:stripe' })
  t.strictSame(calls, ['check prod/{companyId}/stripe'], 'nothing was read')
  t.equal((await resolve(app, { companyId, agentId })).body.env.K, `${externalRef}@AWSPREVIOUS`)
  const revealed = await app.send(run(companyId, agentId), 'POST', '/agents/me/secrets/stripe/value')
  t.equal(revealed.body.value, `${externalRef}@AWSPREVIOUS`)
  const stored = await sql('select sealed, fingerprint from company_secret_versions where secret_id = $1', [
    linked.body.id
  ])
  t.strictSame(stored, [{ sealed: null, fingerprint: null }])
  const [activity] = await sql('select metadata from activity_log where entity_id = $1', [linked.body.id])
  t.strictSame(activity?.metadata, { key: 'stripe', provider }, 'the record names no reference')
})

t.test('rotation points elsewhere; what was pinned keeps what it meant', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  const created = await createSecret(app, companyId, { ...external, name: 'K', externalRef: 'prod/a' })
  const { id } = created
  t.match(await rotate(id, { providerVersionRef: 'v-2' }), {
    status: 200,
    body: { externalRef: 'prod/a', latestVersion: 2, lastRotatedAt: /Z$/ }
  })
  t.match(await rotate(id, { externalRef: 'prod/b', expectedLatestVersion: 2 }), {
    status: 200,
    body: { externalRef: 'prod/b', latestVersion: 3 }
  })
  t.strictSame(await versions(id), ['3 current null', '2 previous v-2', '1 previous null'])
  const env = { LATEST: '$secret:k', ONE: '$secret:k@1', TWO: '$secret:k@2' }
  await putEnv(app, { companyId, agentId }, env)
  t.strictSame((await resolve(app, { companyId, agentId })).body.env, {
    LATEST: 'prod/b@now',
    ONE: 'prod/a@now',
    TWO: 'prod/a@v-2'
  })
  t.equal((await rotate(id, { externalRef: 'prod/b', providerVersionRef: 'v-9' })).status, 200)
  t.equal((await rotate(id, { providerVersionRef: null })).status, 200, 'a pin may be taken away')
  t.strictSame((await versions(id)).slice(0, 2), ['5 current null', '4 previous v-9'])
  await app.send(operator(), 'POST', `/secrets/${id}/versions/5/destroy`)
  t.match(await resolve(app, { companyId, agentId }), { status: 422, body: { code: 'version_inactive' } })
  t.equal((await rotate(id, { externalRef: 'prod/c' })).body.latestVersion, 6)
})

t.test('a rotation that changes nothing, or brings a value, is refused', async (t) => {
  const { id } = await createSecret(app, newId(), {
    ...external,
    name: 'K',
    externalRef: 'prod/a',
    providerVersionRef: 'v-1'
  })
  for (const body of [
    {},
    { expectedLatestVersion: 1 },
    { providerConfigId: null },
    { externalRef: 'prod/a' },
    { providerVersionRef: 'v-1' },
    { externalRef: '' },
    { externalRef: ' prod/a' },
    { externalRef: 'prod/a\nb' },
    { externalRef: 'x'.repeat(2049) },
    { providerVersionRef: '' },
    { providerVersionRef: 'x'.repeat(513) }
  ])
    t.match(await rotate(id, body), { status: 400, body: { code: 'invalid_request' } }, JSON.stringify(body))
  for (const body of [{ value: 'v' }, { value: 'v', externalRef: 'prod/b' }])
    t.match(await rotate(id, body), { status: 422, body: { code: 'value_external' } })
  t.match(await rotate(id, { externalRef: 'forbidden/x' }), { status: 422 }, 'the provider refuses it')
  t.match(await rotate(id, { externalRef: 'prod/b', expectedLatestVersion: 7 }), {
    status: 409,
    body: { code: 'version_conflict' }
  })
  t.match(await rotate(id, { externalRef: 'prod/b', providerConfigId: newId() }), {
    status: 404,
    body: { code: 'vault_not_found' }
  })
  t.strictSame(await versions(id), ['1 current v-1'])
})

t.test('of parallel repoints each follows the version it saw, and numbers have no gap', async (t) => {
  const { id } = await createSecret(app, newId(), { ...external, name: 'K', externalRef: 'prod/a' })
  const raced = await Promise.all(
    ['b', 'c', 'd', 'e'].map((name) => rotate(id, { externalRef: `prod/${name}` }))
  )
  const won = raced.filter(({ status }) => status === 200).length
  t.ok(won >= 1)
  t.ok(raced.every(({ status, body }) => status === 200 || body.code === 'version_conflict'))
  t.equal((await versions(id)).length, won + 1)
})

t.test('what does not fit together is refused before the provider is asked', async (t) => {
  const companyId = newId()
  calls.length = 0
  const cases: [string, object, string][] = [
    ['no reference', { ...external, name: 'n' }, '/externalRef'],
    ['a value', { ...external, name: 'n', externalRef: 'r', value: 'v' }, '/value'],
    ['a managed one with a reference', { provider, name: 'n', value: 'v', externalRef: 'r' }, '/externalRef'],
    [
      'a managed one with a version',
      { provider, name: 'n', value: 'v', providerVersionRef: 'r' },
      '/providerVersionRef'
    ],
    ['an empty reference', { ...external, name: 'n', externalRef: '' }, '/externalRef'],
    ['a blank reference', { ...external, name: 'n', externalRef: ' ' }, '/externalRef'],
    ['a long reference', { ...external, name: 'n', externalRef: 'x'.repeat(2049) }, '/externalRef'],
    [
      'a long version',
      { ...external, name: 'n', externalRef: 'r', providerVersionRef: 'x'.repeat(513) },
      '/providerVersionRef'
    ]
  ]
  for (const [what, body, pointer] of cases)
    t.match(await post(companyId, body), { status: 400, body: { errors: [{ pointer }] } }, what)
  t.match(await post(companyId, { ...external, name: '日本', externalRef: 'r' }), { status: 422 })
  t.strictSame(calls, [])
  t.match(await post(companyId, { ...external, name: 'n', externalRef: 'forbidden/x' }), { status: 422 })
  t.strictSame(await walk(app, `/companies/${companyId}/secrets`), [])
})

t.test('local_encrypted has no references, and a provider that is not here is not used', async (t) => {
  const companyId = newId()
  const local = { ...external, provider: 'local_encrypted', name: 'n', externalRef: 'r' }
  t.match(await post(companyId, local), { status: 422, body: { code: 'external_ref_unsupported' } })
  const { id } = await createSecret(app, companyId, { name: 'Local', value: 'v' })
  for (const body of [
    { externalRef: 'r' },
    { value: 'v', externalRef: 'r' },
    { value: 'v', providerVersionRef: 'x' }
  ])
    t.match(await rotate(id, body), { status: 422, body: { code: 'external_ref_unsupported' } })
  const linked = (body: object) =>
    plain.send(operator(), 'POST', `/companies/${companyId}/secrets`, {
      ...external,
      name: 'n',
      externalRef: 'r',
      ...body
    })
  t.match(await linked({ provider: 'vault' }), { status: 422, body: { code: 'provider_unsupported' } })
  t.match(await linked({}), {
    status: 422,
    body: { code: 'provider_not_configured', detail: /PAPERCLIP_SECRETS_AWS_REGION/ }
  })
})

t.test(
  'deletion leaves what lies elsewhere alone, by either way, and its place may be linked again',
  async (t) => {
    const companyId = newId()
    const body = { ...external, name: 'Again', externalRef: 'prod/again' }
    const first = await createSecret(app, companyId, body)
    calls.length = 0
    const removed = await app.send(operator(), 'DELETE', `/secrets/${first.id}`)
    t.strictSame(removed.body, { ok: true, remote: 'kept' })
    const second = await createSecret(app, companyId, body)
    t.match(await app.send(operator(), 'PATCH', `/secrets/${second.id}`, { status: 'deleted' }), {
      status: 200,
      body: { status: 'deleted', externalRef: 'prod/again' }
    })
    const third = await createSecret(app, companyId, body)
    t.equal(new Set([first.id, second.id, third.id]).size, 3)
    t.ok(calls.every((call) => call.startsWith('check ')))
  }
)

t.test('a vault of its company and provider is recorded with each version that is kept there', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  const config = { region: 'eu-central-1' }
  const vault = await createVault(app, companyId, { provider, config })
  const other = await createVault(app, companyId, { provider, config })
  const created = await createSecret(app, companyId, {
    ...external,
    provider: undefined,
    name: 'K',
    externalRef: 'prod/a',
    providerVersionRef: 'v-1',
    providerConfigId: vault.id.toUpperCase()
  })
  t.match(created, { provider, providerConfigId: vault.id }, 'the provider is that of the vault')
  t.match(await rotate(created.id, { providerConfigId: null }), { status: 400 })
  t.match(await rotate(created.id, { providerConfigId: vault.id }), { status: 400 }, 'it lies there')
  const moved = await rotate(created.id, { providerConfigId: other.id })
  t.match(moved.body, { providerConfigId: other.id, externalRef: 'prod/a', latestVersion: 2 })
  t.match((await rotate(created.id, { providerVersionRef: 'v-3' })).body, { providerConfigId: other.id })
  t.match((await rotate(created.id, { externalRef: 'prod/b', providerConfigId: null })).body, {
    providerConfigId: null
  })
  t.strictSame(await versions(created.id), [
    '4 current null',
    '3 previous v-3',
    '2 previous null',
    '1 previous v-1'
  ])
  const kept = await sql(
    'select provider_config_id as id from company_secret_versions where secret_id = $1 order by version',
    [created.id]
  )
  t.strictSame(
    kept.map(({ id }) => id),
    [vault.id, other.id, other.id, null]
  )
  await putEnv(app, { companyId, agentId }, { K: '$secret:k@1', L: '$secret:k@3' })
  calls.length = 0
  t.equal((await resolve(app, { companyId, agentId })).status, 200)
  t.strictSame(calls.sort(), [`read prod/a in ${vault.id}`, `read prod/a in ${other.id}`].sort())
  const changed = await patchVault(app, vault.id, { config: { region: 'eu-west-1' } })
  t.match(changed, { status: 409, body: { code: 'in_use' } }, 'a pinned version still lies there')
})

t.test('a vault that takes no values, or is of somebody or something else, is refused', async (t) => {
  const [companyId, elsewhereId] = [newId(), newId()]
  const config = { region: 'eu-central-1' }
  const disabled = await createVault(app, companyId, { provider, config })
  const local = await createVault(app, companyId, { provider: 'local_encrypted' })
  const foreign = await createVault(app, elsewhereId, { provider, config })
  const coming = await createVault(app, companyId, { provider: 'vault' })
  const sealed = await createSecret(app, companyId, {
    name: 'Sealed',
    value: 'v',
    providerConfigId: local.id
  })
  t.match(sealed, { provider: 'local_encrypted', providerConfigId: local.id, externalRef: null })
  const linked = await createSecret(app, companyId, {
    ...external,
    name: 'In',
    externalRef: 'prod/in',
    providerConfigId: disabled.id
  })
  await app.send(operator(), 'DELETE', `/secret-provider-configs/${disabled.id}`)
  const cases: [string, number, string][] = [
    [disabled.id, 422, 'vault_inactive'],
    [coming.id, 422, 'vault_inactive'],
    [local.id, 422, 'vault_mismatch'],
    [foreign.id, 404, 'vault_not_found'],
    [newId(), 404, 'vault_not_found']
  ]
  for (const [providerConfigId, status, code] of cases) {
    const body = { ...external, name: 'n', externalRef: 'r', providerConfigId }
    t.match(await post(companyId, body), { status, body: { code } }, code)
    const moved = await rotate(linked.id, { externalRef: 'prod/else', providerConfigId })
    t.match(moved, { status, body: { code } }, code)
  }
  t.match(
    await rotate(linked.id, { externalRef: 'prod/else' }),
    { body: { code: 'vault_inactive' } },
    'its own'
  )
  const away = await rotate(linked.id, { externalRef: 'prod/else', providerConfigId: null })
  t.match(away.body, { providerConfigId: null, latestVersion: 2 })
  t.strictSame((await app.send(operator(), 'DELETE', `/secrets/${linked.id}`)).body, {
    ok: true,
    remote: 'kept'
  })
  t.match(
    (await rotate(sealed.id, { value: 'w' })).body,
    { providerConfigId: local.id },
    'it stays in its vault'
  )
})

t.test('nothing is linked in a company that was deleted', async (t) => {
  const companyId = newId()
  await sql('insert into company_keys (id, company_id, shredded_at) values ($1, $2, now())', [
    newId(),
    companyId
  ])
  t.match(await post(companyId, { ...external, name: 'n', externalRef: 'r' }), {
    status: 422,
    body: { code: 'company_shredded' }
  })
})

t.test('no log line holds a reference', async (t) => {
  t.notMatch(app.logs(), /prod\/|forbidden\//)
})
