import { randomBytes } from 'node:crypto'
import { newId } from '@paperclip/contracts'
import { eventually } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import { forgedTokens, signToken } from './fixtures/forged-tokens.js'
import { makeAgent, openRun, testInstallation } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await testInstallation(t)
const { gateway, secrets, jwtSecret, database } = installation
const admin = new pg.Client({ connectionString: database.adminUrl, options: '-c search_path=gateway' })
await admin.connect()
t.teardown(() => admin.end())
const other = await installation.start()

const self = (token: string, at = gateway) => at.call('GET', '/api/agents/me', { token })

t.test('a run token is good while its run is open, and says who opened it', async (t) => {
  const { companyId, agentId, key, keyId } = await makeAgent(gateway)
  const path = `/api/companies/${companyId}/agents/${agentId}/runs`
  const opened = await gateway.call('POST', path, { token: key, body: { ttlSeconds: 60 } })
  t.equal(opened.status, 201)
  t.equal(opened.headers['cache-control'], 'no-store')
  t.same(opened.json.run.openedBy, {
    actorType: 'agent',
    actorId: agentId,
    credentialKind: 'agent_key',
    credentialId: keyId
  })
  t.equal(opened.json.run.leaseExpiresAt, null)
  t.equal(opened.json.expiresAt, opened.json.run.expiresAt)
  const payload = JSON.parse(Buffer.from(opened.json.token.split('.')[1] ?? '', 'base64url').toString())
  t.equal(payload.exp * 1000, Date.parse(opened.json.expiresAt), 'the token ends with its run')
  t.same((await self(opened.json.token)).json.run, opened.json.run)
  t.equal((await self(opened.json.token, other)).status, 200, 'on every gateway')

  const { rows } = await gateway.call('GET', `/api/companies/${companyId}/runs`)
  t.same(rows, [opened.json.run])
})

t.test('no forged token is accepted, and none of them says why', async (t) => {
  const agent = await makeAgent(gateway)
  const { token, run } = await openRun(gateway, agent)
  const forged = Object.entries(forgedTokens(token, jwtSecret))
  t.ok(forged.length >= 60, `${forged.length} tokens`)
  for (const [name, bad] of forged) {
    const { status, json } = await self(bad)
    t.equal(status, 401, name)
    t.notOk(json.run, name)
  }
  const sameRun = { sub: agent.agentId, company_id: agent.companyId, run_id: run.id, jti: newId() }
  const times = { iat: 1, exp: 2_000_000_000, iss: 'paperclip', aud: 'paperclip:runs:default' }
  const ours = signToken({ alg: 'HS256', typ: 'run+jwt' }, { ...sameRun, ...times }, jwtSecret)
  t.equal((await self(ours)).status, 200, 'the forger knows the form: only what is wrong is refused')
  t.equal((await self(token)).status, 200)
})

t.test('no header can change which run a token speaks for', async (t) => {
  const agent = await makeAgent(gateway)
  const { token, runId } = await openRun(gateway, agent)
  const second = await openRun(gateway, agent)
  const headers = {
    'x-paperclip-run-id': second.runId,
    'x-run-id': second.runId,
    'paperclip-run-id': second.runId
  }
  const { json } = await gateway.call('GET', '/api/agents/me', { token, headers })
  t.equal(json.run.id, runId)
})

t.test('a run is over on every gateway with the next request', async (t) => {
  const project = async (companyId: string) =>
    (await gateway.call('POST', `/api/companies/${companyId}/projects`, { body: { name: 'P' } })).json.id
  type Made = Awaited<ReturnType<typeof makeAgent>> & { runId: string; projectId: string }
  const endings: Record<string, (made: Made) => Promise<unknown>> = {
    finish: ({ companyId, runId }) =>
      gateway.call('POST', `/api/companies/${companyId}/runs/${runId}/finish`, {
        body: { status: 'succeeded' }
      }),
    cancel: ({ companyId, runId, key }) =>
      gateway.call('POST', `/api/companies/${companyId}/runs/${runId}/finish`, {
        token: key,
        body: { status: 'cancelled' }
      }),
    'lease expiry': ({ runId }) =>
      admin.query(`update runs set lease_seconds = 15, lease_expires_at = now() where id = $1`, [runId]),
    'end of the run': ({ runId }) => admin.query('update runs set expires_at = now() where id = $1', [runId]),
    'agent pause': ({ agentId }) => gateway.call('POST', `/api/agents/${agentId}/pause`),
    'agent terminate': ({ agentId }) => gateway.call('POST', `/api/agents/${agentId}/terminate`),
    'agent delete': ({ agentId }) => gateway.call('DELETE', `/api/agents/${agentId}`),
    'project delete': ({ companyId, projectId }) =>
      gateway.call('DELETE', `/api/companies/${companyId}/projects/${projectId}`),
    'company archive': ({ companyId }) =>
      gateway.call('PATCH', `/api/companies/${companyId}`, { body: { status: 'archived' } }),
    'agent paused by SQL': ({ agentId }) =>
      admin.query(`update agents set status = 'paused' where id = $1`, [agentId])
  }
  for (const [name, end] of Object.entries(endings)) {
    const agent = await makeAgent(gateway)
    const projectId = await project(agent.companyId)
    const { token, runId } = await openRun(gateway, agent, { projectId })
    t.equal((await self(token)).status, 200, name)
    await end({ ...agent, runId, projectId })
    for (const at of [gateway, other]) {
      const { status, json } = await self(token, at)
      t.equal(status, 401, name)
      t.match(json.code, /^(run_closed|credential_revoked)$/, name)
      const resolved = await at.call('POST', '/api/agents/me/env', { token })
      t.equal(resolved.status, 401, `${name}: no values`)
    }
  }
  const values = secrets.requests.filter((request) => request.url === '/internal/resolve-batch')
  t.equal(values.length, 0, 'nothing was even asked of the secrets service')
})

t.test('renewing moves the lease, and makes a token only when the end moves', async (t) => {
  const agent = await makeAgent(gateway)
  const { token, run } = await openRun(gateway, agent, { leaseSeconds: 60, ttlSeconds: 600 })
  const path = `/api/companies/${agent.companyId}/runs/${run.id}/renew`
  const moved = await gateway.call('POST', path, { token })
  t.equal(moved.status, 200)
  t.ok(String(moved.json.run.leaseExpiresAt) > String(run.leaseExpiresAt), 'the lease moved')
  t.equal(moved.json.expiresAt, run.expiresAt, 'the end did not')
  t.notOk('token' in moved.json)

  const shorter = await gateway.call('POST', path, { token, body: { ttlSeconds: 60 } })
  t.equal(shorter.json.expiresAt, run.expiresAt, 'an end is never brought nearer')
  t.notOk('token' in shorter.json)

  const longer = await gateway.call('POST', path, { token, body: { ttlSeconds: 7200 } })
  t.ok(longer.json.expiresAt > run.expiresAt)
  t.equal((await self(longer.json.token)).status, 200)
  t.equal((await self(token)).status, 200, 'the former token lives until its own end')

  t.equal((await gateway.call('POST', path)).status, 403, 'only the run itself renews')
  const second = await openRun(gateway, agent)
  t.equal((await gateway.call('POST', path, { token: second.token })).status, 404, 'not another run')
  t.equal((await gateway.call('POST', path, { token, body: { ttlSeconds: 86_401 } })).status, 400)
})

t.test('finishing twice gives the first outcome, but the own token is 401 by then', async (t) => {
  const agent = await makeAgent(gateway)
  const { token, runId } = await openRun(gateway, agent)
  const path = `/api/companies/${agent.companyId}/runs/${runId}/finish`
  const first = await gateway.call('POST', path, { token, body: { status: 'failed' } })
  t.match(first, { status: 200, json: { status: 'failed', id: runId } })
  t.match(await gateway.call('POST', path, { token, body: { status: 'failed' } }), {
    status: 401,
    json: { code: 'run_closed' }
  })
  const again = await gateway.call('POST', path, { body: { status: 'succeeded' } })
  t.same(again.json, first.json)
  const stranger = await makeAgent(gateway)
  t.equal((await gateway.call('POST', path, { token: stranger.key, body: { status: 'failed' } })).status, 403)
  const sibling = await gateway.call('POST', `/api/companies/${agent.companyId}/agents`, {
    body: { name: 'Bea' }
  })
  const key = await gateway.call('POST', `/api/agents/${sibling.json.id}/keys`, { body: { name: 'k' } })
  t.equal(
    (await gateway.call('POST', path, { token: key.json.token, body: { status: 'failed' } })).status,
    404
  )
})

t.test('an agent key opens runs of its own agent only', async (t) => {
  const { companyId, agentId, key } = await makeAgent(gateway)
  const sibling = await gateway.call('POST', `/api/companies/${companyId}/agents`, { body: { name: 'Bea' } })
  const open = (agent: string, token?: string, body: object = {}) =>
    gateway.call('POST', `/api/companies/${companyId}/agents/${agent}/runs`, {
      ...(token ? { token } : {}),
      body
    })
  const foreign = await open(sibling.json.id, key)
  const absent = await open(newId(), key)
  t.equal(foreign.status, 403)
  t.equal(absent.status, 403, 'and learns nothing about others')
  t.match(await open(agentId, key, { projectId: newId() }), {
    status: 422,
    json: { code: 'project_invalid' }
  })
  t.equal((await open(newId())).status, 404)
  await gateway.call('POST', `/api/agents/${agentId}/pause`)
  t.match(await open(agentId), { status: 422, json: { code: 'agent_inactive' } })
  await gateway.call('POST', `/api/agents/${agentId}/resume`)
  await gateway.call('PATCH', `/api/companies/${companyId}`, { body: { status: 'archived' } })
  t.match(await open(agentId), { status: 422, json: { code: 'company_archived' } })
})

t.test('two gateways sweeping at once close every overdue run once, and record it once', async (t) => {
  const agent = await makeAgent(gateway)
  const runs = await Promise.all(
    Array.from({ length: 20 }, () => openRun(gateway, agent, { leaseSeconds: 15 }))
  )
  const ids = runs.map((run) => run.runId)
  await admin.query(`update runs set lease_expires_at = now() - interval '1 second' where id = any($1)`, [
    ids
  ])
  // A request with such a token wakes the sweep of the gateway it came to.
  await Promise.all([gateway, other].map((at) => self(runs[0]?.token ?? '', at)))
  const expired = () =>
    secrets.applied.filter(
      (entry) => entry.activity?.action === 'run.expired' && ids.includes(entry.activity.entityId)
    )
  await eventually(() => {
    if (expired().length < ids.length) throw new Error(`${expired().length} recorded`)
  })
  const { rows } = await admin.query(`select distinct status from runs where id = any($1)`, [ids])
  t.same(rows, [{ status: 'expired' }])
  t.equal(new Set(expired().map((entry) => entry.activity?.entityId)).size, ids.length)
  t.equal(expired().length, ids.length)
  t.match(expired()[0]?.activity, { actorType: 'system', actorId: 'gateway', entityType: 'run' })
  const late = await gateway.call('POST', `/api/companies/${agent.companyId}/runs/${ids[0]}/finish`, {
    body: { status: 'succeeded' }
  })
  t.equal(late.json.status, 'expired', 'what expired did not succeed afterwards')
})

t.test('a secret that is on its way out verifies and signs no more', async (t) => {
  const agent = await makeAgent(gateway)
  const { token } = await openRun(gateway, agent)
  const fresh = randomBytes(32).toString('base64url')
  const rotated = await installation.start({
    PAPERCLIP_AGENT_JWT_SECRET: fresh,
    PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS: jwtSecret
  })
  t.equal((await self(token, rotated)).status, 200)
  const next = await openRun(rotated, agent)
  t.equal((await self(next.token, rotated)).status, 200)
  t.equal((await self(next.token, gateway)).status, 401, 'signed with the new one')
  const retired = await installation.start({ PAPERCLIP_AGENT_JWT_SECRET: fresh })
  t.equal((await self(token, retired)).status, 401)
})

t.test(
  'of several gateways, all know a new secret before one signs with it, and no token is refused',
  async (t) => {
    const agent = await makeAgent(gateway)
    const fresh = randomBytes(32).toString('base64url')
    // First everywhere as the one that only verifies, then in turn as the one that signs.
    const told = { PAPERCLIP_AGENT_JWT_SECRET: jwtSecret, PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS: fresh }
    const turned = { PAPERCLIP_AGENT_JWT_SECRET: fresh, PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS: jwtSecret }
    const both = [await installation.start(told), await installation.start(turned)]
    for (const at of both) {
      const { token } = await openRun(at, agent)
      for (const reader of both) t.equal((await self(token, reader)).status, 200)
    }
  }
)

t.test('without a secret no run is opened and no token accepted', async (t) => {
  const agent = await makeAgent(gateway)
  const { token } = await openRun(gateway, agent)
  const bare = await installation.start({ PAPERCLIP_AGENT_JWT_SECRET: '' })
  const path = `/api/companies/${agent.companyId}/agents/${agent.agentId}/runs`
  t.match(await bare.call('POST', path), { status: 503, json: { code: 'run_tokens_unavailable' } })
  t.equal((await self(token, bare)).status, 401)
})
