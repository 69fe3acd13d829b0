/** What is left of a deleted company, over both services: its record, and nothing that opens. */
import {
  createAgentKey,
  createBoardKey,
  createSecret,
  deleteCompany,
  getAgentSelf,
  getCompany,
  getSecret,
  listActivity,
  listCompanyAccessEvents,
  listInstanceActivity,
  listSecretAccessEvents,
  resolveEnvironment,
  resolveRunEnvironment,
  revealRunSecret
} from '@paperclip/contracts'
import { eventually, testDatabase } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import { runCli } from './fixtures/run-cli.js'
import { openApi } from './support/e2e-api.js'
import { shippedMigrations, startInstallation } from './support/e2e-installation.js'
import { findLeaks } from './support/e2e-leaks.js'
import { newSetting, open, resolveOne, type World } from './support/e2e-world.js'

t.setTimeout(110_000)

t.test('a deleted company resolves nowhere, its key is destroyed, and its record stays', async (t) => {
  const database = await testDatabase(t, { migrations: shippedMigrations })
  const databaseUrls = { gateway: database.url('gateway'), secrets: database.url('secrets') }
  const installation = await startInstallation(t, {
    gateways: 2,
    secrets: 2,
    databaseUrls,
    gatewayEnv: { PAPERCLIP_ENABLE_COMPANY_DELETION: 'true' }
  })
  const admin = new pg.Client({ connectionString: database.adminUrl })
  await admin.connect()
  t.teardown(() => admin.end())
  const api = openApi(installation.gateways.map(({ origin }) => origin))
  const world: World = { installation, admin, api, canaries: new Map() }
  const gone = await newSetting(world, 'Gone')
  const kept = await newSetting(world, 'Kept')
  const { companyId, agentId, secretId, secretKey, value } = gone
  const params = { companyId }
  const run = await open(world, gone)
  const keptRun = await open(world, kept)
  const key = await api.ok(createAgentKey, { params: { id: agentId }, body: { name: 'key' } })
  const limited = await api.ok(createBoardKey, { body: { name: 'key', companyId } })
  t.equal(await resolveOne(world, run.token, 'KEY'), value)

  const wrong = await api.send(deleteCompany, { params, query: { confirm: 'gone' } })
  t.equal(`${wrong.status} ${wrong.code}`, '409 confirmation_mismatch')
  t.equal(await resolveOne(world, run.token, 'KEY'), value, 'a refusal changes nothing')
  const origin = installation.gateways[0]?.origin ?? ''
  const deleted = await runCli(['company', 'delete', 'Gone', '--confirm', 'Gone', '--json'], { origin })
  t.same(JSON.parse(deleted.stdout), { id: companyId, ok: true })

  for (const route of [resolveRunEnvironment, getAgentSelf])
    t.same(await api.everywhere(route, {}, { token: run.token }), ['401 run_closed'])
  const reveal = { params: { key: secretKey } }
  t.same(await api.everywhere(revealRunSecret, reveal, { token: run.token }), ['401 run_closed'])
  t.same(await api.everywhere(getAgentSelf, {}, { token: key.token }), ['401 unauthenticated'])
  t.same(await api.everywhere(getCompany, { params }, { token: limited.token }), ['401 unauthenticated'])
  for (const route of [getCompany, listActivity, listCompanyAccessEvents])
    t.same(await api.everywhere(route, { params }), ['404 company_not_found'])
  t.same(await api.everywhere(createSecret, { params, body: { name: 'New', value: 'x' } }), [
    '404 company_not_found'
  ])

  // Delivered before the answer, so that a service which asks past the gateway is refused from then on, too.
  for (const { origin } of installation.secrets) {
    const client = installation.serviceClient(origin)
    const resolve = (of: { companyId: string; agentId: string }) =>
      client.call(resolveEnvironment, {
        params: { companyId: of.companyId },
        body: { targetType: 'agent', targetId: of.agentId }
      })
    await t.rejects(resolve(gone), { code: 'company_shredded' })
    t.same((await resolve(kept)).env, { KEY: kept.value }, 'its neighbour is untouched')
  }
  const { rows } = await admin.query(
    'select wrapped, shredded_at from secrets.company_keys where company_id = $1',
    [companyId]
  )
  t.match(rows, [{ wrapped: null, shredded_at: Date }], 'no key is left that could open what is stored')
  t.same(await api.everywhere(getSecret, { params: { id: secretId } }), ['404 secret_not_found'])
  const history = await api.ok(listSecretAccessEvents, { params: { id: secretId } })
  t.ok(
    history.some(({ outcome }) => outcome === 'success'),
    'but who had it can still be read'
  )
  const left = await admin.query(
    `select (select count(*) from secrets.environments where company_id = $1)::int as environments,
      (select count(*) from secrets.company_secret_bindings where company_id = $1)::int as bindings`,
    [companyId]
  )
  t.same(left.rows, [{ environments: 0, bindings: 0 }], 'nor do values in the open stay behind')
  t.equal(await resolveOne(world, keptRun.token, 'KEY'), kept.value)

  const record = await eventually(async () => {
    const all = await api.ok(listInstanceActivity, { query: { limit: 500 } })
    const found = all.filter((row) => row.companyId === companyId)
    if (!found.some(({ action }) => action === 'company.deleted')) throw new Error('not recorded yet')
    return found
  })
  const actions = record.map(({ action }) => action)
  for (const action of ['company.created', 'secret.created', 'agent.created', 'run.opened', 'run.finished'])
    t.ok(actions.includes(action), `the instance's admins still read ${action}`)
  t.match(
    record.find(({ action }) => action === 'company.deleted'),
    { entityId: companyId, actorType: 'user', actorId: 'local-board', metadata: { name: 'Gone' } }
  )
  const events = await admin.query(
    'select outcome from secrets.secret_access_events where company_id = $1 order by 1',
    [companyId]
  )
  t.ok(events.rows.filter(({ outcome }) => outcome === 'success').length >= 2, 'as every reveal is')
  t.ok(
    events.rows.some(({ outcome }) => outcome === 'denied' || outcome === 'failure'),
    'and the refusals since'
  )
  t.same(findLeaks(installation.output(), world.canaries), [])
})
