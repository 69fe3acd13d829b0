import { randomBytes } from 'node:crypto'
import { type RunningPostgres, startTestPostgres } from '@paperclip/postgres'
import pg from 'pg'
import t from 'tap'
import { withCredentials } from '../src/launcher/database-client.js'
import { type PrepareDatabase, prepareDatabase } from '../src/launcher/database-roles.js'
import { scramVerifier } from '../src/launcher/scram-verifier.js'
import { askStandIn, newHome, startLauncher } from './fixtures/launcher-harness.js'

const suiteMsMax = 120_000
t.setTimeout(suiteMsMax)

const server: RunningPostgres = await startTestPostgres()
t.teardown(async () => await server.stop())

const password = (): string => randomBytes(32).toString('base64url')
const passwords = { owner: password(), runtime: password() }

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query({ text, rowMode: 'array' })
    return rows.flat()
  } finally {
    await client.end()
  }
}

/** A database of its own, of a role with exactly these rights. */
async function newDatabase(name: string, rights: string): Promise<string> {
  const secret = password()
  await query(server.adminUrl('postgres'), `create role ${name} login ${rights} password '${secret}'`)
  await query(server.adminUrl('postgres'), `create database ${name} owner ${name}`)
  return withCredentials(server.adminUrl(name), { user: name, password: secret })
}

const prepare = async (adminUrl: string, change: Partial<PrepareDatabase> = {}) =>
  await prepareDatabase({ adminUrl, service: 'gateway', passwords, ...change })

t.test('a verifier is what PostgreSQL itself would have stored', async (t) => {
  // RFC 7677, section 3: password "pencil", salt and 4096 iterations; keys as the exchange there proves.
  const verifier = scramVerifier('pencil', Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64'))
  t.equal(
    verifier,
    'SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU='
  )
})

t.test(
  'a role that may not create roles is used throughout, with a warning and without a change',
  async (t) => {
    const url = await newDatabase('lesser', '')
    const prepared = await prepare(url)
    t.match(prepared, { url, migrationUrl: url, warning: /may not create roles.*triggers alone/ })
    t.notMatch(prepared.warning, new URL(url).password)
    t.same(await query(url, "select count(*)::int from pg_roles where rolname like 'paperclip%'"), [0])
    t.same(
      await query(url, "select count(*)::int from pg_namespace where nspname in ('gateway', 'secrets')"),
      [0]
    )
  }
)

t.test(
  'a role that may create roles, no superuser, makes an owner and a runtime role that are kept apart',
  async (t) => {
    const url = await newDatabase('creator', 'createrole')
    const first = await prepare(url)
    t.equal(first.warning, null)
    t.same(
      await query(
        first.migrationUrl,
        'select current_user::text, current_schema()::text, current_setting($$search_path$$)'
      ),
      ['paperclip_gateway_owner', 'gateway', 'gateway, secrets, public']
    )
    await query(first.migrationUrl, 'create table gateway.sealed (n int)')
    t.same(await query(first.url, 'select current_user::text'), ['paperclip_gateway'])
    await t.rejects(query(first.url, 'create table gateway.other (n int)'), { code: '42501' })
    await t.rejects(query(first.url, 'select * from gateway.sealed'), { code: '42501' })
    t.same(
      await query(url, "select pg_has_role(current_user, 'paperclip_gateway_owner', 'usage')"),
      [false],
      'no way in is left'
    )
    t.same(await prepare(url), first, 'twice is once')
  }
)

t.test('roles that exist and whose passwords are not ours are left alone', async (t) => {
  const url = server.adminUrl('creator')
  const before = await query(
    url,
    "select rolname || rolpassword from pg_authid where rolname like 'paperclip%' order by 1"
  )
  const prepared = await prepare(url, { passwords: { owner: password(), runtime: password() } })
  t.match(prepared, { url, migrationUrl: url, warning: /their passwords are not in this \.env/ })
  t.same(
    await query(
      url,
      "select rolname || rolpassword from pg_authid where rolname like 'paperclip%' order by 1"
    ),
    before
  )
})

t.test('on a server of its own the launcher gives its roles the passwords that `.env` has now', async (t) => {
  const url = server.adminUrl('creator')
  const former = { owner: password(), runtime: password() }
  const before = await prepare(url, { passwords: former, ownsServer: true })
  t.equal(before.warning, null)
  const after = await prepare(url, { ownsServer: true })
  t.equal(after.warning, null)
  t.same(await query(after.url, 'select current_user::text'), ['paperclip_gateway'])
  for (const each of [before.url, before.migrationUrl])
    await t.rejects(query(each, 'select 1'), { code: '28P01' }, 'the former password is refused')
  t.same(await prepare(url), after)
})

t.test('our roles serve a second database, and a schema of another role is not taken over', async (t) => {
  const [second, third] = [await newDatabase('second', 'superuser'), await newDatabase('third', 'superuser')]
  t.equal((await prepare(second)).warning, null)
  await query(third, 'create schema gateway')
  t.match(await prepare(third), { url: third, warning: /belongs to another role/ })
})

t.test('launchers that share a database at once agree on its roles', async (t) => {
  const url = await newDatabase('shared', 'superuser')
  const all = await Promise.all([1, 2, 3].map(async () => await prepare(url, { service: 'secrets' })))
  t.same(
    all.map((each) => each.warning),
    [null, null, null]
  )
})

t.test(
  'with DATABASE_URL no server is started, and what the operator set up by hand is used as it is',
  async (t) => {
    const url = await newDatabase('byhand', 'superuser')
    const launcher = startLauncher(t, { ...(await newHome(t)), DATABASE_URL: url })
    const { database, gateway } = await launcher.ready()
    t.match(database, {
      embedded: false,
      pid: null,
      dataDir: null,
      address: `postgres://127.0.0.1:${server.port}/byhand`
    })
    t.match(launcher.output().stdout, `data in postgres://127.0.0.1:${server.port}/byhand, keys in`)
    t.match(launcher.output().stderr, /their passwords are not in this \.env/, 'the roles of the tests above')
    t.equal((await askStandIn(gateway.url))?.env.DATABASE_URL, url)
    t.same(await query(url, 'select role from gateway.runs union all select role from secrets.runs'), [
      'byhand',
      'byhand'
    ])
    launcher.child.kill('SIGTERM')
    t.match(await launcher.exited(), { code: 0 })
  }
)

t.test('a migration URL means that no roles are made, and the services get the other one', async (t) => {
  const url = await newDatabase('given', 'superuser')
  const runtime = withCredentials(url, { user: 'lesser', password: password() })
  await query(server.adminUrl('postgres'), `alter role lesser password '${new URL(runtime).password}'`)
  const launcher = startLauncher(t, {
    ...(await newHome(t)),
    DATABASE_URL: runtime,
    DATABASE_MIGRATION_URL: url
  })
  const { secrets } = await launcher.ready()
  t.equal((await askStandIn(secrets.url))?.env.DATABASE_URL, runtime)
  t.equal((await askStandIn(secrets.url))?.env.DATABASE_MIGRATION_URL, undefined)
  t.equal(launcher.output().stderr, '')
  t.same(await query(url, 'select role from gateway.runs'), ['given'])
  launcher.child.kill('SIGTERM')
  t.match(await launcher.exited(), { code: 0 })
})
