import { newId } from '@paperclip/contracts'
import t from 'tap'
import { startSecretsWithAws } from './support/aws-app.js'
import { adminSession, createSecret, putEnv, resolve } from './support/fixtures.js'
import { canary, type ImportRow, importScene, provider } from './support/import-scene.js'
import { operator, secretsDatabase } from './support/secrets-app.js'
import { createVault } from './support/vaults.js'

const database = await secretsDatabase(t)
const { app, replica, emulator, preview, commit, walk, remote, newPlace, secretsOf } = await importScene(
  t,
  database
)
const sql = await adminSession(t, database)

const config = { region: 'us-east-1' }

async function activityOf(companyId: string): Promise<ImportRow[]> {
  const { body } = await app.send(operator(), 'GET', `/companies/${companyId}/activity`)
  return body.filter(({ action }: ImportRow) => action.startsWith('secret.'))
}

t.test('rows say what became of them, and the counts add up', async (t) => {
  const { companyId, providerConfigId } = await newPlace()
  const [one, two, three] = [remote('link/one'), remote('link/two'), remote('link/three')]
  await createSecret(app, companyId, { name: 'Taken', key: 'taken-key', value: 'v' })
  const managed = remote('paperclip/test-1/c/k')
  const secrets = [
    { externalRef: one },
    {
      externalRef: two,
      name: '  Stripe production ',
      key: 'Stripe.Key',
      description: '  ',
      providerVersionRef: 'AWSPREVIOUS',
      providerMetadata: { createdDate: '2026-05-06T02:00:00+02:00', hasKmsKey: true, tagCount: 3 }
    },
    { externalRef: one, name: 'Again' },
    { externalRef: three, name: 'Taken' },
    { externalRef: three, name: 'New', key: 'TAKEN-KEY' },
    { externalRef: three, name: 'link/one' },
    { externalRef: managed },
    { externalRef: managed.replace('us-east-1', 'eu-west-1') },
    { externalRef: ' blank' },
    { externalRef: three, name: 'a\tb' },
    { externalRef: three, name: '日本' },
    { externalRef: three, name: 'BETTER_AUTH_SECRET' },
    { externalRef: three, providerVersionRef: ' x' },
    { externalRef: three }
  ]
  const before = emulator.log.length
  const { status, body } = await commit(companyId, { providerConfigId, secrets })
  t.equal(status, 200)
  t.equal(emulator.log.length, before, 'AWS is asked nothing')
  t.strictSame(
    body.results.map(({ status, reason }: ImportRow) => `${status} ${reason}`),
    [
      'imported null',
      'imported null',
      'skipped exact_reference',
      'skipped name_taken',
      'skipped key_taken',
      'skipped name_taken',
      'error external_ref_managed',
      'error external_ref_invalid',
      'error external_ref_invalid',
      'error name_invalid',
      'error key_required',
      'error infra_secret',
      'error version_ref_invalid',
      'imported null'
    ]
  )
  t.match(body, { providerConfigId, provider, importedCount: 3, skippedCount: 4, errorCount: 7 })
  t.strictSame(
    body.results.map(({ externalRef }: ImportRow) => externalRef),
    secrets.map(({ externalRef }) => externalRef)
  )
  t.match(body.results[2].conflicts, [
    { type: 'exact_reference', existingSecretId: body.results[0].secretId }
  ])
  t.match(body.results[6].conflicts, [{ type: 'provider_guardrail', existingSecretId: null }])
  const { body: row } = await app.send(operator(), 'GET', `/secrets/${body.results[1].secretId}`)
  t.match(row, {
    key: 'stripe.key',
    name: 'Stripe production',
    provider,
    status: 'active',
    managedMode: 'external_reference',
    externalRef: two,
    providerConfigId,
    description: null,
    latestVersion: 1,
    createdByUserId: 'local-board'
  })
  t.strictSame(row.providerMetadata, {
    createdDate: '2026-05-06T00:00:00.000Z',
    hasKmsKey: true,
    tagCount: 3
  })
  const versions = await sql(
    'select version, status, sealed, fingerprint, external_ref, provider_version_ref, provider_config_id from company_secret_versions where secret_id = $1',
    [row.id]
  )
  t.strictSame(versions, [
    {
      version: 1,
      status: 'current',
      sealed: null,
      fingerprint: null,
      external_ref: two,
      provider_version_ref: 'AWSPREVIOUS',
      provider_config_id: providerConfigId
    }
  ])
})

t.test(
  'an import has 1 to 100 rows, also of the longest references, and no member that is not known',
  async (t) => {
    const { companyId, providerConfigId } = await newPlace()
    const rows = (length: number) => Array.from({ length }, (_, index) => ({ externalRef: `many/${index}` }))
    for (const secrets of [
      [],
      rows(101),
      [{ externalRef: '' }],
      [{ name: 'no reference' }],
      [{ externalRef: 'a', value: canary }],
      [{ externalRef: 'a', key: 'with space' }],
      [{ externalRef: 'a', providerMetadata: { arn: canary } }],
      [{ externalRef: 'a', providerMetadata: { createdDate: canary } }]
    ]) {
      const answer = await commit(companyId, { providerConfigId, secrets })
      t.match(answer, { status: 400, body: { code: 'invalid_request' } })
      t.notMatch(answer.text, canary)
    }
    t.match(await commit(companyId, { providerConfigId, secrets: rows(100) }), {
      status: 200,
      body: { importedCount: 100 }
    })
    t.match(await commit(companyId, { providerConfigId, secrets: rows(100) }), {
      status: 200,
      body: { importedCount: 0, skippedCount: 100 }
    })
    const long = rows(100).map(({ externalRef }) => ({
      externalRef: `${externalRef}/${'x'.repeat(2_000)}`,
      providerVersionRef: 'v'.repeat(512),
      name: `${externalRef} ${'𝒩'.repeat(140)}`,
      key: `${externalRef.replace('/', '-')}-${'k'.repeat(100)}`,
      description: '𝒟'.repeat(500)
    }))
    const { status, body } = await commit(companyId, { providerConfigId, secrets: long })
    t.equal(status, 200)
    t.equal(body.importedCount + body.errorCount, 100)
  }
)

t.test('what was linked in another spelling is linked already, and what was deleted is not', async (t) => {
  const { companyId, providerConfigId } = await newPlace()
  const arn = remote('spelt/one')
  const bare = arn.slice(0, -7)
  const linked = await commit(companyId, { providerConfigId, secrets: [{ externalRef: bare, name: 'Bare' }] })
  t.match(linked, { body: { importedCount: 1 } })
  const secretId = linked.body.results[0].secretId
  t.match((await walk(companyId, { providerConfigId, query: 'spelt' }))[0], { status: 'duplicate' })
  for (const externalRef of [arn, bare]) {
    const again = await commit(companyId, { providerConfigId, secrets: [{ externalRef, name: newId() }] })
    t.match(again.body.results, [
      { status: 'skipped', reason: 'exact_reference', conflicts: [{ existingSecretId: secretId }] }
    ])
  }
  const { id: otherVault } = await createVault(app, companyId, { provider, config })
  t.match(
    (await walk(companyId, { providerConfigId: otherVault, query: 'spelt' }))[0],
    { status: 'ready' },
    'through another vault it is not'
  )
  await app.send(operator(), 'DELETE', `/secrets/${secretId}`)
  const anew = await commit(companyId, { providerConfigId, secrets: [{ externalRef: arn, name: 'Bare' }] })
  t.match(anew.body.results, [{ status: 'imported' }])
  t.not(anew.body.results[0].secretId, secretId)
  const other = await commit(companyId, {
    providerConfigId,
    secrets: [{ externalRef: bare, name: 'Shorter' }]
  })
  t.match(other.body.results, [{ reason: 'exact_reference' }], 'the shorter form of what is linked')
})

t.test(
  "a company cannot link what the deployment keeps for another one, nor what lies in another one's vault",
  async (t) => {
    const env = { PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES: 'shared,tenants/{companyId}' }
    const { app: walled } = await startSecretsWithAws(t, database, { emulator, env })
    const [own, other] = [await newPlace(), await newPlace()]
    await createVault(app, other.companyId, {
      provider,
      config: { ...config, secretNamePrefix: 'fence', namespace: 'ns' }
    })
    const { companyId, providerConfigId } = own
    const names = [
      `tenants/${companyId}/fence`,
      'shared/fence',
      `tenants/${other.companyId}/fence`,
      'fence/ns/other'
    ]
    for (const name of names) remote(name)
    const { body } = await preview(companyId, { providerConfigId, query: 'fence' }, walled)
    const rows: ImportRow[] = names.map((name) =>
      body.candidates.find(({ remoteName }: ImportRow) => remoteName === name)
    )
    t.strictSame(
      rows.map(({ status, conflicts }) =>
        [status, ...conflicts.map(({ type }: ImportRow) => type)].join(' ')
      ),
      ['ready', 'ready', 'conflict provider_guardrail', 'conflict provider_guardrail']
    )
    const secrets = rows.map(({ externalRef }) => ({ externalRef }))
    const committed = await commit(companyId, { providerConfigId, secrets }, walled)
    t.strictSame(
      committed.body.results.map(({ reason }: ImportRow) => reason),
      [null, null, 'external_ref_not_allowed', 'external_ref_managed']
    )
  }
)

t.test('a secret that came after the preview is skipped, and the others are linked', async (t) => {
  const { companyId, providerConfigId } = await newPlace()
  for (const name of ['stale/a', 'stale/b', 'stale/c']) remote(name)
  const rows = await walk(companyId, { providerConfigId, query: 'stale' })
  t.ok(rows.every(({ importable }) => importable))
  await createSecret(replica, companyId, { name: 'stale/b', value: 'v' })
  const secrets = rows.map(({ externalRef, name, key, providerMetadata }) => ({
    externalRef,
    name,
    key,
    providerMetadata
  }))
  const { body } = await commit(companyId, { providerConfigId, secrets })
  t.strictSame(
    body.results.map(({ status }: ImportRow) => status),
    ['imported', 'skipped', 'imported']
  )
})

t.test(
  'of parallel imports and creates each name and reference is taken once, on both processes',
  async (t) => {
    const { companyId, providerConfigId } = await newPlace()
    for (let round = 0; round < 3; round++) {
      const rows = Array.from({ length: 40 }, (_, index) => ({ externalRef: `race/${round}/${index}` }))
      const creates = Array.from({ length: 10 }, (_, index) => ({
        name: `race/${round}/${index * 4}`,
        value: 'v'
      }))
      const answers = await Promise.all([
        commit(companyId, { providerConfigId, secrets: rows }),
        commit(companyId, { providerConfigId, secrets: [...rows].reverse() }, replica),
        ...creates.map((body, index) =>
          (index % 2 ? app : replica).send(operator(), 'POST', `/companies/${companyId}/secrets`, body)
        )
      ])
      const [first, second, ...created] = answers
      t.ok([first, second].every((answer) => answer?.status === 200))
      t.ok(created.every(({ status }) => status === 201 || status === 409))
      const imported = first?.body.importedCount + second?.body.importedCount
      const made = created.filter(({ status }) => status === 201).length
      t.equal(imported + made, 40, 'each exactly once')
      for (const answer of [first, second]) {
        const { importedCount, skippedCount, errorCount } = answer?.body ?? {}
        t.equal(importedCount + skippedCount + errorCount, 40)
      }
    }
    const [{ count, names, references } = {}] = await sql(
      `select count(*)::int as count, count(distinct name)::int as names,
       count(distinct external_ref) filter (where external_ref is not null)::int
         - count(external_ref)::int as references
     from company_secrets where company_id = $1`,
      [companyId]
    )
    t.strictSame([count, names, references], [120, 120, 0])
  }
)

t.test('an import that cannot be recorded links nothing', async (t) => {
  const { companyId, providerConfigId } = await newPlace()
  await sql(`create function refuse_import() returns trigger language plpgsql as $$
    begin if new.action = 'secret.remote_import.completed' then raise exception 'refused'; end if; return new; end $$`)
  await sql(
    'create trigger refuse_import before insert on activity_log for each row execute function refuse_import()'
  )
  t.equal((await commit(companyId, { providerConfigId, secrets: [{ externalRef: 'x' }] })).status, 500)
  await sql('drop trigger refuse_import on activity_log')
  t.strictSame(await secretsOf(companyId), [])
})

t.test('the record holds counts, provider and vault, and nothing of what was linked', async (t) => {
  const { companyId, providerConfigId } = await newPlace()
  const arn = remote(`record/${canary}`)
  await walk(companyId, { providerConfigId, query: 'record' })
  await commit(companyId, { providerConfigId, secrets: [{ externalRef: arn }, { externalRef: arn }] })
  const rows = await activityOf(companyId)
  t.strictSame(
    rows.map(({ action, entityType, entityId, metadata }: ImportRow) => ({
      action,
      entityType,
      entityId,
      metadata
    })),
    [
      {
        action: 'secret.remote_import.completed',
        entityType: 'secret_provider_config',
        entityId: providerConfigId,
        metadata: { provider, providerConfigId, importedCount: 1, skippedCount: 1, errorCount: 0 }
      },
      {
        action: 'secret.remote_import.previewed',
        entityType: 'secret_provider_config',
        entityId: providerConfigId,
        metadata: {
          provider,
          providerConfigId,
          candidateCount: 1,
          readyCount: 1,
          duplicateCount: 0,
          conflictCount: 0
        }
      }
    ]
  )
})

t.test(
  'AWS was asked for lists and nothing else, and no log holds a name, a reference or a search',
  async (t) => {
    t.strictSame([...new Set(emulator.log.map(({ operation }) => operation))], ['ListSecrets'])
    for (const { logs } of [app, replica]) t.notMatch(logs(), new RegExp(`${canary}|arn:aws|walk/|lease`))
  }
)

t.test('what was imported is read through its vault when a bound run asks, and not before', async (t) => {
  const [{ companyId, providerConfigId }, agentId] = [await newPlace(), newId()]
  const secrets = [{ externalRef: remote('bound/one'), key: 'bound' }]
  t.match(await commit(companyId, { providerConfigId, secrets }), { body: { importedCount: 1 } })
  await putEnv(app, { companyId, agentId }, { K: '$secret:bound' })
  const before = emulator.log.length
  t.strictSame((await resolve(replica, { companyId, agentId })).body.env, { K: `${canary}-value` })
  t.match(emulator.log.slice(before), [{ operation: 'GetSecretValue' }])
})
