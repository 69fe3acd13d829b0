import { connect } from '@paperclip/db'
import { eventually } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import { sweepPendingEnvironments } from '../src/agent/agent-environment.js'
import type { GatewayDatabase } from '../src/database.js'
import { createMutate } from '../src/outbox/mutation.js'
import { problem } from './fixtures/fake-secrets.js'
import { makeAgent, testInstallation } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await testInstallation(t)
const { gateway, secrets, database } = installation
const admin = new pg.Client({ connectionString: database.adminUrl, options: '-c search_path=gateway' })
await admin.connect()
t.teardown(() => admin.end())

const limits = {
  statementTimeoutMs: 5_000,
  lockTimeoutMs: 2_000,
  idleInTransactionTimeoutMs: 5_000,
  connectionTimeoutMs: 2_000,
  queryTimeoutMs: 6_000
}
const { db, close } = connect<GatewayDatabase>({
  url: database.url('gateway'),
  schema: 'gateway',
  applicationName: 'test',
  poolMax: 12,
  onError: () => {},
  ...limits
})
t.teardown(close)

const mutate = createMutate(db, { kick: () => {} })

t.test('a mutation and its row are there together or not at all', async (t) => {
  const company = await gateway.call('POST', '/api/companies', { body: { name: 'Atomic' } })
  await admin.query(`alter table outbox add constraint refuse_all check (id is null) not valid`)
  const path = `/api/companies/${company.json.id}`
  const renamed = await gateway.call('PATCH', path, { body: { name: 'Renamed' } })
  t.equal(renamed.status, 500)
  t.equal((await gateway.call('GET', path)).json.name, 'Atomic')
  const agent = await gateway.call('POST', `${path}/agents`, { body: { name: 'Ada' } })
  t.equal(agent.status, 500)
  t.same((await gateway.call('GET', `${path}/agents`)).rows, [])
  await admin.query('alter table outbox drop constraint refuse_all')
  t.equal((await gateway.call('PATCH', path, { body: { name: 'Renamed' } })).status, 200)
})

t.test('every mutation of the gateway is recorded, by whom, about what, without a secret', async (t) => {
  const { companyId, agentId, key, keyId } = await makeAgent(gateway)
  const at = `/api/companies/${companyId}`
  const project = await gateway.call('POST', `${at}/projects`, { body: { name: 'P' } })
  await gateway.call('PATCH', `${at}/projects/${project.json.id}`, { body: { name: 'Q' } })
  const open = (token?: string) =>
    gateway.call('POST', `${at}/agents/${agentId}/runs`, {
      body: { projectId: project.json.id },
      ...(token ? { token } : {})
    })
  const run = await open(key)
  await gateway.call('POST', `${at}/runs/${run.json.run.id}/finish`, {
    token: run.json.token,
    body: { status: 'succeeded' }
  })
  const second = await open()
  await gateway.call('DELETE', `${at}/projects/${project.json.id}`)
  await gateway.call('PATCH', `/api/agents/${agentId}`, { body: { name: 'Eve' } })
  await gateway.call('POST', `/api/agents/${agentId}/pause`)
  await gateway.call('POST', `/api/agents/${agentId}/resume`)
  await gateway.call('POST', `/api/agents/${agentId}/terminate`)
  await gateway.call('DELETE', `/api/agents/${agentId}`)
  await gateway.call('PATCH', at, { body: { status: 'archived' } })
  await gateway.call('GET', `${at}/activity`)
  const mine = secrets.applied.filter(
    (entry) => (entry.activity?.companyId ?? entry.command?.companyId) === companyId
  )
  t.same(
    mine.map((entry) => entry.activity?.action ?? entry.command?.type),
    [
      'company.created', 'agent.created', 'agent_key.created', 'project.created', 'project.updated', 'run.opened',
      'run.finished', 'run.opened', 'run.finished', 'project.deleted', 'target.deleted', 'agent.updated',
      'agent.paused', 'agent.resumed', 'agent.terminated', 'agent_key.revoked', 'agent.deleted', 'target.deleted',
      'company.updated'
    ] // biome-ignore format: a list reads better packed
  )
  const byAction = (action: string) => mine.filter((entry) => entry.activity?.action === action)
  t.match(byAction('company.created')[0]?.activity, {
    actorType: 'user', actorId: 'local-board', entityType: 'company', entityId: companyId, runId: null
  }) // biome-ignore format: reads better packed
  t.match(byAction('run.opened')[0]?.activity, {
    actorType: 'agent',
    actorId: agentId,
    runId: run.json.run.id
  })
  t.match(byAction('run.finished')[0]?.activity?.metadata, { status: 'succeeded', agentId })
  t.match(byAction('run.finished')[1]?.activity, {
    entityId: second.json.run.id,
    metadata: { status: 'cancelled', reason: 'project_deleted' }
  })
  t.match(byAction('agent_key.revoked')[0]?.activity, { entityId: keyId })
  const commands = mine.map((entry) => entry.command).filter((command) => command !== null)
  t.same(commands, [
    { type: 'target.deleted', companyId, targetType: 'project', targetId: project.json.id },
    { type: 'target.deleted', companyId, targetType: 'agent', targetId: agentId }
  ])
  const text = JSON.stringify(mine)
  for (const secret of [key, run.json.token]) t.notOk(text.includes(secret))
})

t.test('whoever reads the record finds his own change in it, whatever the way there is like', async (t) => {
  const company = await gateway.call('POST', '/api/companies', { body: { name: 'Mine' } })
  const path = `/api/companies/${company.json.id}`
  const seenBy: string[][] = []
  secrets.answer = () => {
    seenBy.push(secrets.applied.map((entry) => String(entry.activity?.metadata.name)))
    return { status: 200, body: [] }
  }
  for (let n = 0; n < 10; n++) {
    await gateway.call('PATCH', path, { body: { name: `Name ${n}` } })
    await gateway.call('GET', `${path}/activity`)
    t.ok(seenBy.at(-1)?.includes(`Name ${n}`))
  }
  secrets.deliver = () => 503
  await gateway.call('PATCH', path, { body: { name: 'Unheard' } })
  t.equal((await gateway.call('GET', `${path}/activity`)).status, 200, 'but nobody waits for ever')
  secrets.deliver = () => 200
  await eventually(() => {
    if (!secrets.applied.some((entry) => entry.activity?.metadata.name === 'Unheard'))
      throw new Error('not yet')
  })
})

t.test('what is committed while the secrets service is away arrives when it is back', async (t) => {
  const { companyId } = await makeAgent(gateway)
  await secrets.close()
  const renamed = await gateway.call('PATCH', `/api/companies/${companyId}`, { body: { name: 'Alone' } })
  t.equal(renamed.status, 200)
  t.match(await gateway.call('GET', `/api/companies/${companyId}/secrets`), {
    status: 503,
    json: { code: 'secrets_unavailable' }
  })
  await secrets.reopen()
  await eventually(() => {
    if (!secrets.applied.some((entry) => entry.activity?.metadata.name === 'Alone'))
      throw new Error('not yet')
  })
})

t.test(
  'an environment whose agent never came is deleted again, and one that was refused leaves nothing',
  async (t) => {
    const { companyId } = await makeAgent(gateway)
    const path = `/api/companies/${companyId}/agents`
    const body = { name: 'Bea', env: { TOKEN: '$secret:token' } }
    const pending = async () => (await admin.query('select agent_id from pending_agent_environments')).rows
    secrets.answer = () => ({ status: 422, body: problem(422, 'env_invalid', 'No such secret.') })
    t.match(await gateway.call('POST', path, { body }), {
      status: 422,
      json: { code: 'env_invalid', detail: 'No such secret.' }
    })
    t.same(await pending(), [])
    secrets.answer = () => ({ status: 503, body: problem(503, 'database_unavailable') })
    t.equal((await gateway.call('POST', path, { body })).status, 503)
    const [left] = await pending()
    t.ok(left, 'nobody knows what became of it')
    await sweepPendingEnvironments(mutate)
    t.equal((await pending()).length, 1, 'too young to be given up')
    await admin.query(`update pending_agent_environments set created_at = now() - interval '1 hour'`)
    t.equal(await sweepPendingEnvironments(mutate), 1)
    t.equal(await sweepPendingEnvironments(mutate), 0)
    await gateway.call('GET', `/api/companies/${companyId}/activity`)
    t.match(secrets.applied.at(-1)?.command, {
      type: 'target.deleted',
      targetType: 'agent',
      targetId: left.agent_id
    })
  }
)
