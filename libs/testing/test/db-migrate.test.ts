import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expectSchemaVersion, listMigrations, migrate, type TableVerb } from '@paperclip/db'
import { eventually, faultProxy, testDatabase } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import { connected, folderOf } from './db-fixture.js'

const schema = 'gateway'
const runtimeRole = 'paperclip_gateway'
const database = await testDatabase(t)
const url = database.ownerUrl(schema)
const admin = new pg.Client({ connectionString: database.adminUrl })
await admin.connect()
t.teardown(() => admin.end())

const firstFiles = {
  '0001_create_note.sql': `
    create table note (id uuid primary key, text text not null);
    create table log (id bigint generated always as identity primary key, line text not null)
      partition by range (id);
    create table log_first partition of log for values from (1) to (1000000);
    create table hidden (id int primary key);
    create view note_view as select id from note;
    create sequence counter;
    create function shout(t text) returns text language sql as $$ select upper(t) $$;`,
  '0002_add_note_rank.sql': 'alter table note add column rank int not null default 0'
}
const grants: Record<string, TableVerb[]> = {
  note: ['select', 'insert', 'update', 'delete'],
  log: ['select', 'insert'],
  hidden: [],
  note_view: ['select']
}
const folder = await folderOf(t, firstFiles)
const migration = { url, schema, folder, runtimeRole, grants }

t.test('twenty runners on an empty database: one does the work, the others find it done', async (t) => {
  const results = await Promise.all(Array.from({ length: 20 }, () => migrate(migration)))
  const working = results.filter((result) => result.applied.length > 0)
  t.same(working, [{ applied: ['0001_create_note', '0002_add_note_rank'], grants: 'applied' }])
  t.same(
    results.map((result) => result.grants),
    Array.from({ length: 20 }, () => 'applied')
  )
})

t.test('the runtime role has exactly the declared verbs on every table, and owns nothing', async (t) => {
  const verbs = ['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']
  const { rows } = await admin.query(
    `select relname as table, array_agg(verb order by ord) filter (where has_table_privilege($1, c.oid, verb)) as verbs
     from pg_class c, unnest($2::text[]) with ordinality as v (verb, ord)
     where relnamespace = $3::regnamespace and relkind in ('r', 'p', 'v') group by relname order by relname`,
    [runtimeRole, verbs, schema]
  )
  t.same(rows, [
    { table: 'hidden', verbs: null },
    { table: 'log', verbs: ['select', 'insert'] },
    { table: 'log_first', verbs: null },
    { table: 'note', verbs: ['select', 'insert', 'update', 'delete'] },
    { table: 'note_view', verbs: ['select'] },
    { table: 'schema_migration', verbs: ['select'] },
    { table: 'schema_migration_lock', verbs: null }
  ])
  const owned = await admin.query('select 1 from pg_class where relowner = $1::regrole', [runtimeRole])
  t.equal(owned.rows.length, 0)
})

t.test('what the runtime role may do works, and all else is refused by the server', async (t) => {
  const client = new pg.Client({
    connectionString: database.url(schema),
    options: `-c search_path=${schema}`
  })
  await client.connect()
  t.teardown(() => client.end())
  await client.query("insert into log (line) values ('one')")
  await client.query("select nextval('counter'), shout('a')")
  const refused = [
    "update log set line = 'two'",
    'delete from log',
    'truncate log',
    "insert into log_first (id, line) overriding system value values (2, 'x')",
    'alter table note add column more int',
    'drop table note',
    'create table mine (id int)',
    'insert into schema_migration values (1, 2)'
  ]
  for (const statement of refused) {
    await t.rejects(client.query(statement), { code: '42501' }, statement)
  }
})

t.test('rights given by hand are taken away again, from the role and from everyone', async (t) => {
  await admin.query('grant all on gateway.log, gateway.log_first to paperclip_gateway, public')
  await admin.query('grant update (text) on gateway.note to public')
  await admin.query('grant all on schema gateway to public')
  t.same(await migrate(migration), { applied: [], grants: 'applied' })
  const { rows } = await admin.query(
    `select has_table_privilege($1, 'gateway.log', 'update, delete, truncate') as log,
       has_table_privilege($1, 'gateway.log_first', 'select, insert, update') as part,
       has_schema_privilege($1, 'gateway', 'create') as make,
       has_any_column_privilege('paperclip_secrets', 'gateway.note', 'update') as other,
       has_schema_privilege('paperclip_secrets', 'gateway', 'usage') as entry`,
    [runtimeRole]
  )
  t.same(rows[0], { log: false, part: false, make: false, other: false, entry: false })
})

t.test(
  'a table that is not declared, or a declared one that is absent, is an error that names it',
  async (t) => {
    const { hidden: _, ...fewer } = grants
    await t.rejects(migrate({ ...migration, grants: { ...fewer, ghost: ['select'] } }), {
      code: 'grants_do_not_match',
      message: /undeclared hidden; absent ghost/
    })
  }
)

t.test(
  'grants are skipped when the service runs as the migrating role, or the role does not exist',
  async (t) => {
    const own = await migrate({ ...migration, runtimeRole: 'paperclip_gateway_owner' })
    t.equal(own.grants, 'skipped_same_role')
    const absent = await migrate({ ...migration, runtimeRole: 'paperclip_nobody' })
    t.equal(absent.grants, 'skipped_role_absent')
  }
)

t.test('a failing file leaves nothing behind, of itself or of the files before it', async (t) => {
  const broken = await folderOf(t, {
    ...firstFiles,
    '0003_create_more.sql': 'create table more (id int primary key)',
    '0004_break.sql': 'create table half (id int primary key); select 1 / 0'
  })
  const failure = { code: 'migration_failed', message: 'migration gateway 0004_break failed (22012)' }
  await t.rejects(migrate({ ...migration, folder: broken }), failure)
  const { rows } = await admin.query(
    "select to_regclass('gateway.more') as more, to_regclass('gateway.half') as half"
  )
  t.same(rows, [{ more: null, half: null }])
  t.same((await migrate(migration)).applied, [])
})

t.test('a folder that holds anything but numbered migrations is refused', async (t) => {
  for (const name of ['0003_Upper.sql', '3_short.sql', '0003-dash.sql', 'README.md', '0003_x.sql.bak']) {
    const odd = await folderOf(t, { ...firstFiles, [name]: '' })
    await t.rejects(listMigrations(odd), { message: /not a migration/ }, name)
  }
  const twice = await folderOf(t, { ...firstFiles, '0002_again.sql': '' })
  await t.rejects(listMigrations(twice), { message: /two migrations have the number/ })
})

t.test('a migration waits for a database that is still starting, and for no refusal', async (t) => {
  const proxy = await faultProxy(t, { target: database.adminUrl })
  proxy.set('reset')
  const late = { ...migration, url: proxy.through(url) }
  const unreachable = { code: 'database_unreachable', message: /^the database cannot be reached/ }
  await t.rejects(migrate({ ...late, waitMsMax: 300 }), unreachable)
  const before = proxy.connections()
  const waiting = migrate({ ...late, waitMsMax: 20_000 })
  await eventually(() => assert.ok(proxy.connections() > before + 1))
  proxy.set('pass')
  t.match(await waiting, { applied: [], grants: 'applied' })

  const wrong = new URL(url)
  wrong.password = 'wrong'
  const asked = proxy.connections()
  await t.rejects(migrate({ ...migration, url: proxy.through(wrong.href) }), { code: '28P01' })
  t.equal(proxy.connections(), asked + 1, 'a wrong password is not tried again')
})

t.test('a service waits for the schema it needs, as the runtime role', async (t) => {
  const { db } = connected<unknown>(t, { url: database.url(schema), schema })
  await expectSchemaVersion(db, { schema, folder, waitMsMax: 1_000 })
  const next = await folderOf(t, firstFiles)
  await writeFile(join(next, '0003_add_note_owner.sql'), 'alter table note add column owner text')
  const waiting = expectSchemaVersion(db, { schema, folder: next, waitMsMax: 20_000, pollMs: 20 })
  await migrate({ ...migration, folder: next })
  await waiting

  // From here on the database is newer than `folder`.
  const newer = { code: 'schema_newer', message: /newer than this program \(it has 0003_add_note_owner\)/ }
  await t.rejects(expectSchemaVersion(db, { schema, folder, waitMsMax: 60_000 }), newer, 'at once')
  await t.rejects(migrate(migration), newer, 'and no older runner touches it')
})

t.test('an older, forbidden or unreachable schema is said in one sentence without credentials', async (t) => {
  const options = { schema, waitMsMax: 100, pollMs: 20 }
  const ahead = await folderOf(t, {
    ...firstFiles,
    '0003_add_note_owner.sql': '',
    '0004_add_later.sql': 'select 1'
  })
  const { db } = connected<unknown>(t, { url: database.url(schema), schema })
  await t.rejects(expectSchemaVersion(db, { ...options, folder: ahead }), {
    code: 'schema_older',
    message: /lacks 0004_add_later/
  })

  const foreign = connected<unknown>(t, { url: database.url('secrets'), schema })
  await t.rejects(expectSchemaVersion(foreign.db, { ...options, folder: ahead }), {
    code: 'schema_older',
    message: /may not be read by this role/
  })

  const proxy = await faultProxy(t, { target: database.adminUrl })
  const broken = connected<unknown>(t, {
    url: proxy.through(database.url(schema)),
    schema,
    connectionTimeoutMs: 200
  })
  const password = new URL(database.url(schema)).password
  for (const mode of ['reset', 'blackhole'] as const) {
    proxy.set(mode)
    const error = await expectSchemaVersion(broken.db, { ...options, folder: ahead }).catch((error) => error)
    t.match(error, { code: 'database_unreachable', message: /^the database cannot be reached/ }, mode)
    t.notOk(String(error.stack).includes(password), 'the password is nowhere in it')
  }
})
