import {
  createAgent,
  createCompany,
  createProject,
  createSecret,
  finishRun,
  getMe,
  listActivity,
  listCompanyAccessEvents,
  listRunSecrets,
  newId,
  openRun,
  putAgentEnvironment,
  putProjectEnvironment,
  redactionPlaceholder,
  resolveEnvironment,
  resolveRunEnvironment,
  revealRunSecret,
  rotateSecret
} from '@paperclip/contracts'
import { eventually, testDatabase } from '@paperclip/testing'
import pg from 'pg'
import t, { type Test } from 'tap'
import { openApi } from './support/e2e-api.js'
import { runner, shippedMigrations, startInstallation } from './support/e2e-installation.js'
import { findLeaks, findLeaksInDatabase, findLeaksInReplies, makeCanary } from './support/e2e-leaks.js'
import {
  agentKeys,
  agentStates,
  deletions,
  leases,
  races,
  revocationUnderLoad,
  rotations
} from './support/e2e-rules.js'
import { newSetting, type World } from './support/e2e-world.js'

// Two installations after each other, on a machine that is busy with other suites.
const fileMsMax = 110_000
t.setTimeout(fileMsMax)

const topologies = [
  { gateways: 1, secrets: 1 },
  { gateways: 2, secrets: 2 }
]

for (const { gateways, secrets } of topologies) {
  t.test(`${gateways} gateways and ${secrets} secrets processes over one database`, async (t) => {
    const database = await testDatabase(t, { migrations: shippedMigrations })
    const databaseUrls = { gateway: database.url('gateway'), secrets: database.url('secrets') }
    const installation = await startInstallation(t, { gateways, secrets, databaseUrls, logLevel: 'trace' })
    const admin = new pg.Client({ connectionString: database.adminUrl })
    await admin.connect()
    const world: World = {
      installation,
      admin,
      api: openApi(installation.gateways.map(({ origin }) => origin)),
      canaries: new Map(Object.entries(installation.keys))
    }
    for (const [name, url] of Object.entries(databaseUrls))
      world.canaries.set(`database password of ${name}`, new URL(url).password)
    await t.test('the main job, over HTTP', (t) => mainJob(t, world))
    await t.test('straight at the secrets service, with a key of its own', (t) => directResolve(t, world))
    await t.test('a rotation gives latest the new value and leaves pinned ones', (t) => rotations(t, world))
    await t.test('an agent key works until it is revoked, on every gateway', (t) => agentKeys(t, world))
    await t.test('a run ends with its agent or company, on the very next request', (t) =>
      agentStates(t, world)
    )
    await t.test('no value leaves once an end is acknowledged', (t) => revocationUnderLoad(t, world))
    await t.test('a run lives as long as its lease', (t) => leases(t, world))
    await t.test('a secret in use is deleted by force only, and its history stays', (t) =>
      deletions(t, world)
    )
    await t.test('of two writers at once one wins, on whichever process', (t) => races(t, world))
    await t.test('no value, token or key has left a trace', (t) => leaks(t, world, database.adminUrl))
    await admin.end()
  })
}

async function mainJob(t: Test, world: World): Promise<void> {
  const { api, canaries } = world
  const anthropic = `${makeCanary(canaries, 'a secret')} `
  const odd = `${makeCanary(canaries, 'a secret with odd characters')}\0\r\n😀\u2028"\\`
  const password = makeCanary(canaries, 'a sensitive plain value')
  const company = await api.ok(createCompany, { body: { name: 'Acme' } })
  const companyId = company.id
  const secret = await api.ok(createSecret, {
    params: { companyId },
    body: { name: 'Anthropic API Key', value: anthropic }
  })
  t.match(secret, { key: 'anthropic-api-key', latestVersion: 1, status: 'active', referenceCount: 0 })
  const second = await api.ok(createSecret, { params: { companyId }, body: { name: 'Odd', value: odd } })
  const project = await api.ok(createProject, { params: { companyId }, body: { name: 'website' } })
  const agent = await api.ok(createAgent, {
    params: { companyId },
    body: { name: 'writer', env: { ANTHROPIC_API_KEY: '$secret:anthropic-api-key', MODEL: 'small' } }
  })
  const params = { companyId, agentId: agent.id }
  const env = {
    ANTHROPIC_API_KEY: { type: 'secret_ref' as const, secretId: secret.id, version: 'latest' as const },
    DB_PASSWORD: password,
    MODEL: 'small'
  }
  const saved = await api.ok(putAgentEnvironment, { params, body: { env } })
  t.match(saved.env.DB_PASSWORD, { type: 'plain', value: redactionPlaceholder })
  await api.ok(putProjectEnvironment, {
    params: { companyId, projectId: project.id },
    body: { env: { ODD: `$secret:${second.key}@1`, MODEL: 'large' } }
  })

  const opened = await api.ok(openRun, { params, body: { projectId: project.id } })
  const { run, token } = opened
  canaries.set('a run token', token)
  const resolved = await api.send(resolveRunEnvironment, {}, { token })
  t.same(resolved.body.env, {
    ANTHROPIC_API_KEY: anthropic,
    DB_PASSWORD: password,
    MODEL: 'large',
    ODD: odd
  })
  t.equal(resolved.headers.get('cache-control'), 'no-store')
  const revealed = await api.ok(revealRunSecret, { params: { key: secret.key } }, { token })
  t.same(revealed, { key: secret.key, value: anthropic, version: 1 })
  t.equal((await api.ok(listRunSecrets, {}, { token })).secrets.length, 2)
  const notBound = await api.send(revealRunSecret, { params: { key: 'no-such-key' } }, { token })
  t.equal(`${notBound.status} ${notBound.code}`, '403 binding_forbidden')

  const runParams = { companyId, runId: run.id }
  const finished = await api.ok(finishRun, { params: runParams, body: { status: 'succeeded' } }, { token })
  t.equal(finished.status, 'succeeded')
  t.same(await api.everywhere(resolveRunEnvironment, {}, { token }), ['401 run_closed'])
  t.same(await api.everywhere(getMe, {}, { token }), ['401 run_closed'])
  await recordOfMainJob(t, world, { companyId, agentId: agent.id, runId: run.id, secretId: secret.id })
}

interface MainJobIds {
  readonly companyId: string
  readonly agentId: string
  readonly runId: string
  readonly secretId: string
}

/** What was recorded: one event a value, naming who opened the run, and one activity row a mutation. */
async function recordOfMainJob(t: Test, { api }: World, ids: MainJobIds): Promise<void> {
  const { companyId, agentId, runId, secretId } = ids
  const events = await api.ok(listCompanyAccessEvents, { params: { companyId }, query: { runId } })
  t.same(events.map(({ outcome, configPath, code }) => [outcome, configPath, code]).sort(), [
    ['denied', null, 'binding_missing'],
    ['success', 'env.ANTHROPIC_API_KEY', null],
    ['success', 'env.ANTHROPIC_API_KEY', null],
    ['success', 'env.ODD', null]
  ])
  for (const event of events) {
    t.match(event, { actorType: 'agent', actorId: agentId, openedBy: { actorType: 'user' } })
    t.equal(event.openedBy?.actorId, 'local-board')
  }
  t.equal(events.filter((event) => event.secretId === secretId && event.version === 1).length, 2)
  const expected = [
    ...['agent.created', 'company.created', 'env.updated', 'env.updated', 'env.updated', 'project.created'],
    ...['run.finished', 'run.opened', 'secret.created', 'secret.created']
  ]
  const activity = await eventually(async () => {
    const rows = await api.ok(listActivity, { params: { companyId } })
    if (rows.length < expected.length) throw new Error(`only ${rows.length} rows of activity arrived`)
    return rows
  })
  t.same(activity.map(({ action }) => action).sort(), expected, 'each once, whoever delivered it')
  t.match(
    activity.find(({ action }) => action === 'run.finished'),
    { actorType: 'agent', actorId: agentId, runId, entityId: runId }
  )
}

async function directResolve(t: Test, world: World): Promise<void> {
  const { installation, api } = world
  const { companyId, agentId, value } = await newSetting(world, 'Direct')
  for (const { origin } of installation.secrets) {
    const client = installation.serviceClient(origin)
    const runId = newId()
    const body = { targetType: 'agent' as const, targetId: agentId, runId }
    const { env, manifest } = await client.call(resolveEnvironment, { params: { companyId }, body })
    t.same(env, { KEY: value })
    t.match(manifest, [{ envKey: 'KEY', version: 1, outcome: 'success' }])
    const [event] = await api.ok(listCompanyAccessEvents, { params: { companyId }, query: { runId } })
    t.match(event, { outcome: 'success', actorType: 'service', actorId: runner.caller, runId })
    t.match(event?.openedBy, { actorType: 'service', credentialId: runner.id })
    await t.rejects(client.call(listActivity, { params: { companyId } }), { code: 'forbidden' })
    const create = { params: { companyId }, body: { name: 'Not a board', value } }
    await t.rejects(client.call(createSecret, create), { code: 'forbidden' })
    const nowhere = { targetType: 'agent' as const, targetId: newId() }
    const empty = await client.call(resolveEnvironment, { params: { companyId }, body: nowhere })
    t.same(empty, { env: {}, manifest: [] }, 'a target without an environment has none')
    const unsigned = await fetch(`${origin}/internal/companies/${companyId}/env/resolve`, { method: 'POST' })
    t.equal(unsigned.status, 401)
    t.notOk((await unsigned.text()).includes(value))
  }
}

/** Faulty requests that hold values come first, since errors are where values leak. */
async function leaks(t: Test, world: World, adminUrl: string): Promise<void> {
  const { api, canaries, installation } = world
  const { companyId, agentId, secretId } = await newSetting(world, 'Leaks')
  const value = makeCanary(canaries, 'a value in a faulty request')
  const params = { companyId }
  const faulty = [
    await api.send(createSecret, { params, body: { name: '--', value } }),
    await api.send(createSecret, { params, body: { name: 'Key', value } }),
    await api.send(createSecret, { params, body: { name: 'Long', value: value.repeat(3_000) } }),
    await api.send(createSecret, { params, body: { name: 'x'.repeat(200), value } }),
    await api.send(createSecret, { params, body: { name: value, [value]: value } as { name: string } }),
    await api.send(rotateSecret, { params: { id: newId() }, body: { value } }),
    await api.send(rotateSecret, { params: { id: secretId }, body: { value, expectedLatestVersion: 9 } }),
    await api.send(putAgentEnvironment, {
      params: { companyId, agentId },
      body: { env: { '1A': value, PAPERCLIP_X: value, OK: { type: 'plain', value } } }
    }),
    await api.send(putAgentEnvironment, {
      params: { companyId, agentId },
      body: { env: { A: `$secret:${value}`, B: { type: value as 'plain', value } } }
    }),
    await api.send(getMe, {}, { token: value })
  ]
  for (const { status } of faulty) t.ok(status >= 400 && status < 500, `refused with ${status}`)
  for (const { origin } of installation.gateways) {
    for (const [type, text] of [
      ['application/json', `{"value":"${value}`],
      ['text/plain', value]
    ] as const) {
      const body = Buffer.from(text)
      const headers = { 'content-type': type, cookie: `session=${value}` }
      const url = `${origin}/api/companies/${companyId}/secrets?query=${value}`
      const response = await fetch(url, { method: 'POST', body, headers })
      t.equal(response.status, type === 'text/plain' ? 415 : 400)
      t.same(findLeaks(await response.text(), canaries), [])
    }
  }
  const { leaks: inDatabase, tables } = await findLeaksInDatabase(adminUrl, canaries)
  t.ok(tables > 15, `${tables} tables`)
  t.same(inDatabase, [])
  t.same(findLeaksInReplies(api.seen, canaries), [])
  for (const { process } of [...installation.gateways, ...installation.secrets]) await process.stop()
  t.match(
    installation.output(),
    /"operationId":"resolveRunEnvironment"/,
    'the logs are those of these requests'
  )
  t.same(findLeaks(installation.output(), canaries), [])
}
