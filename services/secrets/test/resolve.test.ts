import { newId } from '@paperclip/contracts'
import { eventually } from '@paperclip/testing'
import t from 'tap'
import { adminSession, createSecret, eventsOf, putEnv, resolve, rotate } from './support/fixtures.js'
import {
  agentKey,
  as,
  member,
  operator,
  run,
  secretsDatabase,
  service,
  startSecrets
} from './support/secrets-app.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const sql = await adminSession(t, database)

function target() {
  return { companyId: newId(), agentId: newId(), projectId: newId() }
}

function setStatus(secretId: string, status: string, version?: number) {
  return version === undefined
    ? sql('update company_secrets set status = $2 where id = $1', [secretId, status])
    : sql(
        `update company_secret_versions set status = $2, sealed = case when $2 = 'destroyed' then null else sealed end
         where secret_id = $1 and version = $3`,
        [secretId, status, version]
      )
}

t.test('pins stay and latest moves when a secret is rotated', async (t) => {
  const { companyId, agentId } = target()
  const { id } = await createSecret(app, companyId, { name: 'k', value: 'v1' })
  await putEnv(app, { companyId, agentId }, { PIN: '$secret:k@1', LATEST: '$secret:k' })
  t.same((await resolve(app, { companyId, agentId })).body.env, { PIN: 'v1', LATEST: 'v1' })
  await rotate(app, id, 'v2')
  const resolved = await resolve(app, { companyId, agentId })
  t.equal(resolved.headers.get('cache-control'), 'no-store')
  t.same(resolved.body.env, { PIN: 'v1', LATEST: 'v2' })
  const entry = { secretId: id, secretKey: 'k', provider: 'local_encrypted', outcome: 'success' }
  t.same(
    resolved.body.manifest.toSorted(
      (a: { version: number }, b: { version: number }) => a.version - b.version
    ),
    [
      { configPath: 'env.PIN', envKey: 'PIN', version: 1, ...entry },
      { configPath: 'env.LATEST', envKey: 'LATEST', version: 2, ...entry }
    ]
  )
})

t.test('a project wins over the agent by name, whatever the kinds of the two entries', async (t) => {
  const { companyId, agentId, projectId } = target()
  for (const name of ['agents', 'projects']) await createSecret(app, companyId, { name, value: `of ${name}` })
  const of = (owner: string) => ({
    REF_REF: `$secret:${owner}s`,
    [owner === 'agent' ? 'REF_PLAIN' : 'PLAIN_REF']: `$secret:${owner}s`,
    [owner === 'agent' ? 'PLAIN_REF' : 'REF_PLAIN']: `plain of ${owner}`,
    PLAIN_PLAIN: `plain of ${owner}`,
    SOME_TOKEN: `sealed of ${owner}`,
    [`ONLY_${owner.toUpperCase()}`]: `$secret:${owner}s`
  })
  await putEnv(app, { companyId, agentId }, of('agent'))
  await putEnv(app, { companyId, projectId }, of('project'))
  const alone = (await resolve(app, { companyId, agentId })).body.env
  t.same(alone.REF_PLAIN, 'of agents')
  t.same(alone.PLAIN_REF, 'plain of agent')
  const sender = run(companyId, agentId, projectId)
  const { body } = await app.send(sender, 'POST', '/agents/me/env')
  t.same(body.env, {
    REF_REF: 'of projects',
    PLAIN_REF: 'of projects',
    REF_PLAIN: 'plain of project',
    PLAIN_PLAIN: 'plain of project',
    SOME_TOKEN: 'sealed of project',
    ONLY_AGENT: 'of agents',
    ONLY_PROJECT: 'of projects'
  })
  const events = await eventsOf(app, companyId, `?runId=${sender.actor.runId}`)
  t.strictSame(
    events.map(({ configPath, targetType }: Record<string, string>) => `${targetType} ${configPath}`).sort(),
    ['agent env.ONLY_AGENT', 'project env.ONLY_PROJECT', 'project env.PLAIN_REF', 'project env.REF_REF'],
    'what is hidden is neither revealed nor recorded'
  )
  const listed = await app.send(sender, 'GET', '/agents/me/secrets')
  t.strictSame(
    listed.body.secrets.map((row: Record<string, unknown>) => `${row.configPath} ${row.secretRef}`).sort(),
    [
      'env.ONLY_AGENT $secret:agents',
      'env.ONLY_PROJECT $secret:projects',
      'env.PLAIN_REF $secret:projects',
      'env.REF_REF $secret:projects'
    ]
  )
})

t.test(
  'a successful reveal is recorded with who opened the run, and moves the last resolved time',
  async (t) => {
    const { companyId, agentId } = target()
    const { id } = await createSecret(app, companyId, { name: 'k', value: 'v' })
    await putEnv(app, { companyId, agentId }, { K: '$secret:k' })
    const sender = run(companyId, agentId)
    t.equal((await app.send(sender, 'POST', '/agents/me/env')).status, 200)
    const [event, ...others] = await eventsOf(app, companyId)
    t.strictSame(others, [])
    t.strictSame(event, {
      id: event.id,
      companyId,
      secretId: id,
      secretKey: 'k',
      version: 1,
      provider: 'local_encrypted',
      actorType: 'agent',
      actorId: agentId,
      openedBy: sender.actor.openedBy,
      targetType: 'agent',
      targetId: agentId,
      configPath: 'env.K',
      runId: sender.actor.runId,
      outcome: 'success',
      code: null,
      followsEventId: null,
      requestId: 'request-of-a-test',
      createdAt: event.createdAt
    })
    for (const query of [
      `agentId=${agentId}`,
      `agentId=${agentId.toUpperCase()}`,
      'outcome=success',
      `secretId=${id}`
    ])
      t.equal((await eventsOf(app, companyId, `?${query}`)).length, 1, query)
    for (const query of [
      `agentId=${newId()}`,
      'outcome=denied',
      `runId=${newId()}`,
      'from=2100-01-01T00:00:00Z',
      'to=2020-01-01T00:00:00Z'
    ])
      t.equal((await eventsOf(app, companyId, `?${query}`)).length, 0, query)
    await eventually(async () => {
      const { body } = await app.send(operator(), 'GET', `/secrets/${id}`)
      if (body.lastResolvedAt === null) throw new Error('not yet')
    })
  }
)

t.test('one faulty binding withholds all, names its path, and each is recorded as what it was', async (t) => {
  const { companyId, agentId } = target()
  const ids: Record<string, string> = {}
  for (const name of ['fine', 'off', 'archived', 'gone', 'v-off', 'v-destroyed', 'latest-off']) {
    const { id } = await createSecret(app, companyId, { name, value: `value of ${name}` })
    ids[name] = id
    await rotate(app, id, `second of ${name}`)
  }
  await putEnv(
    app,
    { companyId, agentId },
    {
      FINE: '$secret:fine',
      OFF: '$secret:off',
      ARCHIVED: '$secret:archived',
      GONE: '$secret:gone',
      V_OFF: '$secret:v-off@1',
      V_DESTROYED: '$secret:v-destroyed@1',
      LATEST_OFF: '$secret:latest-off',
      LATEST_OFF_PIN: '$secret:latest-off@1'
    }
  )
  await setStatus(ids.off ?? '', 'disabled')
  await setStatus(ids.archived ?? '', 'archived')
  await app.send(operator(), 'DELETE', `/secrets/${ids.gone}?force=true`)
  await setStatus(ids['v-off'] ?? '', 'disabled', 1)
  await setStatus(ids['v-destroyed'] ?? '', 'destroyed', 1)
  await setStatus(ids['latest-off'] ?? '', 'disabled', 2)
  const answer = await resolve(app, { companyId, agentId })
  t.equal(answer.status, 422)
  t.notMatch(answer.text, /value of|second of/)
  const codes = Object.fromEntries(answer.body.errors.map((e: Record<string, string>) => [e.pointer, e.code]))
  const faults = {
    'env.OFF': 'secret_inactive',
    'env.ARCHIVED': 'secret_inactive',
    'env.GONE': 'secret_deleted',
    'env.V_OFF': 'version_inactive',
    'env.V_DESTROYED': 'version_inactive',
    'env.LATEST_OFF': 'version_inactive'
  }
  t.same(codes, faults)
  const events = await eventsOf(app, companyId)
  const recorded = events.map((e: Record<string, string>) => [e.configPath, `${e.outcome} ${e.code}`])
  t.same(Object.fromEntries(recorded), {
    ...Object.fromEntries(Object.entries(faults).map(([path, code]) => [path, `failure ${code}`])),
    'env.FINE': 'denied withheld',
    'env.LATEST_OFF_PIN': 'denied withheld'
  })
  for (const [name, code] of [
    ['off', 'secret_inactive'],
    ['v-off', 'version_inactive'],
    ['gone', 'secret_deleted']
  ])
    t.match(await app.send(run(companyId, agentId), 'POST', `/agents/me/secrets/${name}/value`), {
      status: 422,
      body: { code }
    })
  const { body } = await app.send(operator(), 'GET', `/secrets/${ids.fine}`)
  t.equal(body.lastResolvedAt, null, 'nothing was revealed')
})

t.test('a disabled version stays so through a rotation', async (t) => {
  const { companyId, agentId } = target()
  const { id } = await createSecret(app, companyId, { name: 'k', value: 'v1' })
  await putEnv(app, { companyId, agentId }, { PIN: '$secret:k@1' })
  await setStatus(id, 'disabled', 1)
  await rotate(app, id, 'v2')
  const { body } = await app.send(operator(), 'GET', `/secrets/${id}/versions`)
  t.strictSame(
    body.map(({ status }: { status: string }) => status),
    ['current', 'disabled']
  )
  t.match(await resolve(app, { companyId, agentId }), { status: 422, body: { code: 'version_inactive' } })
})

t.test('a run reveals one bound value: latest if any entry says so, else the highest pin', async (t) => {
  const { companyId, agentId, projectId } = target()
  const { id } = await createSecret(app, companyId, { name: 'K.one', value: 'v1' })
  await rotate(app, id, 'v2')
  await rotate(app, id, 'v3')
  const reveal = (key: string, project: string | null = null) =>
    app.send(run(companyId, agentId, project), 'POST', `/agents/me/secrets/${key}/value`)
  const key = 'k-one'
  t.match(await reveal(key), { status: 403, body: { code: 'binding_forbidden' } }, 'not bound yet')
  await putEnv(app, { companyId, agentId }, { A: '$secret:k-one@1', B: '$secret:k-one@2' })
  const pinned = await reveal(key.toUpperCase())
  t.strictSame(pinned.body, { key, value: 'v2', version: 2 })
  t.equal(pinned.headers.get('cache-control'), 'no-store')
  await putEnv(app, { companyId, projectId }, { C: '$secret:k-one' })
  t.strictSame((await reveal(key, projectId)).body, { key, value: 'v3', version: 3 })
  t.strictSame((await reveal(key)).body.version, 2, 'another project is not this run')
  const unknown = await reveal('no-such-key')
  await createSecret(app, companyId, { name: 'unbound', value: 'v' })
  const unbound = await reveal('unbound')
  t.same({ ...unknown, headers: null }, { ...unbound, headers: null }, 'unbound as unknown')
  const denied = await eventsOf(app, companyId, '?outcome=denied')
  t.match(denied, [
    { code: 'binding_missing', secretKey: 'unbound', actorId: agentId },
    { secretId: null },
    {}
  ])
  for (const sender of [
    agentKey(companyId, agentId),
    operator(),
    service('runner'),
    member(companyId, 'owner')
  ])
    t.match(await app.send(sender, 'POST', `/agents/me/secrets/${key}/value`), { status: 403 })
})

t.test('a key that no secret can have is refused like any other that is not bound', async (t) => {
  const sender = run(newId(), newId())
  for (const key of ['a%20b', '%F0%9F%94%91', 'x'.repeat(121)]) {
    const answer = await app.send(as(sender, {}), 'POST', `/agents/me/secrets/${key}/value`)
    t.ok([403, 404].includes(answer.status), `${key.slice(0, 9)}: ${answer.status}`)
  }
})

t.test('a service resolves by its own key, in the companies and scopes it has', async (t) => {
  const { companyId, agentId, projectId } = target()
  await createSecret(app, companyId, { name: 'k', value: 'v' })
  await putEnv(app, { companyId, agentId }, { K: '$secret:k', MODE: 'agent' })
  await putEnv(app, { companyId, projectId }, { MODE: 'project' })
  const path = `/companies/${companyId}/env/resolve`
  const body = { targetType: 'agent', targetId: agentId }
  const runId = newId()
  const answer = await app.send(service('runner'), 'POST', path, { ...body, projectId, runId })
  t.same(answer.body.env, { K: 'v', MODE: 'project' })
  t.match(await eventsOf(app, companyId), [
    {
      actorType: 'service',
      actorId: 'runner',
      runId,
      openedBy: {
        actorType: 'service',
        actorId: 'runner',
        credentialKind: 'service_key',
        credentialId: 'runner-1'
      }
    }
  ])
  const shown = await app.send(service('runner'), 'POST', path, {
    targetType: 'project',
    targetId: projectId
  })
  t.same(shown.body, { env: { MODE: 'project' }, manifest: [] })
  const empty = await app.send(service('runner'), 'POST', path, { ...body, targetId: newId() })
  t.same(empty.body, { env: {}, manifest: [] }, 'no bindings: its plain values, none here')
  t.match((await eventsOf(app, companyId))[0], { outcome: 'success', code: 'no_bindings' })
  for (const caller of ['auditor', 'gateway'] as const)
    t.match(await app.send(service(caller), 'POST', path, body), { status: 403, body: { code: 'forbidden' } })
  t.match(await app.send(service('walled'), 'POST', path, body), {
    status: 403,
    body: { code: 'company_forbidden' }
  })
  t.match((await eventsOf(app, companyId))[0], {
    outcome: 'denied',
    code: 'company_forbidden',
    actorId: 'walled'
  })
  for (const sender of [
    operator(),
    member(companyId, 'owner'),
    run(companyId, agentId),
    agentKey(companyId, agentId)
  ])
    t.match(await app.send(sender, 'POST', path, body), { status: 403, body: { code: 'forbidden' } })
})

t.test('a target of another company has nothing in this one', async (t) => {
  const [mine, other] = [target(), target()]
  await createSecret(app, other.companyId, { name: 'k', value: 'foreign value' })
  await putEnv(app, other, { K: '$secret:k', TOKEN: 'foreign plain' })
  const crossed = { companyId: mine.companyId, agentId: other.agentId }
  t.same((await resolve(app, crossed)).body, { env: {}, manifest: [] })
  const path = `/companies/${mine.companyId}/env/resolve`
  const body = { targetType: 'agent', targetId: other.agentId, projectId: other.projectId }
  t.same((await app.send(service('runner'), 'POST', path, body)).body, { env: {}, manifest: [] })
})
