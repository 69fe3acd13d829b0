import { createHash } from 'node:crypto'
import { newId } from '@paperclip/contracts'
import { eventually } from '@paperclip/testing'
import t from 'tap'
import { allowAll } from './emulator/iam-policy.js'
import { adminSession, createSecret } from './support/fixtures.js'
import { canary, type ImportRow, importScene, provider } from './support/import-scene.js'
import { agentKey, member, run, secretsDatabase } from './support/secrets-app.js'
import { createVault, patchVault } from './support/vaults.js'

const database = await secretsDatabase(t)
const { app, replica, emulator, preview, commit, walk, remote, newPlace, secretsOf } = await importScene(
  t,
  database
)
const sql = await adminSession(t, database)

const remoteMax = 250
const config = { region: 'us-east-1' }
const pathOf = (companyId: string) => `/companies/${companyId}/secrets/remote-import`

t.test('of 250 remote secrets each is ready, linked already, or says what is in the way', async (t) => {
  const { companyId, providerConfigId } = await newPlace()
  const places = Array.from({ length: remoteMax - 8 }, (_, index) => `walk/${String(index).padStart(3, '0')}`)
  for (const name of places) remote(name)
  const linked = remote('walk/linked', {
    Description: `${canary} description`,
    Tags: [{ Key: 'team', Value: `${canary}-tag` }]
  })
  for (const name of ['walk/taken name', 'walk/taken.key', 'walk.000', 'walk/x'].map((each) =>
    each.replace(' ', '_')
  ))
    remote(name)
  for (const name of ['paperclip/test-1/x/walk', '/PAPERCLIP/test-1/x/walk', '/paperclip//test-1/walk'])
    remote(name)
  await commit(companyId, { providerConfigId, secrets: [{ externalRef: linked }] })
  const named = await createSecret(app, companyId, { name: 'walk/taken_name', key: 'other', value: 'v' })
  const keyed = await createSecret(app, companyId, { name: 'Other', key: 'walk-taken-key', value: 'v' })
  const listed = emulator.log.length
  const rows = await walk(companyId, { providerConfigId, query: 'walk', pageSize: 100 })
  t.equal(rows.length, remoteMax)
  t.equal(emulator.log.length - listed, 3, 'one call a page')
  const find = (name: string) => rows.find(({ remoteName }) => remoteName === name)
  const { id: linkedId } = (await secretsOf(companyId)).find(({ name }: ImportRow) => name === 'walk/linked')
  t.match(find('walk/linked'), { status: 'duplicate', importable: false })
  t.match(find('walk/linked').conflicts, [{ type: 'exact_reference', existingSecretId: linkedId }])
  t.equal(find('walk/linked').conflicts.length, 1, 'and nothing else, though name and key are taken too')
  t.match(find('walk/taken_name'), {
    status: 'conflict',
    conflicts: [{ type: 'name', existingSecretId: named.id }]
  })
  t.match(find('walk/taken.key'), {
    status: 'conflict',
    conflicts: [{ type: 'key', existingSecretId: keyed.id }]
  })
  t.match(find('walk.000').conflicts, [])
  for (const name of ['paperclip/test-1/x/walk', '/PAPERCLIP/test-1/x/walk'])
    t.match(
      find(name),
      { status: 'conflict', importable: false, conflicts: [{ type: 'provider_guardrail' }] },
      name
    )
  t.ok(
    rows
      .filter(({ status }) => status === 'ready')
      .every(({ importable, conflicts }) => importable && conflicts.length === 0)
  )
  t.ok(places.filter((name) => find(name)?.status === 'ready').length >= places.length - 1)
})

t.test('a candidate is what may be shown of a remote secret, and no more', async (t) => {
  const { companyId, providerConfigId } = await newPlace()
  const arn = remote('shown/one', {
    Description: `${canary} description`,
    Tags: [{ Key: `${canary}-tag`, Value: canary }]
  })
  const { status, body, text } = await preview(companyId, { providerConfigId, query: 'shown' })
  t.equal(status, 200)
  t.strictSame(body, {
    providerConfigId,
    provider,
    nextToken: null,
    candidates: [
      {
        externalRef: arn,
        remoteName: 'shown/one',
        name: 'shown/one',
        key: 'shown-one',
        providerVersionRef: null,
        providerMetadata: {
          createdDate: body.candidates[0].providerMetadata.createdDate,
          lastChangedDate: body.candidates[0].providerMetadata.lastChangedDate,
          hasDescription: true,
          hasKmsKey: false,
          tagCount: 1
        },
        status: 'ready',
        importable: true,
        conflicts: []
      }
    ]
  })
  const { createdDate } = body.candidates[0].providerMetadata
  t.equal(createdDate, new Date(createdDate).toISOString())
  t.ok(Math.abs(Date.parse(createdDate) - Date.now()) < 600_000, 'seconds since 1970, not milliseconds')
  t.notMatch(text, canary)
})

t.test(
  'a page has 1 to 100 entries, 50 unless said otherwise, and its cursor goes back unchanged',
  async (t) => {
    const { companyId, providerConfigId } = await newPlace()
    for (let index = 0; index < 60; index++) remote(`page/${index}`)
    for (const more of [
      { pageSize: 0 },
      { pageSize: 101 },
      { pageSize: 1.5 },
      { pageSize: '5' },
      { nextToken: '' },
      { query: '' },
      { query: 'a"b' },
      { query: 'é' },
      { query: 'x'.repeat(201) }
    ])
      t.match(await preview(companyId, { providerConfigId, ...more }), { status: 400 }, JSON.stringify(more))
    const first = await preview(companyId, { providerConfigId, query: 'page', nextToken: null })
    t.equal(first.body.candidates.length, 50)
    t.type(first.body.nextToken, 'string')
    const second = await preview(companyId, {
      providerConfigId,
      query: 'page',
      nextToken: first.body.nextToken
    })
    t.equal(second.body.candidates.length, 10)
    t.equal(second.body.nextToken, null)
  }
)

t.test(
  'of two that want one name or key the first is ready; what has no key, or a name of ours, needs another',
  async (t) => {
    const { companyId, providerConfigId } = await newPlace()
    for (const name of ['twin/a', 'twin-a', 'twin/PAPERCLIP', 'PAPERCLIP_twin']) remote(name)
    for (const end of ['1', '2']) remote(`twin/${'x'.repeat(300)}${end}`)
    remote('+/-@', { Description: 'twin' })
    const rows = await walk(companyId, { providerConfigId, query: 'twin' })
    const seen = rows.map(({ key, status, conflicts }) =>
      [key.slice(0, 8), status, ...conflicts.map(({ type }: ImportRow) => type)].join(' ').trim()
    )
    t.strictSame(seen.sort(), [
      'conflict key',
      'papercli conflict name',
      'twin-a conflict key',
      'twin-a ready',
      'twin-pap ready',
      'twin-xxx conflict name key',
      'twin-xxx ready'
    ])
    t.ok(rows.every(({ name, key }) => name.length <= 160 && key.length <= 120))
  }
)

t.test('a vault must be of the company, of AWS and in use, for looking and for linking', async (t) => {
  const { companyId, providerConfigId } = await newPlace()
  const foreign = await createVault(app, newId(), { provider, config })
  const local = await createVault(app, companyId)
  const coming = await createVault(app, companyId, { provider: 'vault' })
  const warned = await createVault(app, companyId, { provider, config, status: 'warning' })
  const cases: [string, number, string][] = [
    [newId(), 404, 'vault_not_found'],
    [foreign.id, 404, 'vault_not_found'],
    [local.id, 422, 'vault_mismatch'],
    [coming.id, 422, 'vault_inactive']
  ]
  await patchVault(app, providerConfigId, { status: 'disabled' })
  const before = emulator.log.length
  for (const [id, status, code] of [...cases, [providerConfigId, 422, 'vault_inactive'] as const]) {
    t.match(await preview(companyId, { providerConfigId: id }), { status, body: { code } })
    const secrets = [{ externalRef: 'a' }]
    t.match(await commit(companyId, { providerConfigId: id, secrets }), { status, body: { code } })
  }
  t.equal(emulator.log.length, before, 'and nobody asks AWS before')
  t.equal((await preview(companyId, { providerConfigId: warned.id.toUpperCase() })).status, 200)
  t.strictSame(await secretsOf(companyId), [])
})

t.test('agents, viewers and strangers neither look nor link', async (t) => {
  const { companyId, providerConfigId } = await newPlace()
  const before = emulator.log.length
  const secrets = [{ externalRef: 'a' }]
  for (const [sender, code] of [
    [agentKey(companyId, newId()), 'forbidden'],
    [run(companyId, newId()), 'forbidden'],
    [member(companyId, 'viewer'), 'read_only_role'],
    [member(newId(), 'owner'), 'company_forbidden']
  ] as const) {
    t.match(await app.send(sender, 'POST', `${pathOf(companyId)}/preview`, { providerConfigId }), {
      status: 403,
      body: { code }
    })
    t.match(await app.send(sender, 'POST', pathOf(companyId), { providerConfigId, secrets }), {
      status: 403,
      body: { code }
    })
  }
  t.equal(emulator.log.length, before)
})

t.test(
  'one search of a vault is under way at a time, on any process; a dead holder is waited out',
  async (t) => {
    const { companyId, providerConfigId } = await newPlace()
    remote('lease/one')
    const body = { providerConfigId, query: 'lease' }
    emulator.faults.add({ operation: 'ListSecrets', effect: 'slow' })
    const before = emulator.log.length
    const slow = preview(companyId, body)
    await eventually(() => {
      if (emulator.log.length === before) throw new Error('not yet')
    })
    const refused = await preview(companyId, body, replica)
    t.match(refused, { status: 409, body: { code: 'preview_in_progress' } })
    t.equal(refused.headers.get('retry-after'), '1')
    t.equal(
      (await preview(companyId, { providerConfigId, query: 'lease/o' }, replica)).status,
      200,
      'another search'
    )
    t.equal((await slow).status, 200)
    t.equal((await preview(companyId, body, replica)).status, 200, 'it was given back')
    t.strictSame(
      await sql('select 1 from remote_previews where provider_config_id = $1', [providerConfigId]),
      []
    )
    const search = createHash('sha256').update(JSON.stringify('lease')).digest()
    const hold = (seconds: number) =>
      sql(
        `insert into remote_previews values ($1, $2, now() + make_interval(secs => $3))
       on conflict (provider_config_id, search) do update set lease_until = excluded.lease_until`,
        [providerConfigId, search, seconds]
      )
    await hold(30)
    t.equal((await preview(companyId, body)).status, 409)
    await hold(-1)
    t.equal((await preview(companyId, body)).status, 200)
    emulator.settings.policy = { Statement: [] }
    t.match(await preview(companyId, body), { status: 502, body: { code: 'provider_access_denied' } })
    emulator.settings.policy = allowAll
    t.equal((await preview(companyId, body)).status, 200, 'a failure gives it back too')
  }
)

t.test(
  'AWS was asked for lists and nothing else, and no log holds a name, a reference or a search',
  async (t) => {
    t.strictSame([...new Set(emulator.log.map(({ operation }) => operation))], ['ListSecrets'])
    for (const { logs } of [app, replica]) t.notMatch(logs(), new RegExp(`${canary}|arn:aws|walk/|lease`))
  }
)
