import { newId } from '@paperclip/contracts'
import t from 'tap'
import { adminSession, sqlSession, walk } from './support/fixtures.js'
import {
  agentKey,
  member,
  operator,
  run,
  secretsDatabase,
  service,
  startSecrets
} from './support/secrets-app.js'
import { createVault, listVaults, patchVault, tryVault, vaultActivity, vaultsOf } from './support/vaults.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const replica = await startSecrets(t, database)
const sql = await adminSession(t, database)

const aws = { provider: 'aws_secrets_manager', config: { region: 'us-east-1' } }
const setDefault = (id: string, at = app) =>
  at.send(operator(), 'POST', `/secret-provider-configs/${id}/default`)
const disable = (id: string, at = app) => at.send(operator(), 'DELETE', `/secret-provider-configs/${id}`)
const defaultsOf = async (companyId: string) =>
  (await listVaults(app, companyId)).filter(({ isDefault }) => isDefault).map(({ id }) => id)

t.test('a vault is shown whole, in its list and by its id', async (t) => {
  const companyId = newId()
  const config = {
    region: 'us-east-1',
    namespace: 'paperclip',
    secretNamePrefix: 'paperclip/prod',
    kmsKeyId: 'arn:aws:kms:us-east-1:123456789012:key/0f3c1e9a-1111-2222-3333-444455556666',
    ownerTag: 'Équipe: données',
    environmentTag: 'production'
  }
  const { status, body } = await tryVault(app, companyId, {
    ...aws,
    config,
    displayName: '  Prod US-East ',
    isDefault: true
  })
  t.equal(status, 201)
  const { id, createdAt } = body
  t.strictSame(body, {
    id,
    companyId,
    provider: 'aws_secrets_manager',
    displayName: 'Prod US-East',
    status: 'ready',
    isDefault: true,
    config,
    healthStatus: null,
    healthCheckedAt: null,
    healthMessage: null,
    healthDetails: null,
    disabledAt: null,
    createdByAgentId: null,
    createdByUserId: 'local-board',
    createdAt,
    updatedAt: createdAt
  })
  t.strictSame((await app.send(operator(), 'GET', `/secret-provider-configs/${id.toUpperCase()}`)).body, body)
  t.strictSame(await listVaults(app, companyId), [body])
  t.strictSame(await vaultActivity(app, companyId), [
    [
      'secret_provider_config.created',
      { provider: 'aws_secrets_manager', displayName: 'Prod US-East', status: 'ready', isDefault: true }
    ]
  ])
})

t.test('vaults are listed newest first, in pages, disabled ones included', async (t) => {
  const companyId = newId()
  const ids: string[] = []
  for (let index = 0; index < 5; index++) ids.unshift((await createVault(app, companyId)).id)
  await disable(ids[2] ?? '')
  const rows = await walk(app, `${vaultsOf(companyId)}?limit=2`)
  t.strictSame(
    rows.map(({ id }) => id),
    ids
  )
  t.strictSame(
    rows.map(({ status }) => status),
    ['ready', 'ready', 'disabled', 'ready', 'ready']
  )
  for (const query of ['limit=0', 'limit=501', 'limit=x', 'cursor=x', 'query=x'])
    t.equal((await app.send(operator(), 'GET', `${vaultsOf(companyId)}?${query}`)).status, 400, query)
})

t.test('the status follows the provider: what cannot be used yet can only be drafted', async (t) => {
  const companyId = newId()
  for (const provider of ['gcp_secret_manager', 'vault']) {
    const draft = await createVault(app, companyId, { provider })
    t.equal(draft.status, 'coming_soon')
    for (const status of ['ready', 'warning']) {
      t.match(await tryVault(app, companyId, { provider, status }), {
        status: 400,
        body: { code: 'invalid_request', errors: [{ pointer: '/status' }] }
      })
      t.match(await patchVault(app, draft.id, { status }), { status: 400 })
    }
    t.match(await tryVault(app, companyId, { provider, isDefault: true }), {
      status: 400,
      body: { errors: [{ pointer: '/isDefault' }] }
    })
    t.match(await patchVault(app, draft.id, { isDefault: true }), { status: 400 })
    t.match(await setDefault(draft.id), { status: 422, body: { code: 'vault_inactive' } })
    t.match(await patchVault(app, draft.id, { status: 'disabled' }), { body: { status: 'disabled' } })
    t.match(await patchVault(app, draft.id, { status: 'coming_soon' }), {
      body: { status: 'coming_soon', disabledAt: null }
    })
  }
  t.match(await tryVault(app, companyId, { ...aws, status: 'coming_soon' }), { status: 400 })
  t.match(await tryVault(app, companyId, { ...aws, status: 'warning' }), {
    status: 201,
    body: { status: 'warning' }
  })
  t.match(await tryVault(app, companyId, { ...aws, status: 'disabled', isDefault: true }), { status: 400 })
  t.match(await tryVault(app, companyId, { ...aws, status: 'disabled' }), {
    status: 201,
    body: { disabledAt: /^\d{4}/ }
  })
})

t.test('a second default takes the place of the first, and other providers keep theirs', async (t) => {
  const companyId = newId()
  const [first, second, local] = [
    await createVault(app, companyId, { ...aws, isDefault: true }),
    await createVault(app, companyId, aws),
    await createVault(app, companyId, { provider: 'local_encrypted', isDefault: true })
  ]
  t.match(await setDefault(second.id), { status: 200, body: { id: second.id, isDefault: true } })
  t.same(new Set(await defaultsOf(companyId)), new Set([second.id, local.id]))
  t.match((await vaultActivity(app, companyId))[0], [
    'secret_provider_config.default_set',
    { isDefault: true, replacedDefaultId: first.id }
  ])
  const rows = (await vaultActivity(app, companyId)).length
  t.match(await setDefault(second.id), { status: 200, body: { isDefault: true } })
  t.equal((await vaultActivity(app, companyId)).length, rows, 'what is so already is not recorded')
  await patchVault(app, first.id, { isDefault: true })
  t.same(new Set(await defaultsOf(companyId)), new Set([first.id, local.id]))
  await patchVault(app, first.id, { isDefault: false })
  t.same(await defaultsOf(companyId), [local.id])
})

t.test('of concurrent defaults on two replicas exactly one remains, and none fails', async (t) => {
  const companyId = newId()
  const ids: string[] = []
  for (let index = 0; index < 6; index++) ids.push((await createVault(app, companyId, aws)).id)
  for (let round = 0; round < 4; round++) {
    const answers = await Promise.all([
      ...ids.map((id, index) => setDefault(id, index % 2 ? replica : app)),
      tryVault(replica, companyId, { ...aws, isDefault: true }),
      patchVault(app, ids[round] ?? '', { isDefault: true })
    ])
    t.ok(
      answers.every(({ status }) => status < 300),
      answers.map(({ status }) => status).join(' ')
    )
    t.equal((await defaultsOf(companyId)).length, 1)
  }
})

t.test('a default that is disabled meanwhile is no default, whoever comes first', async (t) => {
  const companyId = newId()
  const keeper = await createVault(app, companyId, { ...aws, isDefault: true })
  for (let round = 0; round < 6; round++) {
    const { id } = await createVault(app, companyId, aws)
    const [set, gone] =
      round % 2 === 0
        ? await Promise.all([setDefault(id, replica), disable(id)])
        : (await Promise.all([disable(id), setDefault(id, replica)])).toReversed()
    if (set === undefined || gone === undefined) throw new Error('both were asked')
    t.ok([200, 422].includes(set.status), `${set.status}`)
    t.equal(gone.status, 200)
    const rows = await listVaults(app, companyId)
    t.match(
      rows.find((row) => row.id === id),
      { status: 'disabled', isDefault: false }
    )
    if (set.status === 422) t.ok(rows.find((row) => row.id === keeper.id).isDefault, 'nothing was taken away')
    await setDefault(keeper.id)
  }
})

t.test('a disabled vault stays listed, keeps the time of it, and comes back', async (t) => {
  const companyId = newId()
  const { id } = await createVault(app, companyId, { ...aws, isDefault: true })
  const gone = await disable(id)
  t.match(gone, { status: 200, body: { status: 'disabled', isDefault: false, disabledAt: /^\d{4}/ } })
  t.strictSame((await disable(id, replica)).body, gone.body, 'once')
  const renamed = await patchVault(app, id, { displayName: 'Old one' })
  t.match(renamed, { status: 200, body: { disabledAt: gone.body.disabledAt, displayName: 'Old one' } })
  t.match(await setDefault(id), { status: 422, body: { code: 'vault_inactive' } })
  t.match(await patchVault(app, id, { isDefault: true }), { status: 400 })
  t.match(await patchVault(app, id, { status: 'ready', isDefault: true }), {
    status: 200,
    body: { status: 'ready', disabledAt: null, isDefault: true }
  })
  t.match(await patchVault(app, id, { status: 'disabled' }), { body: { isDefault: false } })
  t.strictSame(
    (await vaultActivity(app, companyId)).map(([action]) => action.split('.')[1]),
    ['disabled', 'updated', 'updated', 'disabled', 'created']
  )
})

t.test('a config is replaced as a whole, and forgets what was found of the former one', async (t) => {
  const companyId = newId()
  const config = { region: 'us-east-1', kmsKeyId: 'alias/app', ownerTag: 'a' }
  const { id } = await createVault(app, companyId, { ...aws, config })
  await app.send(operator(), 'POST', `/secret-provider-configs/${id}/health`)
  const tagged = await patchVault(app, id, { displayName: 'Named anew' })
  t.match(tagged.body, { healthStatus: /./, healthCheckedAt: /^\d{4}/ })
  const moved = await patchVault(app, id, { config: { region: 'eu-west-1' } })
  t.strictSame(moved.body.config, { region: 'eu-west-1' })
  t.match(moved.body, { healthStatus: null, healthCheckedAt: null, healthMessage: null, healthDetails: null })
  for (const body of [{}, { config: {} }, { config: null }, { provider: 'vault' }, { companyId }, { id }])
    t.match(await patchVault(app, id, body), { status: 400 }, JSON.stringify(body))
  t.strictSame((await app.send(operator(), 'GET', `/secret-provider-configs/${id}`)).body, moved.body)
})

t.test('what decides where values lie is frozen while a secret depends on the vault', async (t) => {
  const companyId = newId()
  const { id } = await createVault(app, companyId, aws)
  const put = (values: string) =>
    sql(
      `insert into company_secrets (id, company_id, key, name, provider, managed_mode, provider_config_id, latest_version)
       values ${values}`
    )
  const [first, second] = [newId(), newId()]
  const row = (secretId: string, vaultId: string | null) =>
    `('${secretId}', '${companyId}', '${secretId}', '${secretId}', 'aws_secrets_manager', 'paperclip_managed',
      ${vaultId === null ? 'null' : `'${vaultId}'`}, 1)`
  await put(row(first, id))
  await put(row(second, null))
  await sql(
    `insert into company_secret_versions (id, company_id, secret_id, version, status, provider_config_id)
     values ($1, $2, $3, 1, 'previous', $4)`,
    [newId(), companyId, second, id]
  )
  for (const changed of [
    { region: 'eu-west-1' },
    { region: 'us-east-1', namespace: 'n' },
    { region: 'us-east-1', secretNamePrefix: 'p' },
    { region: 'us-east-1', kmsKeyId: 'alias/k' }
  ]) {
    const refused = await patchVault(app, id, { config: changed })
    t.match(refused, { status: 409, body: { code: 'in_use', detail: /^2 secrets depend/ } })
  }
  t.match(await patchVault(app, id, { config: { region: 'us-east-1', ownerTag: 'x' } }), { status: 200 })
  await sql(`update company_secrets set status = 'deleted', deleted_at = now() where id = $1`, [first])
  t.match(await patchVault(app, id, { config: { region: 'eu-west-1' } }), {
    status: 409,
    body: { detail: /^1 secret depends/ }
  })
  await sql(`update company_secrets set status = 'deleted', deleted_at = now() where id = $1`, [second])
  t.match(await patchVault(app, id, { config: { region: 'eu-west-1' } }), { status: 200 })
})

t.test('the database keeps secrets and vaults of two companies or providers apart by itself', async (t) => {
  const companyId = newId()
  const { id } = await createVault(app, companyId, aws)
  for (const [company, provider] of [
    [newId(), 'aws_secrets_manager'],
    [companyId, 'local_encrypted']
  ])
    await t.rejects(
      sql(
        `insert into company_secrets (id, company_id, key, name, provider, managed_mode, provider_config_id)
         values ($1, $2, 'k', 'n', $3, 'paperclip_managed', $4)`,
        [newId(), company, provider, id]
      ),
      { code: '23503' }
    )
  const runtime = await sqlSession(t, database.url('secrets'))
  await t.rejects(runtime('delete from company_secret_provider_configs'), { code: '42501' })
})

t.test(
  'a vault of another company is absent on every route, and none is for agents or services',
  async (t) => {
    const [companyId, otherId] = [newId(), newId()]
    const { id } = await createVault(app, companyId, aws)
    const stranger = member(otherId, 'owner')
    const calls: [string, string, object?][] = [
      ['GET', ''],
      ['PATCH', '', { displayName: 'Taken over' }],
      ['DELETE', ''],
      ['POST', '/default'],
      ['POST', '/health']
    ]
    for (const [method, suffix, body] of calls) {
      const on = (vaultId: string) =>
        app.send(stranger, method, `/secret-provider-configs/${vaultId}${suffix}`, body)
      const [foreign, absent] = [await on(id), await on(newId())]
      t.match(foreign, { status: 404, body: { code: 'vault_not_found' } }, `${method} ${suffix}`)
      t.equal(foreign.text, absent.text)
      for (const sender of [agentKey(companyId, newId()), run(companyId, newId()), service('runner')])
        t.match(await app.send(sender, method, `/secret-provider-configs/${id}${suffix}`, body), {
          status: 403
        })
      const viewer = await app.send(
        member(companyId, 'operator'),
        method,
        `/secret-provider-configs/${id}${suffix}`,
        body
      )
      t.match(viewer, method === 'GET' ? { status: 200 } : { status: 403, body: { code: 'read_only_role' } })
    }
    t.match(await listVaults(app, companyId), [
      { id, displayName: 'A vault', status: 'ready', isDefault: false }
    ])
  }
)

t.test('the vaults of a deleted company are disabled, absent, and no new one is made', async (t) => {
  const companyId = newId()
  const { id } = await createVault(app, companyId, { ...aws, isDefault: true })
  const items = [{ id: newId(), activity: null, command: { type: 'company.deleted', companyId } }]
  t.equal((await app.send(service('gateway'), 'POST', '/activity', { items })).status, 200)
  const path = `/secret-provider-configs/${id}`
  for (const [method, body] of [['GET'], ['PATCH', { status: 'ready' }], ['DELETE']] as const)
    t.match(await app.send(operator(), method, path, body), {
      status: 404,
      body: { code: 'vault_not_found' }
    })
  t.match(await tryVault(app, companyId, aws), { status: 422, body: { code: 'company_shredded' } })
  t.match(await sql('select status, is_default from company_secret_provider_configs where id = $1', [id]), [
    { status: 'disabled', is_default: false }
  ])
})
