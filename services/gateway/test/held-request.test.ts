import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'
import { eventually } from '@paperclip/testing'
import t from 'tap'
import { makeBoardKeyRow, makeUserRow } from './fixtures/board-rows.js'
import { addCompany, authenticatedInstallation } from './fixtures/people.js'
import { makeAgent, openRun, type TestGateway } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const { gateway, admin, secrets, start } = await authenticatedInstallation(t)
const local = await start({ PAPERCLIP_DEPLOYMENT_MODE: 'local_trusted', TRUST_PROXY: '' })

/** A request whose head has been sent, and whose body waits. */
interface HeldRequest {
  startedAt: number
  closed: Promise<unknown>
  send(): Promise<string>
}

/** Sends the head of a request, and its body when told. Gives the reply as it came. */
async function hold(
  { port }: TestGateway,
  { method, path, headers, body }: { method: string; path: string; headers: object; body: string }
): Promise<HeldRequest> {
  const socket: Socket = createConnection({ host: '127.0.0.1', port })
  await once(socket, 'connect')
  const lines = Object.entries({
    host: `127.0.0.1:${port}`,
    connection: 'close',
    'content-type': 'application/json',
    'content-length': String(body.length),
    ...headers
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  const startedAt = performance.now()
  const closed = once(socket, 'close')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  return {
    startedAt,
    closed,
    async send() {
      socket.write(body)
      await closed
      return Buffer.concat(chunks).toString()
    }
  }
}

const endless = await hold(gateway, {
  method: 'POST',
  path: '/api/cli-auth/challenges',
  headers: {},
  body: '{"command":"x"}'
})

t.test('a key that was revoked while the body of a request was still to come does nothing', async (t) => {
  const companyId = await addCompany(admin)
  const userId = await makeUserRow(admin, { roles: { [companyId]: 'operator' } })
  const key = await makeBoardKeyRow(admin, userId)
  const path = `/api/companies/${companyId}/projects`
  const held = await hold(gateway, {
    method: 'POST',
    path,
    headers: { authorization: `Bearer ${key.token}` },
    body: '{"name":"Late"}'
  })
  await eventually(async () => {
    const { rows } = await admin.query('select last_used_at from board_api_keys where id = $1', [key.id])
    if (rows[0].last_used_at === null) throw new Error('the head was not judged yet')
  })
  await admin.query('update board_api_keys set revoked_at = now() where id = $1', [key.id])
  const reply = await held.send()
  t.match(reply, /^HTTP\/1\.1 401 /)
  t.match(reply, /"code":"credential_revoked"/)
  const { rows } = await admin.query('select 1 from projects where company_id = $1', [companyId])
  t.same(rows, [])
})

t.test('a run that has ended while the body of its request was still to come gets no value', async (t) => {
  const { companyId, agentId } = await makeAgent(local, { company: 'Runs' })
  const { token, runId } = await openRun(local, { companyId, agentId })
  let resolved = 0
  const answer = secrets.resolve
  secrets.resolve = (item) => {
    resolved += 1
    return answer(item)
  }
  const held = await hold(local, {
    method: 'POST',
    path: '/api/agents/me/env',
    headers: { authorization: `Bearer ${token}` },
    body: '{}'
  })
  // What comes later is looked up later: when these are answered, the head has been judged.
  for (let asked = 0; asked < 3; asked += 1)
    t.equal((await local.call('GET', '/api/me', { token })).status, 200)
  const path = `/api/companies/${companyId}/runs/${runId}/finish`
  t.equal((await local.call('POST', path, { body: { status: 'cancelled' } })).status, 200)
  const reply = await held.send()
  t.match(reply, /^HTTP\/1\.1 401 /)
  t.match(reply, /"code":"run_closed"/)
  t.equal(resolved, 0, 'and the secrets service was never asked')
})

t.test('a request that never ends is ended by us, soon after its 10 seconds', async (t) => {
  await endless.closed
  const seconds = (performance.now() - endless.startedAt) / 1_000
  t.ok(seconds < 14, `after ${seconds.toFixed(1)} s`)
})
