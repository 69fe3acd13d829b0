import { newId } from '@paperclip/contracts'
import { eventually } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import { makeAgent, testInstallation } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await testInstallation(t)
const { gateway, secrets, database, log } = installation
const admin = new pg.Client({ connectionString: database.adminUrl, options: '-c search_path=gateway' })
await admin.connect()
t.teardown(() => admin.end())
const other = await installation.start()

const self = (token: string, at = gateway) => at.call('GET', '/api/agents/me', { token })
const lastUsed = async (keyId: string): Promise<Date | null> => {
  const { rows } = await admin.query('select last_used_at from agent_api_keys where id = $1', [keyId])
  return rows[0].last_used_at
}

t.test('a key is shown once, works, and is kept as a hash only', async (t) => {
  const { companyId, agentId, key, keyId } = await makeAgent(gateway)
  t.match(key, /^paperclip_agent_[A-Za-z0-9_-]{43}$/)
  t.match(await self(key), { status: 200, json: { id: agentId, companyId, name: 'Ada', status: 'active' } })
  const list = await gateway.call('GET', `/api/agents/${agentId}/keys`)
  t.same(Object.keys(list.rows[0] ?? {}).sort(), [
    'createdAt',
    'expiresAt',
    'id',
    'lastUsedAt',
    'name',
    'revokedAt'
  ])
  t.notOk(list.text.includes(key))
  const { rows } = await admin.query(
    'select row_to_json(k)::text as text from agent_api_keys k where id = $1',
    [keyId]
  )
  t.notOk(rows[0].text.includes(key.slice(16)), 'the row does not hold it')
  t.notOk(JSON.stringify(secrets.delivered).includes(key.slice(16)), 'nor does the record')
  t.match((await gateway.call('GET', '/api/me', { token: key })).json, {
    actorType: 'agent',
    agentId,
    companyId,
    isInstanceAdmin: false,
    credential: { kind: 'agent_key', id: keyId }
  })
})

t.test('a dead key is 401 with the next request, on every gateway, and says what kind of dead', async (t) => {
  const endings: Record<
    string,
    { end: (made: { agentId: string; keyId: string; companyId: string }) => Promise<unknown>; code: string }
  > = {
    revoked: {
      end: ({ agentId, keyId }) => gateway.call('DELETE', `/api/agents/${agentId}/keys/${keyId}`),
      code: 'credential_revoked'
    },
    'revoked by the printed SQL': {
      end: ({ keyId }) => admin.query(`UPDATE agent_api_keys SET revoked_at = NOW() WHERE id = '${keyId}'`),
      code: 'credential_revoked'
    },
    terminated: {
      end: ({ agentId }) => gateway.call('POST', `/api/agents/${agentId}/terminate`),
      code: 'credential_revoked'
    },
    paused: {
      end: ({ agentId }) => gateway.call('POST', `/api/agents/${agentId}/pause`),
      code: 'credential_revoked'
    },
    'company archived': {
      end: ({ companyId }) =>
        gateway.call('PATCH', `/api/companies/${companyId}`, { body: { status: 'archived' } }),
      code: 'credential_revoked'
    },
    expired: {
      end: ({ keyId }) => admin.query('update agent_api_keys set expires_at = now() where id = $1', [keyId]),
      code: 'credential_expired'
    },
    deleted: {
      end: ({ agentId }) => gateway.call('DELETE', `/api/agents/${agentId}`),
      code: 'unauthenticated'
    }
  }
  for (const [name, { end, code }] of Object.entries(endings)) {
    const made = await makeAgent(gateway)
    t.equal((await self(made.key, other)).status, 200, name)
    await end(made)
    t.match(await self(made.key), { status: 401, json: { code } }, name)
    t.match(await self(made.key, other), { status: 401, json: { code } }, name)
  }
})

t.test('what is not a key is refused alike, whatever is wrong with it', async (t) => {
  const { key } = await makeAgent(gateway)
  const wrong = [
    'paperclip_agent_',
    'paperclip_agent_x',
    `paperclip_agent_${'A'.repeat(43)}`,
    `${key}A`,
    key.slice(0, -1),
    key.toUpperCase(),
    key.replace('paperclip_agent_', 'paperclip_board_'),
    key.replace('paperclip_agent_', ''),
    'x'
  ]
  const replies = await Promise.all(wrong.map((token) => self(token)))
  const plain = replies.map(({ status, json }) => ({ ...json, status, requestId: null }))
  for (const reply of plain) t.same(reply, plain[0])
  t.match(plain[0], { status: 401, code: 'unauthenticated' })
})

t.test('last use is noted with the first use, then not for a minute, and never for a refusal', async (t) => {
  const { agentId, key, keyId } = await makeAgent(gateway)
  t.equal(await lastUsed(keyId), null)
  await self(`${key}x`)
  await gateway.call('DELETE', `/api/agents/${agentId}/keys/${newId()}`)
  t.equal(await lastUsed(keyId), null)
  await self(key)
  const first = await eventually(async () => {
    const at = await lastUsed(keyId)
    if (at === null) throw new Error('not noted')
    return at
  })
  await Promise.all(Array.from({ length: 20 }, (_, n) => self(key, n % 2 === 0 ? gateway : other)))
  t.same(await lastUsed(keyId), first, 'not again within a minute')
  await admin.query(`update agent_api_keys set last_used_at = now() - interval '61 seconds' where id = $1`, [
    keyId
  ])
  await self(key, other)
  await eventually(async () => {
    if (Number(await lastUsed(keyId)) < Number(first)) throw new Error('not noted')
  })
  await admin.query(`update agent_api_keys set last_used_at = null, revoked_at = now() where id = $1`, [
    keyId
  ])
  await self(key)
  t.equal(await lastUsed(keyId), null, 'a revoked key was not used')
})

t.test('a request joins no look-up that was sent before it came', async (t) => {
  // The look-up is made to stop in the middle, after it has fixed what it sees, until a lock is free.
  const { key, keyId } = await makeAgent(gateway)
  t.equal((await self(key)).status, 200)
  await admin.query(`
    create function gateway.gate() returns boolean volatile language plpgsql as
      $$ begin perform pg_advisory_xact_lock_shared(42); return true; end $$;
    alter table agents rename to agents_all;
    create view agents as select * from agents_all where gate();
    grant select on agents to public;
    grant execute on function gateway.gate() to public`)
  await admin.query('select pg_advisory_lock(42)')
  const held = Array.from({ length: 5 }, () => self(key))
  await eventually(async () => {
    const { rows } = await admin.query(`select 1 from pg_locks where locktype = 'advisory' and not granted`)
    if (rows.length === 0) throw new Error('nobody waits')
  })
  await admin.query('update agent_api_keys set revoked_at = now() where id = $1', [keyId])
  const late = Array.from({ length: 100 }, () => self(key))
  await admin.query('select pg_advisory_unlock(42)')
  const before = await Promise.all(held)
  t.ok(
    before.some((reply) => reply.status === 200),
    'what was sent before the revocation may pass'
  )
  const after = await Promise.all(late)
  t.same(
    after.filter((reply) => reply.status !== 401),
    [],
    'what came after it is refused, all of it'
  )
  await admin.query('drop view agents; alter table agents_all rename to agents')
})

t.test('key rules: expiry in the future, terminated agents get none, revoking twice is fine', async (t) => {
  const { agentId, keyId } = await makeAgent(gateway)
  const create = (body: object) => gateway.call('POST', `/api/agents/${agentId}/keys`, { body })
  for (const expiresAt of ['2020-01-01T00:00:00Z', 'tomorrow', '2099-12-31T23:59:60Z'])
    t.equal((await create({ name: 'k', expiresAt })).status, 400, expiresAt)
  t.match(await create({ name: 'k', expiresAt: '2099-01-01T00:00:00Z' }), {
    status: 201,
    headers: { 'cache-control': 'no-store' },
    json: { expiresAt: '2099-01-01T00:00:00.000Z' }
  })
  t.equal((await create({ name: 'a\u0000b' })).status, 400)
  const path = `/api/agents/${agentId}/keys/${keyId}`
  t.same((await gateway.call('DELETE', path)).json, { ok: true })
  t.same((await gateway.call('DELETE', path)).json, { ok: true })
  t.equal((await gateway.call('DELETE', `/api/agents/${agentId}/keys/${newId()}`)).status, 404)
  await gateway.call('POST', `/api/agents/${agentId}/terminate`)
  t.match(await create({ name: 'k' }), { status: 422, json: { code: 'agent_inactive' } })
})

t.test('no key or hash was ever logged', async (t) => {
  t.notMatch(log(), /paperclip_agent_[A-Za-z0-9]/)
  t.notMatch(log(), /"level":50/, 'and a healthy service logs no errors')
})
