import { newId } from '@paperclip/contracts'
import t from 'tap'
import { grants } from '../src/grants.js'
import {
  adminSession,
  createSecret,
  eventsOf,
  putEnv,
  resolve,
  sqlSession,
  walk
} from './support/fixtures.js'
import { member, operator, secretsDatabase, service, startSecrets } from './support/secrets-app.js'

const database = await secretsDatabase(t)
const app = await startSecrets(t, database)
const sql = await adminSession(t, database)

/** An activity row as the gateway delivers it. */
function delivered(companyId: string | null, facts: object = {}) {
  const activity = {
    companyId,
    action: 'agent.created',
    actorType: 'user',
    actorId: 'user-1',
    entityType: 'agent',
    entityId: newId(),
    runId: null,
    metadata: { name: 'Builder' },
    timestamp: new Date().toISOString(),
    ...facts
  }
  return { id: newId(), activity, command: null }
}

const deliver = (items: object[]) => app.send(service('gateway'), 'POST', '/activity', { items })

t.test('what was recorded cannot be changed or removed, by the runtime role or the owner', async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  await createSecret(app, companyId, { name: 'k', value: 'v' })
  await putEnv(app, { companyId, agentId }, { K: '$secret:k' })
  await resolve(app, { companyId, agentId })
  const roles = {
    runtime: database.url('secrets'),
    owner: database.ownerUrl('secrets'),
    superuser: database.adminUrl
  }
  for (const [role, url] of Object.entries(roles)) {
    const query = await sqlSession(t, url)
    for (const table of ['activity_log', 'secret_access_events'])
      for (const change of [
        `update ${table} set actor_id = 'someone else'`,
        `delete from ${table}`,
        `truncate ${table}`,
        `insert into ${table} select * from ${table} on conflict do update set actor_id = 'x'`.replace(
          'on conflict do',
          table === 'activity_log'
            ? 'on conflict (id) do'
            : 'on conflict (company_id, resolve_id, ordinal) do'
        )
      ])
        await t.rejects(query(change), { code: '42501' }, `${role}: ${change.slice(0, 30)}`)
  }
  t.equal((await eventsOf(app, companyId)).length, 1)
})

t.test('the runtime role has exactly the declared privileges', async (t) => {
  const rows = await sql<{ table_name: string; verb: string }>(
    `select table_name, lower(privilege_type) as verb from information_schema.role_table_grants
     where table_schema = 'secrets' and grantee in ('paperclip_secrets', 'PUBLIC') order by 1, 2`
  )
  const granted: Record<string, string[]> = {}
  for (const { table_name: table, verb } of rows) granted[table] = [...(granted[table] ?? []), verb]
  const declared = Object.entries(grants).map(([table, verbs]) => [table, [...verbs].sort()])
  const own = Object.entries(granted).filter(([table]) => table in grants)
  t.strictSame(Object.fromEntries(own), Object.fromEntries(declared.sort()))
  const rest = Object.entries(granted).filter(([table]) => !(table in grants))
  t.ok(
    rest.every(([table, verbs]) => /migration/.test(table) && verbs.join() === 'select'),
    'and reads what was migrated'
  )
  const runtime = await sqlSession(t, database.url('secrets'))
  for (const change of [
    'create table secrets.mine (id int)',
    'alter table company_secrets add x int',
    'drop table activity_log',
    'alter table activity_log disable trigger all',
    'create schema mine'
  ])
    await t.rejects(runtime(change), { code: '42501' }, change)
  const [role] = await sql(
    `select rolsuper, rolcreatedb, rolcreaterole, rolbypassrls from pg_roles where rolname = 'paperclip_secrets'`
  )
  t.strictSame(role, { rolsuper: false, rolcreatedb: false, rolcreaterole: false, rolbypassrls: false })
})

t.test('a change and its activity row commit together or not at all', async (t) => {
  const companyId = newId()
  const { id } = await createSecret(app, companyId, { name: 'k', value: 'v1' })
  const state = async () => [
    await sql('select * from company_secrets where company_id = $1', [companyId]),
    await sql('select * from company_secret_versions where company_id = $1', [companyId]),
    await sql('select * from activity_log where company_id = $1', [companyId])
  ]
  const before = await state()
  const changes = () =>
    Promise.all([
      app.send(operator(), 'POST', `/companies/${companyId}/secrets`, { name: 'new', value: 'v' }),
      app.send(operator(), 'POST', `/secrets/${id}/rotate`, { value: 'v2' }),
      app.send(operator(), 'DELETE', `/secrets/${id}`)
    ])
  const rule = `check (company_id is distinct from '${companyId}') not valid`
  await sql(`alter table activity_log add constraint injected ${rule}`)
  const failed = await changes()
  await sql('alter table activity_log drop constraint injected')
  t.strictSame(
    failed.map(({ status, body }) => `${status} ${body.code}`),
    Array(3).fill('500 internal_error')
  )
  t.ok(failed.every(({ text }) => !/injected|activity_log|23514/.test(text)))
  t.strictSame(await state(), before)
  await sql(`alter table company_secret_versions add constraint injected ${rule}`)
  await sql(`alter table company_secrets add constraint injected ${rule}`)
  const again = await changes()
  await sql('alter table company_secret_versions drop constraint injected')
  await sql('alter table company_secrets drop constraint injected')
  t.ok(again.every(({ status }) => status === 500))
  t.strictSame(await state(), before)
})

t.test("the gateway's rows and commands are applied once, in whatever batches they come", async (t) => {
  const [companyId, agentId] = [newId(), newId()]
  await createSecret(app, companyId, { name: 'k', value: 'v' })
  await putEnv(app, { companyId, agentId }, { K: '$secret:k', TOKEN: 'x' })
  const row = delivered(companyId)
  const command = { type: 'target.deleted', companyId, targetType: 'agent', targetId: agentId }
  const gone = { ...delivered(companyId, { action: 'agent.deleted' }), command }
  t.same((await deliver([row, row, gone])).body, { applied: 2 })
  t.same((await deliver([gone, row])).body, { applied: 0 })
  t.same((await deliver([{ id: newId(), activity: null, command: null }])).body, { applied: 1 })
  const rows = await sql('select id, metadata from activity_log where company_id = $1 and action = $2', [
    companyId,
    'agent.created'
  ])
  t.strictSame(rows, [{ id: row.id, metadata: { name: 'Builder' } }])
  t.same((await resolve(app, { companyId, agentId })).body, { env: {}, manifest: [] }, 'nothing is bound')
  const raced = await Promise.all(Array.from({ length: 4 }, () => deliver([delivered(companyId), row])))
  t.ok(raced.every(({ body }) => body.applied === 1))
  const wrong = [
    delivered(companyId, { timestamp: 'yesterday' }),
    delivered(companyId, { action: 'DROP' }),
    delivered(companyId, { metadata: { nested: {} } }),
    delivered(companyId, { actorType: 'god' })
  ]
  for (const item of wrong) {
    const answer = await deliver([item, delivered(companyId, { action: 'never.seen' })])
    t.equal(answer.status, 400, JSON.stringify(item.activity).slice(0, 70))
  }
  t.strictSame(await sql(`select from activity_log where action = 'never.seen'`), [])
})

t.test('no caller but the gateway writes activity, and no body names its actor', async (t) => {
  const companyId = newId()
  for (const sender of [operator(), member(companyId, 'owner'), service('runner'), service('auditor')]) {
    const answer = await app.send(sender, 'POST', '/activity', { items: [delivered(companyId)] })
    t.match(answer, { status: 403, body: { code: 'forbidden' } })
  }
  await app.send(member(companyId, 'operator'), 'POST', `/companies/${companyId}/secrets`, {
    name: 'n',
    value: 'v'
  })
  t.match(await walk(app, `/companies/${companyId}/activity`), [
    { action: 'secret.created', actorType: 'user', actorId: 'user-1', entityType: 'secret' }
  ])
})

t.test('activity is filtered by each of its facts and paged', async (t) => {
  const companyId = newId()
  const entityId = newId()
  const items = [
    delivered(companyId, { action: 'a.one', actorId: 'first', timestamp: '2026-01-01T00:00:00.000Z' }),
    delivered(companyId, { action: 'a.two', entityId, timestamp: '2026-02-01T00:00:00.000Z' }),
    delivered(companyId, { action: 'a.three', entityType: 'run', timestamp: '2026-03-01T00:00:00.000Z' })
  ]
  // Ids order rows to the millisecond.
  await deliver(items.map((item, index) => ({ ...item, id: newId(Date.now() + index) })))
  const actions = async (query: string) =>
    (await walk(app, `/companies/${companyId}/activity?limit=1&${query}`)).map(({ action }) => action)
  t.strictSame(await actions(''), ['a.three', 'a.two', 'a.one'])
  t.strictSame(await actions('action=a.one'), ['a.one'])
  t.strictSame(await actions('actorId=first'), ['a.one'])
  t.strictSame(await actions(`entityId=${entityId}`), ['a.two'])
  t.strictSame(await actions('entityType=run'), ['a.three'])
  t.strictSame(await actions('from=2026-02-01T00:00:00Z&to=2026-03-01T00:00:00Z'), ['a.two'])
  t.strictSame(await actions('from=2026-02-01T01:00:00%2B01:00'), ['a.three', 'a.two'])
  const path = `/companies/${companyId}/activity`
  for (const query of [
    'from=yesterday',
    'to=2026-02-30T00:00:00Z',
    'from=2026-01-01',
    'unknown=1',
    'limit=1&limit=2'
  ])
    t.equal((await app.send(operator(), 'GET', `${path}?${query}`)).status, 400, query)
  for (const name of ['from', 'to'])
    for (const list of ['activity', 'secret-access-events'])
      for (const time of [
        '2016-12-31T23:59:60Z',
        '0000-01-01T00:00:00Z',
        '9999-12-31T23:59:59Z',
        '2026-01-01t00:00:00z'
      ]) {
        const { status } = await app.send(
          operator(),
          'GET',
          `/companies/${companyId}/${list}?${name}=${time}`
        )
        t.ok([200, 400].includes(status), `${list} ${name} ${time}: ${status}`)
      }
  t.match(await app.send(service('auditor'), 'GET', path), { status: 200 })
  t.equal((await app.send(service('runner'), 'GET', path)).status, 403)
  t.equal((await app.send(service('walled'), 'GET', path)).status, 403)
})

t.test('the export is safe to open in a spreadsheet, admin only, and itself recorded', async (t) => {
  const [companyId, runId] = [newId(), newId()]
  const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1']
  await deliver([
    ...formulas.map((actorId) => delivered(companyId, { actorId })),
    delivered(companyId, { actorId: 'quo"te', metadata: { 'a,b': 'line\nbreak;=1' }, entityType: 'a,b' }),
    delivered(companyId, { action: 'run.finished', runId })
  ])
  const path = `/companies/${companyId}/activity.csv`
  for (const role of ['viewer', 'operator'] as const)
    t.match(await app.send(member(companyId, role), 'GET', path), {
      status: 403,
      body: { code: 'read_only_role' }
    })
  const answer = await app.send(member(companyId, 'admin'), 'GET', path)
  t.match(answer.headers.get('content-type'), /^text\/csv/)
  t.match(answer.headers.get('content-disposition'), /attachment/)
  // Where a tab divides cells, what comes after it would be one of its own.
  for (const formula of formulas)
    t.ok(answer.text.includes(`'${formula.replace(/^[\t\r]/, "$&'")}`), JSON.stringify(formula))
  t.notMatch(answer.text, /(?:^|,|"|\n)[=+@\t]/)
  t.ok(answer.text.includes('"quo""te"'))
  t.ok(answer.text.includes('"a,b"'))
  t.ok(answer.text.includes('"{""a,b"":""line\\nbreak;\\u003d1""}"'), 'nor where others divide cells')
  t.match(answer.text, /^id,timestamp,action,actorType,actorId,entityType,entityId,runId,metadata\r\n/)
  const [latest] = await walk(app, `/companies/${companyId}/activity`)
  t.match(latest, { action: 'audit.exported', actorId: 'user-1', metadata: { rows: 8 } })
  const chosen = await app.send(operator(), 'GET', `${path}?action=run.finished`)
  const [, row = '', ...more] = chosen.text.split('\r\n')
  t.match(row, new RegExp(`,run\\.finished,user,user-1,agent,.*,${runId},`))
  t.strictSame(more, [''], 'of what was asked for, nothing else')
})

t.test('an export that would be too large is refused and not recorded; a part of it is had', async (t) => {
  const companyId = newId()
  await sql(
    `insert into activity_log (id, company_id, action, actor_type, actor_id, entity_type, entity_id, metadata, timestamp)
     select gen_random_uuid(), $1, 'a.row', 'user', 'u', 'agent', 'e', '{}', timestamptz '2026-01-01' + n * interval '1 ms'
     from generate_series(0, 50000) n`,
    [companyId]
  )
  const path = `/companies/${companyId}/activity.csv`
  const all = await app.send(operator(), 'GET', path)
  t.match(all, { status: 422, body: { code: 'export_too_large', detail: /"from" and "to"/ } })
  t.strictSame(await walk(app, `/companies/${companyId}/activity?action=audit.exported`), [])
  const { status, text } = await app.send(operator(), 'GET', `${path}?from=2026-01-01T00:00:00.001Z`)
  t.equal(status, 200)
  t.equal(text.split('\r\n').length, 50_000 + 2)
})

t.test("the instance's stream shows its own rows and those of deleted companies only", async (t) => {
  const [living, dead] = [newId(), newId()]
  const ofInstance = delivered(null, { action: 'user.deleted' })
  const deletion = {
    ...delivered(dead, { action: 'company.deleted' }),
    command: { type: 'company.deleted', companyId: dead }
  }
  await deliver([ofInstance, delivered(living), delivered(dead), deletion])
  const rows = await walk(app, '/admin/activity?limit=2')
  t.ok(rows.some(({ id }) => id === ofInstance.id))
  t.equal(rows.filter(({ companyId }) => companyId === dead).length, 2)
  t.notOk(rows.some(({ companyId }) => companyId === living))
  t.match(await app.send(member(living, 'owner'), 'GET', '/admin/activity'), {
    status: 403,
    body: { code: 'forbidden' }
  })
})

t.test('health tells the gateway how the service is', async (t) => {
  const health = await app.send(service('gateway'), 'GET', '/health')
  t.match(health.body, {
    status: 'ok',
    strictMode: false,
    warnings: [],
    components: { database: { status: 'ok' }, masterKey: { status: 'ok' }, provider: { status: 'ok' } }
  })
  t.equal((await app.send(operator(), 'GET', '/health')).status, 200)
  for (const probe of ['livez', 'readyz']) {
    const reply = await fetch(`${app.origin}/${probe}`)
    t.same([reply.status, await reply.json()], [200, { status: 'ok' }])
  }
  t.equal((await fetch(`${app.origin}/internal/health`)).status, 401)
})
