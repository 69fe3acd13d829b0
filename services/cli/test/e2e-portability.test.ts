import {
  createAgent,
  createCompany,
  createProject,
  createSecret,
  deleteAgent,
  exportCompany,
  getAgentEnvironment,
  getProjectEnvironment,
  importCompany,
  listActivity,
  listAgents,
  listSecretDeclarations,
  listSecrets,
  migrateInlineEnvironments,
  putProjectEnvironment,
  resolveRunEnvironment,
  terminateAgent
} from '@paperclip/contracts'
import { eventually, testDatabase } from '@paperclip/testing'
import t, { type Test } from 'tap'
import { runCli } from './fixtures/run-cli.js'
import { type Api, openApi } from './support/e2e-api.js'
import { type Installation, shippedMigrations, startInstallation } from './support/e2e-installation.js'
import { open } from './support/e2e-world.js'

// Two installations, on a machine that is busy with other suites.
t.setTimeout(110_000)
const canary = 'canary-7f1e-value'

async function start(t: Test): Promise<{ api: Api; origin: string; installation: Installation }> {
  const database = await testDatabase(t, { migrations: shippedMigrations })
  const databaseUrls = { gateway: database.url('gateway'), secrets: database.url('secrets') }
  const installation = await startInstallation(t, {
    gateways: 1,
    secrets: 1,
    databaseUrls,
    logLevel: 'trace'
  })
  const origin = installation.gateways[0]?.origin ?? ''
  return { api: openApi([origin]), origin, installation }
}

const [one, other] = [await start(t), await start(t)]

/** A company with everything that must not travel. */
async function makeCompany({ api }: typeof one) {
  const { id: companyId } = await api.ok(createCompany, { body: { name: 'Acme' } })
  const params = { companyId }
  const secret = await api.ok(createSecret, { params, body: { name: `Key ${canary}`, value: canary } })
  const env = {
    KEY: `$secret:${secret.key}`,
    MODE: 'fast',
    SOME_TOKEN: canary,
    NOTE: `https://u:${canary}@db`,
    LITERAL: { type: 'plain' as const, value: '$secret:left-as-text' }
  }
  for (const name of ['coder', 'twin', 'twin'])
    await api.ok(createAgent, { params, body: { name, adapterType: 'claude', env } })
  const gone = await api.ok(createAgent, { params, body: { name: 'gone', env } })
  await api.ok(deleteAgent, { params: { id: gone.id } })
  const ended = await api.ok(createAgent, { params, body: { name: 'ended' } })
  await api.ok(terminateAgent, { params: { id: ended.id } })
  const { id: projectId } = await api.ok(createProject, { params, body: { name: 'website' } })
  await api.ok(putProjectEnvironment, {
    params: { companyId, projectId },
    body: { env: { REGION: 'eu', DB_PASSWORD: canary } }
  })
  return { companyId, secretId: secret.id }
}

const { companyId, secretId } = await makeCompany(one)
let importedInto = ''

t.test('an export and its declarations hold no value, id or reference of a secret', async (t) => {
  const all = await one.api.send(listSecretDeclarations, { params: { companyId } })
  const secrets = await one.api.ok(listSecretDeclarations, {
    params: { companyId },
    query: { include: 'projects', kind: 'secret' }
  })
  t.same(secrets, [
    { target: { type: 'project', name: 'website' }, name: 'DB_PASSWORD', kind: 'secret', required: true }
  ])
  t.equal(all.body.length, 17)
  t.equal(
    (await one.api.send(listSecretDeclarations, { params: { companyId }, query: { kind: 'x' as 'all' } }))
      .status,
    400
  )
  const exported = await one.api.send(exportCompany, { params: { companyId } } as never)
  const secret = { kind: 'secret', required: true }
  const env = {
    KEY: secret,
    MODE: { kind: 'plain', required: false, value: 'fast' },
    SOME_TOKEN: secret,
    NOTE: secret,
    LITERAL: { kind: 'plain', required: false, value: '$secret:left-as-text' }
  }
  t.same(exported.body, {
    format: 'paperclip-company',
    version: 1,
    company: { name: 'Acme' },
    agents: ['coder', 'twin', 'twin'].map((name) => ({ name, adapterType: 'claude', env })),
    projects: [
      {
        name: 'website',
        env: { REGION: { kind: 'plain', required: false, value: 'eu' }, DB_PASSWORD: secret }
      }
    ]
  })
  for (const { text } of [all, exported])
    for (const hidden of [canary, secretId, companyId, 'secretId'])
      t.notOk(text.includes(hidden), 'nothing of it')
})

t.test('another instance makes what is missing, once, and says what to fill in', async (t) => {
  const { api } = other
  const { id } = await api.ok(createCompany, { body: { name: 'Elsewhere' } })
  importedInto = id
  const params = { companyId: id }
  const there = await api.ok(createAgent, {
    params,
    body: { name: 'twin', env: { MODE: 'own', KEY: 'mine' } }
  })
  const printed = await runCli(['company', 'export', '--company-id', companyId], one)
  t.equal(printed.code, 0)
  const imported = await runCli(['company', 'import', '--company-id', id, '--json'], {
    origin: other.origin,
    input: printed.stdout
  })
  t.equal(imported.code, 0, imported.stderr)
  const { created, missingSecrets } = JSON.parse(imported.stdout)
  t.same(created.map(({ type, name }: { type: string; name: string }) => `${type} ${name}`).sort(), [
    'agent coder',
    'agent twin',
    'project website'
  ])
  t.equal(missingSecrets.length, 3 + 3 + 2 + 1, 'of the one that was there, not the one it has')
  const coder = created.find(({ name }: { name: string }) => name === 'coder')
  t.same((await api.ok(getAgentEnvironment, { params: { companyId: id, agentId: coder.id } })).env, {
    MODE: { type: 'plain', value: 'fast' },
    LITERAL: { type: 'plain', value: '$secret:left-as-text' }
  })
  const own = await api.ok(getAgentEnvironment, { params: { companyId: id, agentId: there.id } })
  t.same(
    own.env,
    { MODE: { type: 'plain', value: 'own' }, KEY: { type: 'plain', value: 'mine' } },
    'as it was'
  )
  const { id: projectId } = created.find(({ type }: { type: string }) => type === 'project')
  t.same((await api.ok(getProjectEnvironment, { params: { companyId: id, projectId } })).env, {
    REGION: { type: 'plain', value: 'eu' }
  })
  const again = await api.ok(importCompany, { params, body: { manifest: JSON.parse(printed.stdout) } })
  t.same(
    { ...again, missingSecrets: again.missingSecrets.length },
    { created: [], missingSecrets: 9, remaining: 0 }
  )
  t.equal((await api.ok(listAgents, { params })).length, 3)
  const project = { companyId: id, projectId }
  for (const [there, after] of [
    [{ REGION: 'own' }, { REGION: { type: 'plain', value: 'own' } }],
    [{}, { REGION: { type: 'plain', value: 'eu' } }]
  ] as const) {
    await api.ok(putProjectEnvironment, { params: project, body: { env: there } })
    const manifest = JSON.parse(printed.stdout)
    t.match(await api.ok(importCompany, { params, body: { manifest } }), { created: [] })
    t.same(
      (await api.ok(getProjectEnvironment, { params: project })).env,
      after,
      'only what had nothing is set'
    )
  }
})

t.test('that a company was taken along, and that one was brought, is on record, in numbers', async (t) => {
  const recorded = async ({ api }: typeof one, action: string, rows: number) => {
    const found = await eventually(async () => {
      const params = { companyId: action === 'company.exported' ? companyId : importedInto }
      const all = await api.ok(listActivity, { params, query: { action } })
      if (all.length < rows) throw new Error('not delivered yet')
      return all
    })
    return found.map(({ entityType, metadata }) => ({ entityType, metadata }))
  }
  const [exported] = [{ entityType: 'company', metadata: { agents: 3, projects: 1 } }]
  t.same(await recorded(one, 'company.exported', 2), [exported, exported])
  t.same(await recorded(other, 'company.imported', 4), [
    { entityType: 'company', metadata: { agents: 0, projects: 0, remaining: 0 } },
    { entityType: 'company', metadata: { agents: 0, projects: 0, remaining: 0 } },
    { entityType: 'company', metadata: { agents: 0, projects: 0, remaining: 0 } },
    { entityType: 'company', metadata: { agents: 2, projects: 1, remaining: 0 } }
  ])
})

t.test(
  'a manifest that was tampered with sets nothing secret, and one that is none is refused',
  async (t) => {
    const { api } = other
    const { id } = await api.ok(createCompany, { body: { name: 'Tampered' } })
    const params = { companyId: id }
    const base = { format: 'paperclip-company', version: 1, company: { name: 'x' } } as const
    const env = { API_TOKEN: { kind: 'plain', required: false, value: canary } } as const
    const manifest = { ...base, agents: [{ name: 'a', adapterType: 'process', env }], projects: [] }
    const { created, missingSecrets } = await api.ok(importCompany, { params, body: { manifest } })
    const [agent] = created
    t.match(missingSecrets, [{ target: { name: 'a' }, name: 'API_TOKEN' }])
    t.same((await api.ok(getAgentEnvironment, { params: { ...params, agentId: agent?.id ?? '' } })).env, {})
    // An agent may call its own variables as it likes; its secrets are made by hand, under other names.
    const own = {
      DATABASE_URL: { kind: 'secret', required: true },
      BETTER_AUTH_SECRET: env.API_TOKEN
    } as const
    const named = { ...manifest, agents: [{ name: 'b', adapterType: 'process', env: own }] }
    const made = await api.ok(importCompany, { params, body: { manifest: named } })
    t.same(
      made.missingSecrets.map(({ name }) => name),
      ['DATABASE_URL', 'BETTER_AUTH_SECRET']
    )
    t.same(await api.ok(listSecrets, { params }), [], 'and none of the deployment’s names becomes a secret')
    const refused = await api.send(createSecret, { params, body: { name: 'DATABASE_URL', value: canary } })
    t.match(refused, { status: 422, code: 'infra_secret' })
    const reserved = { PAPERCLIP_API_KEY: { kind: 'plain', required: false, value: 'plain-4711' } } as const
    const taken = { ...manifest, agents: [{ name: 'c', adapterType: 'process', env: reserved }] }
    const answer = await api.send(importCompany, { params, body: { manifest: taken } })
    t.notMatch(answer.text, 'plain-4711')
    t.match(answer, { status: 422, code: 'env_invalid' })
    const before = await api.ok(listAgents, { params })
    const plain = (value: string) => ({ kind: 'plain', required: false, value }) as const
    const drawn = `ghp_${'Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z'}`
    const large = Object.fromEntries(
      Array.from({ length: 17 }, (_, at) => [`V${at}`, plain('é'.repeat(8_000))])
    )
    const agents = [
      { name: 'fine', adapterType: 'process', env: { MODE: plain('fast'), HIDDEN: plain('***REDACTED***') } },
      {
        name: 'd',
        adapterType: 'process',
        env: { 'A-B': plain('x'), [drawn]: own.DATABASE_URL, N: plain('a\0b') }
      }
    ]
    const projects = [{ name: 'e', env: { paperclip_x: own.DATABASE_URL, L: plain('é'.repeat(9_000)) } }]
    const faulty = await api.send(importCompany, {
      params,
      body: { manifest: { ...base, agents, projects: [...projects, { name: 'f', env: large }] } }
    })
    t.match(faulty, { status: 422, code: 'env_invalid', body: { detail: /^6 entries .*nothing was made/ } })
    t.same(
      faulty.problem.errors?.map(({ pointer, code }) => [pointer.replace('/manifest', ''), code]),
      [
        ['/agents/1/env/A-B', 'name_invalid'],
        ['/agents/1/env/…', 'name_invalid'],
        ['/agents/1/env/N', 'value_invalid'],
        ['/projects/0/env/paperclip_x', 'name_reserved'],
        ['/projects/0/env/L', 'value_too_large'],
        ['/projects/1/env', 'plain_values_too_large']
      ]
    )
    t.notMatch(faulty.text, drawn)
    t.same(await api.ok(listAgents, { params }), before, 'not even what stands before')
    const shown = await api.ok(importCompany, {
      params,
      body: { manifest: { ...base, agents: agents.slice(0, 1), projects: [] } }
    })
    t.same(
      shown.missingSecrets.map(({ name }) => name),
      ['HIDDEN'],
      'a hidden value is to be filled in'
    )
    t.same(await api.ok(listSecrets, { params }), [])
    const many = (count: number) => Array.from({ length: count }, (_, at) => ({ name: `p${at}`, env: {} }))
    const variables = Object.fromEntries(Array.from({ length: 257 }, (_, at) => [`V${at}`, own.DATABASE_URL]))
    for (const wrong of [
      { ...base, agents: [], projects: many(1_001) },
      { ...base, agents: many(1_001).map((each) => ({ ...each, adapterType: 'process' })), projects: [] },
      { ...base, agents: [], projects: [{ name: 'p', env: variables }] },
      { ...manifest, version: 2 },
      { ...manifest, secrets: [] },
      { ...manifest, agents: [{ name: 'a' }] }
    ])
      t.equal((await api.send(importCompany, { params, body: { manifest: wrong as never } })).status, 400)
    const oversized = { ...base, company: { name: 'x'.repeat(2 * 1024 * 1024) }, agents: [], projects: [] }
    t.match(await api.send(importCompany, { params, body: { manifest: oversized } }), { status: 413 })
    const misused = await runCli(['company', 'import', '--company-id', id], {
      origin: other.origin,
      input: canary
    })
    t.equal(misused.code, 2)
    t.notMatch(misused.stderr, canary)
  }
)

t.test('migrated through the gateway, an agent resolves to what it did', async (t) => {
  const { api } = one
  const resolved = async (agentId: string) => {
    const { token } = await open({ api, canaries: new Map() } as never, { companyId, agentId })
    return (await api.ok(resolveRunEnvironment, {}, { token })).env
  }
  const agents = await api.ok(listAgents, { params: { companyId } })
  const agent = agents.find(({ status }) => status === 'active')
  const before = await resolved(agent?.id ?? '')
  const ran = await runCli(['secrets', 'migrate-inline-env', '--apply', '--company-id', companyId], one)
  t.match(ran, { code: 0, stderr: /7 inline values in 4 environments moved/ })
  t.notMatch(ran.stdout + ran.stderr, canary)
  t.same(await resolved(agent?.id ?? ''), before)
  t.match(await api.ok(migrateInlineEnvironments, { params: { companyId }, body: { apply: true } }), {
    values: 0
  })
})

t.test('no process has written a value', async (t) => {
  for (const { installation } of [one, other]) t.notOk(installation.output().includes(canary))
})
