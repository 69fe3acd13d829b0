import { newId } from '@paperclip/contracts'
import pg from 'pg'
import t from 'tap'
import { makeAgent, openRun, testInstallation } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await testInstallation(t)
const { gateway, secrets, database, log } = installation
const other = await installation.start()
const admin = new pg.Client({ connectionString: database.adminUrl, options: '-c search_path=gateway' })
await admin.connect()
t.teardown(() => admin.end())

const at = (companyId: string, confirm?: string) =>
  `/api/companies/${companyId}${confirm === undefined ? '' : `?confirm=${encodeURIComponent(confirm)}`}`

/** Every table with a company's id in it. */
const tables = [
  'projects',
  'agents',
  'pending_agent_environments',
  'agent_api_keys',
  'runs',
  'company_memberships',
  'company_invites',
  'board_api_keys'
]

async function rowsOf(companyId: string): Promise<number> {
  const counts = tables.map((table) => `(select count(*) from ${table} where company_id = $1)`)
  const { rows } = await admin.query(`select (${counts.join(' + ')})::int as n`, [companyId])
  return rows[0].n
}

t.test('while it is switched off, an admin learns that and nothing about the company', async (t) => {
  const { companyId } = await makeAgent(gateway, { company: 'Kept' })
  const careful = await installation.start({ PAPERCLIP_ENABLE_COMPANY_DELETION: 'false' })
  for (const path of [at(companyId, 'Kept'), at(companyId, 'x'), at(companyId), at(newId(), 'Kept')])
    t.match(await careful.call('DELETE', path), {
      status: 403,
      json: { code: 'company_deletion_disabled' }
    })
  t.equal((await gateway.call('GET', at(companyId))).status, 200)
  await careful.stop()
})

t.test('only its exact name deletes a company, and a refusal does not say the name', async (t) => {
  const name = 'Ümlaut & Söhne 100%'
  const { companyId } = await makeAgent(gateway, { company: name })
  for (const wrong of ['', ' ', 'ümlaut & söhne 100%', `${name} `, name.slice(0, -1), companyId, 'true']) {
    const reply = await gateway.call('DELETE', at(companyId, wrong))
    t.match(reply, { status: 409, json: { code: 'confirmation_mismatch' } }, JSON.stringify(wrong))
    t.notMatch(reply.text, /mlaut/)
  }
  for (const path of [at(companyId), `${at(companyId, name)}&confirm=x`, `${at(companyId, name)}&force=true`])
    t.equal((await gateway.call('DELETE', path)).status, 400, path)
  t.match(await gateway.call('DELETE', at(newId(), name)), {
    status: 404,
    json: { code: 'company_not_found' }
  })
  t.match(await gateway.call('DELETE', at(companyId, name)), { status: 200, json: { ok: true } })
  for (const method of ['GET', 'DELETE'])
    t.match(await gateway.call(method, at(companyId, method === 'DELETE' ? name : undefined)), {
      status: 404,
      json: { code: 'company_not_found' }
    })
})

t.test('nobody but an instance admin deletes one: no agent, no run, no owner', async (t) => {
  const made = await makeAgent(gateway, { company: 'Owned' })
  const { token } = await openRun(gateway, made)
  for (const bearer of [made.key, token])
    t.match(await gateway.call('DELETE', at(made.companyId, 'Owned'), { token: bearer }), {
      status: 403,
      json: { code: 'forbidden' }
    })
  const limited = await gateway.call('GET', at(made.companyId))
  t.equal(limited.status, 200)
})

t.test('what runs in it is 401 with the next request, everywhere, and no row of it stays', async (t) => {
  const made = await makeAgent(gateway, { company: 'Gone' })
  const kept = await makeAgent(gateway, { company: 'Gone' })
  const { companyId, agentId, key } = made
  await gateway.call('POST', `${at(companyId)}/projects`, { body: { name: 'P' } })
  const runs = [await openRun(gateway, made), await openRun(gateway, made), await openRun(gateway, made)]
  await gateway.call('POST', `${at(companyId)}/runs/${runs[2]?.runId}/finish`, {
    body: { status: 'succeeded' }
  })
  t.ok((await rowsOf(companyId)) >= 6)
  t.equal((await gateway.call('DELETE', at(companyId, 'Gone'))).status, 200)
  for (const process of [gateway, other]) {
    for (const { token } of runs)
      t.match(await process.call('GET', '/api/agents/me', { token }), {
        status: 401,
        json: { code: 'run_closed' }
      })
    t.equal((await process.call('GET', '/api/agents/me', { token: key })).status, 401)
    t.equal((await process.call('GET', `/api/agents/${agentId}`)).status, 404)
    t.equal((await process.call('GET', at(kept.companyId))).status, 200, 'its namesake is untouched')
    t.equal((await process.call('GET', '/api/agents/me', { token: kept.key })).status, 200)
  }
  t.equal(await rowsOf(companyId), 0)
  const start = secrets.applied.findIndex(({ activity }) => activity?.metadata.reason === 'company_deleted')
  const told = secrets.applied.slice(start)
  t.same(
    told.map(({ activity, command }) => activity?.action ?? command?.type),
    ['run.finished', 'run.finished', 'company.deleted', 'company.deleted'],
    'delivered before the answer: the runs that were open, the deletion, and the order to shred'
  )
  t.match(told[0]?.activity, {
    companyId,
    metadata: { status: 'cancelled', reason: 'company_deleted' }
  })
  t.match(told[2]?.activity, {
    companyId,
    actorType: 'user',
    actorId: 'local-board',
    entityType: 'company',
    entityId: companyId
  })
  t.same(told[3]?.command, { type: 'company.deleted', companyId })
})

t.test('of many deletions at once one does it, and nothing is made in what goes away', async (t) => {
  for (let round = 0; round < 3; round++) {
    const made = await makeAgent(gateway, { company: 'Raced' })
    const path = at(made.companyId, 'Raced')
    const on = (n: number) => (n % 2 === 0 ? gateway : other)
    const deletions = Array.from({ length: 4 }, (_, n) => on(n).call('DELETE', path))
    const runs = Array.from({ length: 4 }, (_, n) =>
      on(n).call('POST', `${at(made.companyId)}/agents/${made.agentId}/runs`, { body: {} })
    )
    const statuses = (await Promise.all(deletions)).map(({ status }) => status).sort()
    t.same(statuses, [200, 404, 404, 404])
    for (const { status } of await Promise.all(runs)) t.ok([201, 401, 404].includes(status), String(status))
    t.equal(await rowsOf(made.companyId), 0)
  }
})

t.test('deletion and its record commit together', async (t) => {
  const { companyId } = await makeAgent(gateway, { company: 'Whole' })
  await admin.query(`
    create function refuse() returns trigger language plpgsql as 'begin raise exception ''refused''; end';
    create trigger refuse before insert on outbox for each row execute function refuse()`)
  t.equal((await gateway.call('DELETE', at(companyId, 'Whole'))).status, 500)
  await admin.query('drop trigger refuse on outbox; drop function refuse')
  t.equal((await gateway.call('GET', at(companyId))).status, 200)
  t.equal((await gateway.call('DELETE', at(companyId, 'Whole'))).status, 200)
  t.equal(log().match(/"level":50/g)?.length, 1, 'the refusal of above, and nothing else, was an error')
})
