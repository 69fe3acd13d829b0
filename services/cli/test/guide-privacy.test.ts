import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getAgentSelf, getCliMe } from '@paperclip/contracts'
import { eventually, repositoryRoot } from '@paperclip/testing'
import t from 'tap'
import { makeBreachWorld } from './support/breach-world.js'
import { connectAsOwner, connectAsSuperuser, dumpDatabase } from './support/database-dump.js'
import { newOperator } from './support/e2e-cli.js'
import { tryGuide } from './support/try-guide.js'

const fileMsMax = 280_000
t.setTimeout(fileMsMax)

t.test('the guide of people’s data gives, deletes and keeps what it says', async (t) => {
  t.match(await tryGuide(t, 'deploy/privacy.md'), { code: 0, stdout: /all as the guide says/ })
})

/** The statements of a guide's `sql` blocks, as they are printed, in order. */
function statementsOf(guide: string): string[] {
  const text = readFileSync(join(repositoryRoot, 'deploy', guide), 'utf8')
  const blocks = [...text.matchAll(/```sql\n(.*?)```/gs)].map(([, block = '']) => block)
  return blocks.flatMap((block) => block.split(';').map((statement) => statement.trim())).filter(Boolean)
}

t.test('the statements that are typed at the database work as printed, on the next request', async (t) => {
  const operator = await newOperator(t, { PAPERCLIP_DEPLOYMENT_MODE: 'authenticated', HOST: '127.0.0.1' })
  const { process } = await operator.launch()
  const { api, call, chief, ada, bob, agents } = await makeBreachWorld(operator.env.PORT ?? '', process)
  const [sql, root] = await Promise.all([connectAsOwner(operator.paths), connectAsSuperuser(operator.paths)])
  const status = async (cookie: string) => (await call('GET', '/me', { cookie })).status
  try {
    const [
      findUser = '',
      endSessions = '',
      revokeBoardKeys = '',
      findKeys = '',
      revokeAgentKey = '',
      ...more
    ] = statementsOf('incidents.md')
    t.same(more, [], 'each has its check here')
    const found = await sql.query(findUser.replace('<e-mail>', ada.email.toUpperCase()))
    t.same(found.rows, [{ id: ada.userId }])
    t.equal(await status(ada.cookie), 200)
    await sql.query(endSessions.replace('<user-id>', ada.userId))
    t.equal(await status(ada.cookie), 401)
    t.same(await api.everywhere(getCliMe, {}, { token: ada.boardKey }), ['200'], 'a key is no session')
    await sql.query(revokeBoardKeys.replace('<user-id>', ada.userId))
    t.same(await api.everywhere(getCliMe, {}, { token: ada.boardKey }), ['401 credential_revoked'])
    const [agent] = agents
    const token = agent?.keys[0] ?? ''
    t.same(await api.everywhere(getAgentSelf, {}, { token }), ['200'])
    const { rows } = await sql.query('select id from agent_api_keys where agent_id = $1 order by id', [
      agent?.id
    ])
    const [{ id: keyId }] = rows
    const listed = (await sql.query(findKeys)).rows
    t.equal(listed.length, agents.flatMap(({ keys }) => keys).length)
    t.match(
      listed.find(({ id }) => id === keyId),
      { agent: agent?.name, name: String }
    )
    await sql.query(revokeAgentKey.replace('<key-id>', keyId))
    t.same(await api.everywhere(getAgentSelf, {}, { token }), ['401 credential_revoked'])

    const [members = '', sessions = '', user = '', ...others] = statementsOf('privacy.md')
    t.same(others, [])
    const company = (await call('GET', '/companies', { token: bob.boardKey })).body as unknown as {
      id: string
    }[]
    const path = `/companies/${company[0]?.id}`
    t.equal((await call('GET', path, { cookie: bob.cookie })).status, 200)
    await sql.query(members.replace('<user-id>', bob.userId))
    t.equal((await call('GET', path, { cookie: bob.cookie })).status, 403)
    await sql.query(sessions.replace('<user-id>', bob.userId))
    t.equal(await status(bob.cookie), 401)
    await sql.query(user.replace('<user-id>', bob.userId))
    t.same(await api.everywhere(getCliMe, {}, { token: bob.boardKey }), ['401 unauthenticated'])

    // By the last statement alone, and by all three: the same is gone, and the same stays.
    await sql.query(user.replace('<user-id>', ada.userId))
    await eventually(async () => {
      const { rowCount } = await sql.query('select from outbox')
      if (rowCount !== 0) throw new Error('the record has not got all of it yet')
    })
    const dump = await dumpDatabase(operator.paths)
    const told = dump.rows('secrets.activity_log').filter(({ actor_id: who }) => who === 'database')
    t.same([...new Set(told.map(({ action }) => action))].sort(), ['session.ended', 'user.deleted'])
    for (const { userId, email } of [ada, bob]) {
      t.notOk(dump.text.includes(email), 'no table knows the address')
      for (const table of [
        'authUsers',
        'authAccounts',
        'authSessions',
        'board_api_keys',
        'company_memberships'
      ])
        t.notOk(JSON.stringify(dump.rows(`gateway.${table}`)).includes(userId), table)
      t.ok(dump.text.includes(userId), 'the record keeps the bare id')
    }
    t.ok(dump.text.includes(chief.email))
    for (const table of ['activity_log', 'secret_access_events'])
      await t.rejects(root.query(`truncate secrets.${table}`), { message: /never changed or removed/ })
  } finally {
    await Promise.all([sql.end(), root.end()])
  }
})
