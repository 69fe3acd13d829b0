import { newId } from '@paperclip/contracts'
import t from 'tap'
import { adminSession, createSecret, putEnv, resolve, rotate, walk } from './support/fixtures.js'
import { member, operator, secretsDatabase, startSecrets } from './support/secrets-app.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const sql = await adminSession(t, database)
const canary = 'canary-8a31-value'

function patch(id: string, body: unknown) {
  return app.send(operator(), 'PATCH', `/secrets/${id}`, body)
}

function activityOf(id: string) {
  return sql('select action, metadata from activity_log where entity_id = $1 order by id', [id])
}

/** A secret whose value lies elsewhere, as a provider that is not here would have left it. */
async function remoteSecret(companyId: string, mode: 'paperclip_managed' | 'external_reference') {
  const [id, name] = [newId(), `remote ${newId()}`]
  const place = [id, companyId, name, name.replace(' ', '-'), mode]
  await sql(
    `insert into company_secrets (id, company_id, name, key, provider, managed_mode, external_ref, latest_version)
     values ($1, $2, $3, $4, 'aws_secrets_manager', $5, 'prod/remote', 1)`,
    place
  )
  await sql(
    `insert into company_secret_versions (id, company_id, secret_id, version, status, external_ref, provider_version_ref)
     values ($1, $2, $3, 1, 'current', 'prod/remote', 'v-1')`,
    [newId(), companyId, id]
  )
  return { id, name, key: name.replace(' ', '-') }
}

t.test('name, key, description and status change alone or together, and nothing else does', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  const created = await createSecret(app, companyId, { name: 'One', value: canary })
  const { id } = created
  await putEnv(app, { companyId, agentId }, { K: '$secret:one' })
  const renamed = await patch(id, { name: ' Renamed ', key: 'New.KEY', description: ' what for ' })
  t.strictSame(renamed.body, {
    ...created,
    name: 'Renamed',
    key: 'new.key',
    description: 'what for',
    referenceCount: 1,
    updatedAt: renamed.body.updatedAt
  })
  t.not(renamed.body.updatedAt, created.updatedAt)
  t.equal((await resolve(app, { companyId, agentId })).body.env.K, canary, 'references follow the id')
  t.strictSame((await patch(id, { description: null })).body.description, null)
  for (const status of ['disabled', 'archived']) {
    t.match(await patch(id, { status }), { status: 200, body: { status } })
    t.match(await resolve(app, { companyId, agentId }), {
      status: 422,
      body: { errors: [{ pointer: 'env.K', code: 'secret_inactive' }] }
    })
  }
  t.match(await patch(id, { status: 'active' }), { status: 200, body: { status: 'active' } })
  t.equal((await resolve(app, { companyId, agentId })).body.env.K, canary)
  const facts = { provider: 'local_encrypted' }
  t.strictSame(await activityOf(id), [
    { action: 'secret.created', metadata: { key: 'one', ...facts } },
    {
      action: 'secret.updated',
      metadata: { key: 'new.key', changed: 'name, key, description', ...facts }
    },
    { action: 'secret.updated', metadata: { key: 'new.key', changed: 'description', ...facts } },
    ...['disabled', 'archived', 'active'].map(() => ({
      action: 'secret.updated',
      metadata: { key: 'new.key', changed: 'status', ...facts }
    }))
  ])
})

t.test('what repeats the present state is answered and changes nothing, not even the time', async (t) => {
  const companyId = newId()
  const body = { name: 'Own', value: canary, description: 'text' }
  const created = await createSecret(app, companyId, body)
  for (const same of [
    { name: 'Own' },
    { name: ' Own ', key: 'OWN', description: 'text', status: 'active' },
    { externalRef: null, providerConfigId: null }
  ])
    t.strictSame((await patch(created.id, same)).body, created, Object.keys(same).join())
  t.equal((await activityOf(created.id)).length, 1)
})

t.test("another's name or key is taken, in this company alone", async (t) => {
  const [companyId, other] = [newId(), newId()]
  await createSecret(app, companyId, { name: 'Taken', key: 'taken-key', value: canary })
  const { id } = await createSecret(app, companyId, { name: 'Mine', value: canary })
  t.match(await patch(id, { name: 'Taken' }), { status: 409, body: { code: 'name_taken' } })
  t.match(await patch(id, { key: 'TAKEN-KEY' }), { status: 409, body: { code: 'key_taken' } })
  t.match((await app.send(operator(), 'GET', `/secrets/${id}`)).body, { name: 'Mine', key: 'mine' })
  t.equal((await activityOf(id)).length, 1, 'a refusal is no change')
  const elsewhere = await createSecret(app, other, { name: 'Mine', value: canary })
  t.match(await patch(elsewhere.id, { name: 'Taken', key: 'taken-key' }), { status: 200 })
  const rivals = await Promise.all(
    ['a', 'b', 'c'].map((name) => createSecret(app, other, { name, value: canary }))
  )
  const raced = await Promise.all(rivals.map((rival) => patch(rival.id, { name: 'Raced' })))
  t.strictSame(raced.map(({ status }) => status).sort(), [200, 409, 409])
})

t.test('what cannot be stored is refused by member, without an echo', async (t) => {
  const { id } = await createSecret(app, newId(), { name: 'Strict', value: canary })
  const cases: [string, unknown, number, string][] = [
    ['nothing', {}, 400, ''],
    ['a value', { value: canary }, 400, '/value'],
    ['a blank name', { name: ' ' }, 400, '/name'],
    ['a line break', { name: 'a\nb' }, 400, '/name'],
    ['a long name', { name: canary.repeat(20) }, 400, '/name'],
    ['a null name', { name: null }, 400, '/name'],
    ['a key with a space', { key: 'a b' }, 400, '/key'],
    ['a long description', { description: canary.repeat(40) }, 400, '/description'],
    ['an unknown status', { status: 'gone' }, 400, '/status'],
    ['an owner', { companyId: newId() }, 400, '/companyId']
  ]
  for (const [what, body, status, pointer] of cases) {
    const answer = await patch(id, body)
    t.equal(answer.status, status, what)
    if (pointer !== '') t.equal(answer.body.errors?.[0]?.pointer, pointer, what)
    t.notMatch(answer.text, canary, what)
  }
  for (const body of [{ name: 'DATABASE_URL' }, { key: 'aws-secret-access-key' }])
    t.match(await patch(id, body), { status: 422, body: { code: 'infra_secret' } })
  for (const body of [{ externalRef: 'prod/x' }, { providerConfigId: newId() }])
    t.match(await patch(id, body), { status: 422, body: { code: 'reference_frozen' } })
  t.match(await patch(id, { status: 'deleted' }), { status: 422, body: { code: 'status_unsupported' } })
  t.equal((await activityOf(id)).length, 1)
})

t.test(
  'an external reference is deleted by its status: hidden, name and key free, nothing remote',
  async (t) => {
    const [companyId, agentId] = [newId(), newId()]
    const { id, name, key } = await remoteSecret(companyId, 'external_reference')
    await putEnv(app, { companyId, agentId }, { K: `$secret:${key}` })
    t.match(await patch(id, { status: 'deleted' }), { status: 409, body: { code: 'in_use' } })
    await putEnv(app, { companyId, agentId }, {})
    t.match(await patch(id, { externalRef: 'prod/else' }), {
      status: 422,
      body: { code: 'reference_frozen' }
    })
    t.match(await patch(id, { externalRef: null }), { status: 422, body: { code: 'reference_frozen' } })
    t.match(
      await patch(id, { key: `${key}-2`, externalRef: 'prod/remote' }),
      { status: 200 },
      'its key is ours'
    )
    const deleted = await patch(id, { status: 'deleted', description: 'left' })
    t.match(deleted, { status: 200, body: { status: 'deleted', description: 'left', deletedAt: /Z$/ } })
    t.strictSame(await walk(app, `/companies/${companyId}/secrets`), [])
    for (const [method, body] of [
      ['PATCH', { status: 'active' }],
      ['PATCH', { name: 'x' }],
      ['GET', undefined]
    ] as const)
      t.match(await app.send(operator(), method, `/secrets/${id}`, body), { status: 404 })
    t.equal((await createSecret(app, companyId, { name, key: `${key}-2`, value: canary })).latestVersion, 1)
    t.strictSame(
      (await activityOf(id)).map((row) => row.action),
      ['secret.updated', 'secret.updated', 'secret.deleted']
    )
    const forced = await remoteSecret(companyId, 'external_reference')
    const answer = await app.send(operator(), 'DELETE', `/secrets/${forced.id}`)
    t.strictSame(answer.body, { ok: true, remote: 'kept' })
  }
)

t.test('the key of a managed secret whose value lies elsewhere stays', async (t) => {
  const { id, key } = await remoteSecret(newId(), 'paperclip_managed')
  t.match(await patch(id, { key: 'other' }), { status: 422, body: { code: 'key_frozen' } })
  t.match(await patch(id, { key, name: 'Other' }), { status: 200, body: { key, name: 'Other' } })
  t.match(await app.send(operator(), 'POST', `/secrets/${id}/versions/1/destroy`), {
    status: 422,
    body: { code: 'destroy_unsupported' }
  })
})

t.test('deleted, foreign and absent secrets are the same 404, and a viewer may only read', async (t) => {
  const companyId = newId()
  const { id } = await createSecret(app, companyId, { name: 'Gone', value: canary })
  t.match(await app.send(member(companyId, 'viewer'), 'PATCH', `/secrets/${id}`, { name: 'x' }), {
    status: 403,
    body: { code: 'read_only_role' }
  })
  const outsider = member(newId(), 'owner')
  const foreign = await app.send(outsider, 'PATCH', `/secrets/${id}`, { name: 'x' })
  const absent = await app.send(outsider, 'PATCH', `/secrets/${newId()}`, { name: 'x' })
  t.same({ ...foreign, headers: null }, { ...absent, headers: null })
  await app.send(operator(), 'DELETE', `/secrets/${id}`)
  for (const path of ['', '/versions/1/disable', '/versions/1/enable', '/versions/1/destroy'])
    t.match(
      await app.send(
        operator(),
        path === '' ? 'PATCH' : 'POST',
        `/secrets/${id}${path}`,
        path === '' ? { name: 'x' } : undefined
      ),
      { status: 404, body: { code: 'secret_not_found' } },
      path
    )
})

t.test(
  'a secret that was put to sleep keeps its versions and cannot be rotated until it wakes',
  async (t) => {
    for (const status of ['disabled', 'archived']) {
      const { id } = await createSecret(app, newId(), { name: status, value: canary })
      await patch(id, { status })
      t.match(await app.send(operator(), 'POST', `/secrets/${id}/rotate`, { value: 'x' }), {
        status: 422,
        body: { code: 'secret_inactive' }
      })
      await patch(id, { status: 'active' })
      t.equal((await rotate(app, id, 'two')).latestVersion, 2)
    }
  }
)

t.test('no log line holds a value', async (t) => {
  t.notMatch(app.logs(), canary)
})

t.test('a value in the place of what everybody reads is refused, and repeated nowhere', async (t) => {
  const drawn = 'Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zAb3dEf6hIj9'
  const companyId = newId()
  for (const value of [`sk-ant-api03-${drawn}`, `ghp_${drawn}`, `paperclip_agent_${drawn}`])
    for (const [member, text] of [
      ['name', value],
      ['name', `paperclip-${value}`],
      ['key', value],
      ['description', `the key ${value}`]
    ] as const) {
      const body = { name: 'Fine', value: 'v', [member]: text }
      const { status, body: problem } = await app.send(
        operator(),
        'POST',
        `/companies/${companyId}/secrets`,
        body
      )
      t.match({ status, problem }, { status: 400, problem: { errors: [{ pointer: `/${member}` }] } }, member)
      t.notMatch(JSON.stringify(problem), drawn)
    }
  const { id } = await createSecret(app, companyId, { name: 'Fine', value: 'v' })
  const update = await app.send(operator(), 'PATCH', `/secrets/${id}`, { description: `ghp_${drawn}` })
  t.match(update, { status: 400, body: { errors: [{ pointer: '/description' }] } })
})
