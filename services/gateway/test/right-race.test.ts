import { newId } from '@paperclip/contracts'
import { eventually, heldLock } from '@paperclip/testing'
import t from 'tap'
import { makeUserRow } from './fixtures/board-rows.js'
import { keyPerson } from './fixtures/key-people.js'
import {
  addCompany,
  addMember,
  asSession,
  authenticatedInstallation,
  fromAnywhere,
  signUp
} from './fixtures/people.js'

/*
 * Rights that end while somebody is using them: what was acknowledged as ended must leave nothing behind that came
 * after it.
 */
t.setTimeout(120_000)

const { gateway, admin: sql, database } = await authenticatedInstallation(t)
const url = database.adminUrl
const lockUser = (userId: string) =>
  heldLock(t, { url, statement: `select 1 from gateway."authUsers" where id = '${userId}' for update` })
const count = async (from: string, id: string): Promise<number> => {
  const { rows } = await sql.query(`select count(*)::int as n from ${from}`, [id])
  return rows[0].n
}

// Before there is an instance admin: later on, signing up needs an invite.
const ada = await signUp(gateway)
const bea = await signUp(gateway)

t.test('a session that was ended leaves no board key that came after it', async (t) => {
  const lock = await lockUser(ada.userId)
  const making = gateway.call('POST', '/api/board-api-keys', {
    body: { name: 'for later', expiresAt: null },
    headers: asSession(gateway, ada)
  })
  await lock.waitedFor()
  await sql.query('delete from "authSessions" where id = $1', [ada.sessionId])
  await lock.release()
  t.match(await making, { status: 401, json: { code: 'unauthenticated' } })
  t.equal(await count('board_api_keys where user_id = $1', ada.userId), 0)
})

t.test('an admin who was demoted promotes, demotes and deletes nobody after it', async (t) => {
  const root = await keyPerson(sql, { admin: true })
  for (const [method, path] of [
    ['POST', '/promote'],
    ['POST', '/demote'],
    ['DELETE', '']
  ] as const) {
    const rogue = await keyPerson(sql, { admin: true })
    const friend = await makeUserRow(sql, { admin: path === '/demote' })
    const lock = await lockUser(friend)
    const late = gateway.call(method, `/api/admin/users/${friend}${path}`, { token: rogue.token })
    await lock.waitedFor()
    const demoted = await gateway.call('POST', `/api/admin/users/${rogue.userId}/demote`, {
      token: root.token
    })
    t.equal(demoted.status, 200)
    await lock.release()
    t.match(await late, { status: 403, json: { code: 'forbidden' } }, `${method} ${path}`)
    t.equal(await count('"authUsers" where id = $1', friend), 1)
    t.equal(await count('instance_user_roles where user_id = $1', friend), path === '/demote' ? 1 : 0)
  }
})

t.test('nobody joins by an invite after its maker was told to have left', async (t) => {
  const companyId = await addCompany(sql)
  const owner = await keyPerson(sql, { roles: { [companyId]: 'owner' } })
  const maker = await keyPerson(sql, { roles: { [companyId]: 'admin' } })
  const invite = await gateway.call('POST', `/api/companies/${companyId}/invites`, {
    token: maker.token,
    body: { role: 'admin' }
  })
  const lock = await heldLock(t, {
    url,
    statement: `select 1 from gateway.company_invites where id = '${invite.json.id}' for update`
  })
  const accepting = gateway.call('POST', `/api/invites/${invite.json.token}/accept`, {
    headers: { ...fromAnywhere(), ...asSession(gateway, bea) }
  })
  await lock.waitedFor()
  let told = false
  const removing = gateway
    .call('DELETE', `/api/companies/${companyId}/members/${maker.userId}`, { token: owner.token })
    .finally(() => {
      told = true
    })
  await eventually(async () => {
    const { rows } = await sql.query(`select 1 from pg_stat_activity where wait_event_type = 'Lock'`)
    if (!told && rows.length < 2) throw new Error('the removal neither waits nor is done')
  })
  t.notOk(told, 'the removal waits for who is joining')
  await lock.release()
  t.equal((await removing).status, 200)
  t.equal((await accepting).status, 200)
})

t.test('roles of nobody count for nothing: neither as an admin nor as an owner', async (t) => {
  const root = await keyPerson(sql, { admin: true })
  await sql.query('delete from instance_user_roles where user_id <> $1', [root.userId])
  const ghost = newId()
  await sql.query(`insert into instance_user_roles values ($1, 'instance_admin')`, [ghost])
  const demote = await gateway.call('POST', `/api/admin/users/${root.userId}/demote`, { token: root.token })
  t.match(demote, { status: 409, json: { code: 'last_admin' } })
  const companyId = await addCompany(sql)
  const owner = await makeUserRow(sql, { roles: { [companyId]: 'owner' } })
  await addMember(sql, companyId, ghost, 'owner')
  const member = `/api/companies/${companyId}/members/${owner}`
  for (const [method, path, body] of [
    ['DELETE', member, undefined],
    ['PUT', member, { role: 'viewer' }],
    ['DELETE', `/api/admin/users/${owner}`, undefined]
  ] as const)
    t.match(
      await gateway.call(method, path, { token: root.token, ...(body === undefined ? {} : { body }) }),
      { status: 409, json: { code: 'last_owner' } },
      `${method} ${path}`
    )
  const gone = await gateway.call('DELETE', `/api/companies/${companyId}/members/${ghost}`, {
    token: root.token
  })
  t.equal(gone.status, 200, 'and what is left of somebody can be cleared away')
})

t.test('an address that has a token in it is kept by no cache', async (t) => {
  const challenge = await gateway.call('POST', '/api/cli-auth/challenges', {
    body: { command: 'x' },
    headers: fromAnywhere()
  })
  const companyId = await addCompany(sql)
  const owner = await keyPerson(sql, { roles: { [companyId]: 'owner' } })
  const invite = await gateway.call('POST', `/api/companies/${companyId}/invites`, {
    token: owner.token,
    body: { role: 'viewer' }
  })
  const { id, token } = challenge.json
  for (const path of [`/api/cli-auth/challenges/${id}?token=${token}`, `/api/invites/${invite.json.token}`]) {
    const { status, headers } = await gateway.call('GET', path, { headers: fromAnywhere() })
    t.equal(status, 200)
    t.equal(headers['cache-control'], 'no-store')
  }
})
