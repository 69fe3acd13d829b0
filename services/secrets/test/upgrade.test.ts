import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { newId } from '@paperclip/contracts'
import { listMigrations, migrate } from '@paperclip/db'
import { testDatabase } from '@paperclip/testing'
import t from 'tap'
import { grants, runtimeRole } from '../src/grants.js'
import { adminSession, resolve, sqlSession } from './support/fixtures.js'
import { startSecrets } from './support/secrets-app.js'
import { insertBinding, insertCompanyKey, insertMasterKey, insertSecret } from './support/stored-values.js'

const folder = fileURLToPath(new URL('../../migrations', import.meta.url))
const shipped = await listMigrations(folder)
t.setTimeout(120_000)

/** The migrations of an earlier release, and privileges on the tables that it had. */
function earlier(count: number) {
  const former = mkdtempSync(join(tmpdir(), 'paperclip-earlier-'))
  t.teardown(() => rmSync(former, { recursive: true, force: true }))
  const files = shipped.slice(0, count)
  for (const { name, path } of files) copyFileSync(path, join(former, `${name}.sql`))
  const made = files.map(({ path }) => readFileSync(path, 'utf8')).join('')
  const tables = Object.entries(grants).filter(([table]) => made.includes(`create table ${table} (`))
  return { folder: former, grants: Object.fromEntries(tables) }
}

for (const [index, { name }] of shipped.entries()) {
  t.test(`values that were stored when ${name} was the newest resolve with this release`, async (t) => {
    const database = await testDatabase(t)
    const options = { url: database.ownerUrl('secrets'), schema: 'secrets', runtimeRole, grants }
    await migrate({ ...options, ...earlier(index + 1) })
    const sql = await sqlSession(t, database.adminUrl)
    const [companyId, agentId] = [newId(), newId()]
    const companyKey = await insertCompanyKey(sql, { kek: await insertMasterKey(sql), companyId })
    const secretId = await insertSecret(sql, companyKey, {
      key: 'old',
      values: ['first', 'of an older release']
    })
    await insertBinding(sql, { companyId, agentId, secretId, name: 'OLD' })

    const { applied } = await migrate({ ...options, folder })
    t.same(
      applied,
      shipped.slice(index + 1).map((file) => file.name)
    )
    const app = await startSecrets(t, database)
    t.match(await resolve(app, { companyId, agentId }), {
      status: 200,
      body: { env: { OLD: 'of an older release' } }
    })
  })
}

t.test('a release that is older than the schema does not start, and says so', async (t) => {
  const database = await testDatabase(t)
  const options = { url: database.ownerUrl('secrets'), schema: 'secrets', folder, runtimeRole, grants }
  await migrate(options)
  const sql = await adminSession(t, database)
  await sql("insert into schema_migration (name, timestamp) values ('9999_of_the_future', '2999-01-01')")
  const newer = {
    code: 'schema_newer',
    message: /newer than this program \(it has 9999_of_the_future\): run a newer build/
  }
  await t.rejects(startSecrets(t, database), newer)
  await t.rejects(migrate(options), newer)
})
