import { newId, type ResolveItem } from '@paperclip/contracts'
import { createLogger } from '@paperclip/server'
import t from 'tap'
import type { BoardActor } from '../src/auth/actor.js'
import { loadConfig } from '../src/config.js'
import { openDatabases } from '../src/connections.js'
import { migrationsFolder } from '../src/package-files.js'
import { labelTargets } from '../src/vault/usage.js'
import { problem } from './fixtures/fake-secrets.js'
import { makeAgent, openRun, testInstallation } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await testInstallation(t)
const { gateway, secrets } = installation
const mine = await makeAgent(gateway)
const at = `/api/companies/${mine.companyId}`
/** The last request that was handed on; what the gateway sends for itself comes when it comes. */
const last = () => secrets.requests.findLast((request) => request.actor.type !== 'service')

t.test('a request is handed on as it came, with who is behind it and nothing else', async (t) => {
  secrets.answer = () => ({
    status: 201,
    headers: { link: '</api/x?cursor=y>; rel="next"', 'x-internal': 'no', 'set-cookie': 'a=b' },
    body: { id: 'x' }
  })
  const body = '{ "name":"Key",\n "value":"a \\u00e9 value" }'
  const reply = await gateway.call('POST', `${at}/secrets`, { body, headers: { cookie: 'a=b' } })
  t.match(reply, { status: 201, json: { id: 'x' }, headers: { link: '</api/x?cursor=y>; rel="next"' } })
  t.notOk(reply.headers['x-internal'])
  t.notOk(reply.headers['set-cookie'])
  t.match(last(), { method: 'POST', url: `/internal/companies/${mine.companyId}/secrets` })
  t.equal(last()?.body.toString(), body, 'byte for byte')
  t.same(
    { ...last()?.actor, requestId: '' },
    {
      v: 1,
      type: 'board',
      userId: 'local-board',
      agentId: null,
      companyId: null,
      credential: { kind: 'local_operator', id: null },
      runId: null,
      projectId: null,
      openedBy: null,
      isInstanceAdmin: true,
      memberships: [],
      source: 'local_operator',
      requestId: ''
    }
  )
  secrets.answer = () => ({ status: 200, body: [] })
  await gateway.call('GET', `${at}/secrets?query=${encodeURIComponent('a b&c="é"')}&limit=5`)
  t.equal(last()?.url, `/internal/companies/${mine.companyId}/secrets?query=a+b%26c%3D%22%C3%A9%22&limit=5`)
  const upper = await gateway.call('GET', `/api/companies/${mine.companyId.toUpperCase()}/secrets`)
  t.equal(upper.status, 200)
  t.equal(last()?.url, `/internal/companies/${mine.companyId}/secrets`, 'an id has one spelling inside')
  t.same(secrets.refused, [])
})

t.test('problems of the secrets service reach the caller; faults of the way are 503', async (t) => {
  secrets.answer = () => ({ status: 409, body: problem(409, 'name_taken', 'The name is taken.') })
  const taken = await gateway.call('POST', `${at}/secrets`, { body: { name: 'x', value: 'y' } })
  t.match(taken, { status: 409, json: { code: 'name_taken' }, headers: { 'cache-control': 'no-store' } })
  t.match(taken.headers['content-type'], /problem\+json/)
  secrets.answer = () => ({ status: 401, body: problem(401, 'replayed') })
  t.match(await gateway.call('GET', `${at}/secrets`), { status: 503, json: { code: 'secrets_unavailable' } })
  secrets.answer = () => ({ status: 302, headers: { location: 'http://127.0.0.1:1/' } })
  t.match(await gateway.call('GET', `${at}/secrets`), { status: 503, json: { code: 'secrets_unavailable' } })
  const started = performance.now()
  await secrets.close()
  const down = await gateway.call('GET', `${at}/secrets`)
  t.match(down, { status: 503, json: { code: 'secrets_unavailable' } })
  t.ok(performance.now() - started < 1_000, 'within a second')
  const health = await gateway.call('GET', '/api/health')
  t.match(health, { status: 200, json: { status: 'degraded', components: { database: { status: 'ok' } } } })
  t.equal((await gateway.call('GET', '/readyz')).status, 200, 'what is our own goes on')
  await secrets.reopen()
  secrets.answer = () => ({ status: 200, body: [] })
  t.equal((await gateway.call('GET', `${at}/secrets`)).status, 200, 'and it recovers by itself')
})

t.test('an environment is only read or written for what exists in that company', async (t) => {
  const other = await makeAgent(gateway, { company: 'Other' })
  const project = await gateway.call('POST', `${at}/projects`, { body: { name: 'P' } })
  secrets.answer = () => ({ status: 200, body: { env: {} } })
  const before = secrets.requests.length
  for (const target of [`agents/${other.agentId}`, `agents/${newId()}`, `projects/${newId()}`]) {
    t.match(await gateway.call('GET', `${at}/${target}/env`), { status: 404, json: { code: 'not_found' } })
    t.equal((await gateway.call('PUT', `${at}/${target}/env`, { body: { env: {} } })).status, 404)
  }
  t.notOk(secrets.requests.slice(before).some((request) => request.url.endsWith('/env')))
  for (const target of [`agents/${mine.agentId}`, `projects/${project.json.id}`])
    t.equal((await gateway.call('PUT', `${at}/${target}/env`, { body: { env: { A: 'b' } } })).status, 200)
})

t.test('what is deleted while its environment is on the way leaves none behind', async (t) => {
  const made = await gateway.call('POST', `${at}/agents`, { body: { name: 'Short' } })
  secrets.answer = async ({ method }) => {
    if (method === 'PUT') await gateway.call('DELETE', `/api/agents/${made.json.id}`)
    return { status: 200, body: { env: {} } }
  }
  t.equal((await gateway.call('PUT', `${at}/agents/${made.json.id}/env`, { body: { env: {} } })).status, 404)
  await gateway.call('GET', `${at}/activity`)
  const commands = secrets.applied.filter((entry) => entry.command?.type === 'target.deleted')
  t.equal(commands.length, 2, 'once for the agent, and once more after what came late')
})

t.test('an agent is made with its environment, which is written first', async (t) => {
  secrets.answer = async ({ url }) => {
    const agentId = url.split('/')[5] ?? ''
    const early = await gateway.call('GET', `/api/agents/${agentId}`)
    return early.status === 404 ? { status: 200, body: { env: {} } } : { status: 500 }
  }
  const env = { TOKEN: '$secret:token', MODE: { type: 'plain', value: 'x' } }
  const made = await gateway.call('POST', `${at}/agents`, {
    body: { name: 'Bea', adapterType: 'codex', env }
  })
  t.match(made, { status: 201, json: { name: 'Bea', adapterType: 'codex' } })
  t.notOk('env' in made.json)
  const put = secrets.requests.findLast((request) => request.method === 'PUT')
  t.equal(put?.url, `/internal/companies/${mine.companyId}/agents/${made.json.id}/env`)
  t.same(JSON.parse(put?.body.toString() ?? ''), { env })
  secrets.answer = () => ({ status: 422, body: problem(422, 'env_invalid') })
  const refused = await gateway.call('PATCH', `/api/agents/${made.json.id}`, { body: { name: 'Eve', env } })
  t.match(refused, { status: 422, json: { code: 'env_invalid' } })
  t.equal((await gateway.call('GET', `/api/agents/${made.json.id}`)).json.name, 'Bea', 'nothing was saved')
})

const binding = (targetType: 'agent' | 'project', targetId: string) => ({
  id: newId(),
  targetType,
  targetId,
  configPath: 'env.A',
  versionSelector: 'latest',
  target: { type: targetType, id: targetId, label: null, status: null }
})

t.test('usage names the targets that the gateway knows, and says which are gone', async (t) => {
  const project = await gateway.call('POST', `${at}/projects`, { body: { name: 'Site' } })
  const secretId = newId()
  const bindings = [
    binding('agent', mine.agentId),
    binding('project', project.json.id),
    binding('agent', newId())
  ]
  secrets.answer = () => ({ status: 200, body: { secretId, bindings } })
  const { json } = await gateway.call('GET', `/api/secrets/${secretId}/usage`)
  t.match(json, {
    secretId,
    bindings: [
      { target: { type: 'agent', id: mine.agentId, label: 'Ada', status: 'active' } },
      { target: { type: 'project', label: 'Site', status: 'active' } },
      { target: { type: 'agent', label: null, status: 'deleted' } }
    ]
  })
  secrets.answer = () => ({ status: 404, body: problem(404, 'secret_not_found') })
  t.match(await gateway.call('GET', `/api/secrets/${secretId}/usage`), { json: { code: 'secret_not_found' } })
})

t.test('usage names nothing of a company that the reader may not enter, nor of two at once', async (t) => {
  const theirs = await makeAgent(gateway)
  const bindings = [binding('agent', mine.agentId), binding('agent', theirs.agentId)]
  const usage = { secretId: newId(), bindings }
  const { secrets: credentials } = loadConfig(installation.env)
  const logger = createLogger({ service: 'gateway', level: 'fatal' })
  const databases = await openDatabases({ secrets: credentials, logger, migrationsFolder })
  t.teardown(() => databases.close())
  const targetsFor = async (more: Pick<BoardActor, 'isInstanceAdmin' | 'memberships'>) => {
    const who = {
      kind: 'board',
      userId: 'u',
      onlyCompanyId: null,
      credentialKind: 'session',
      credentialId: null,
      source: 's'
    } as const
    const body = Buffer.from(JSON.stringify(usage))
    const labelled = await labelTargets(databases.main.db, { actor: { ...who, ...more }, body })
    return labelled.bindings.map(({ target }) => [target.label, target.status])
  }
  const member = { isInstanceAdmin: false, memberships: new Map([[mine.companyId, 'viewer' as const]]) }
  t.same(await targetsFor(member), [
    ['Ada', 'active'],
    [null, 'deleted']
  ])
  t.same(await targetsFor({ isInstanceAdmin: true, memberships: new Map() }), [
    [null, null],
    [null, null]
  ])
})

t.test('a key that no secret can have is answered like one that is not bound', async (t) => {
  const { token } = await openRun(gateway, mine)
  secrets.answer = () => ({ status: 403, body: problem(403, 'binding_forbidden') })
  const reveal = (key: string) => gateway.call('POST', `/api/agents/me/secrets/${key}/value`, { token })
  for (const key of ['%2e', '%2e%2e', 'no-such'])
    t.match(await reveal(key), { status: 403, json: { code: 'binding_forbidden' } }, key)
  for (const key of ['..%2fx', 'a%2fb', 'a%00b', 'a%20b', '%C3%A9'])
    t.match(await reveal(key), { status: 404, json: { code: 'not_found' } }, key)
  secrets.answer = () => ({ status: 200, body: { key: 'k', value: 'v', version: 1 } })
  const good = await reveal('my.key_1')
  t.match(good, { status: 200, headers: { 'cache-control': 'no-store' }, json: { value: 'v' } })
  t.match(last()?.actor, {
    type: 'agent',
    credential: { kind: 'run_token' },
    openedBy: { actorType: 'user' }
  })
  t.equal((await gateway.call('POST', '/api/agents/me/secrets/k/value', { token: mine.key })).status, 403)
})

t.test(
  'runs that resolve together share requests, and each gets its own answer, byte for byte',
  async (t) => {
    const runs = await Promise.all(Array.from({ length: 40 }, () => openRun(gateway, mine)))
    const text = (item: ResolveItem) => ({ env: { RUN: item.runId, 'é\n': '{}\n200 3\nabc' }, manifest: [] })
    const bad = new Set(runs.slice(0, 10).map((run) => run.runId))
    secrets.resolve = (item) =>
      bad.has(item.runId)
        ? { status: 422, body: problem(422, 'version_inactive', item.runId) }
        : { status: 200, body: text(item) }
    const before = secrets.requests.length
    const replies = await Promise.all(
      runs.map(({ token }) => gateway.call('POST', '/api/agents/me/env', { token }))
    )
    for (const [index, reply] of replies.entries()) {
      const { runId } = runs[index] ?? { runId: '' }
      t.equal(reply.headers['cache-control'], 'no-store')
      if (bad.has(runId)) {
        t.match(reply, { status: 422, json: { code: 'version_inactive', detail: runId } })
        t.match(reply.headers['content-type'], /problem\+json/)
      } else t.match(reply, { status: 200, json: { env: { RUN: runId } } })
    }
    const batches = secrets.requests
      .slice(before)
      .filter((request) => request.url === '/internal/resolve-batch')
    t.ok(batches.length < 20, `${batches.length} requests for 40 runs`)
    const items = batches.flatMap((batch) => JSON.parse(batch.body.toString()).items as ResolveItem[])
    t.equal(new Set(items.map((item) => item.resolveId)).size, 40, 'every item has an id of its own')
    t.match(items[0], {
      companyId: mine.companyId,
      agentId: mine.agentId,
      openedBy: { actorId: 'local-board' }
    })
    t.match(batches[0]?.actor, { type: 'service', userId: null, isInstanceAdmin: false, memberships: [] })
  }
)

t.test('a resolve takes no body, no board caller and no agent key, and fails closed', async (t) => {
  const { token } = await openRun(gateway, mine)
  const path = '/api/agents/me/env'
  t.equal((await gateway.call('POST', path)).status, 403)
  t.equal((await gateway.call('POST', path, { token: mine.key })).status, 403)
  t.equal((await gateway.call('POST', path, { token, body: { runId: newId() } })).status, 400)
  await secrets.close()
  const started = performance.now()
  t.match(await gateway.call('POST', path, { token }), { status: 503, json: { code: 'secrets_unavailable' } })
  t.ok(performance.now() - started < 1_000)
  await secrets.reopen()
  t.equal((await gateway.call('POST', path, { token })).status, 200)
})
