import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { newId } from '@paperclip/contracts'
import type { TestDatabase } from '@paperclip/testing'
import t from 'tap'
import { copyDatabase, dumpAndRestore } from './support/database-copy.js'
import { resolve, sqlSession } from './support/fixtures.js'
import { masterKey, operator, secretsDatabase, secretsEnv, startSecrets } from './support/secrets-app.js'
import { insertBinding, insertCompanyKey, insertMasterKey, insertSecret } from './support/stored-values.js'

/*
 * Goals R9 and R7. `npm run scale -- --versions 100000` measures; in the suite it runs with few, and asserts the same
 * but for the time.
 */
const { values: flags } = parseArgs({ options: { versions: { type: 'string', default: '2000' } } })
const versionsCount = Number(flags.versions)
const companiesCount = 50
const versionsOfSecret = 40
const readers = 8
t.setTimeout(900_000)

const run = promisify(execFile)
const program = fileURLToPath(new URL('../bin/check-values.js', import.meta.url))
const newKey = Buffer.alloc(32, 3).fill(5, 9).toString('base64')
const database = await secretsDatabase(t)
const targets: { companyId: string; agentId: string }[] = []
const seconds = (sinceMs: number) => `${((performance.now() - sinceMs) / 1000).toFixed(2)} s`

async function check(over: Pick<TestDatabase, 'url'>, key: string): Promise<string> {
  const env = { ...secretsEnv(t, over), PAPERCLIP_SECRETS_MASTER_KEY: key, PATH: process.env.PATH ?? '' }
  return (await run(process.execPath, [program], { env })).stdout.trim()
}

t.test('there are so many values', async (t) => {
  // Closed before anybody copies: with a session nobody may.
  const sql = await sqlSession(t, database.adminUrl)
  const kek = await insertMasterKey(sql)
  const secretsOfCompany = versionsCount / companiesCount / versionsOfSecret
  for (let company = 0; company < companiesCount; company++) {
    const target = { companyId: newId(), agentId: newId() }
    const companyKey = await insertCompanyKey(sql, { kek, companyId: target.companyId })
    for (let secret = 0; secret < secretsOfCompany; secret++) {
      const values = Array.from({ length: versionsOfSecret }, (_, n) => `value ${n} of ${newId()}`)
      const secretId = await insertSecret(sql, companyKey, { key: `secret-${secret}`, values })
      if (secret === 0) await insertBinding(sql, { ...target, secretId, name: 'VALUE' })
    }
    targets.push(target)
  }
  t.equal(targets.length, companiesCount)
})

t.test('a dump restored elsewhere opens to the last value with the key file (R9)', async (t) => {
  const begunMs = performance.now()
  const dumped = await dumpAndRestore(t, database)
  const restored = dumped ?? (await copyDatabase(t, database))
  const how = dumped === undefined ? 'copied by the server, since no pg_dump fits it' : 'dumped'
  const restoredAfter = seconds(begunMs)
  const openMs = performance.now()
  t.equal(
    await check(restored, masterKey),
    `stored values that open: ${versionsCount} of secrets, 0 of environments`
  )
  t.comment(
    `R9: ${versionsCount} versions, ${how}: restored after ${restoredAfter}, opened in ${seconds(openMs)}, all in ${seconds(begunMs)}`
  )
  const refusal = await check(restored, newKey).catch(({ stderr }: { stderr: string }) => stderr)
  t.match(refusal, /need master key mk_/, 'and with no other key')
})

t.test('a rotation of the master key under load: no read fails, and every value opens (R7)', async (t) => {
  const app = await startSecrets(t, database, {
    PAPERCLIP_SECRETS_MASTER_KEY: newKey,
    PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS: masterKey
  })
  let [reads, failed, stopped] = [0, 0, false]
  async function read(first: number): Promise<void> {
    for (let n = first; !stopped; n++) {
      const target = targets[n % targets.length]
      if (target === undefined) return
      const { status } = await resolve(app, target)
      reads++
      if (status !== 200) failed++
    }
  }
  const reading = Array.from({ length: readers }, (_, n) => read(n))
  const begunMs = performance.now()
  const { status } = await app.send(operator(), 'POST', '/admin/master-keys/rotate', {})
  const took = seconds(begunMs)
  stopped = true
  await Promise.all(reading)
  t.equal(status, 200)
  t.equal(failed, 0)
  t.comment(
    `R7: ${versionsCount} versions in ${companiesCount} companies: rewrapped in ${took}; ${reads} reads meanwhile, ${failed} failed`
  )
  t.match(await check(database, newKey), new RegExp(`open: ${versionsCount} of secrets`))
})

t.test('a value that does not open is named, with what a deleted company has left behind', async (t) => {
  const [damaged, deleted] = targets
  const sql = await sqlSession(t, database.adminUrl)
  const [row] = await sql<{ id: string }>(
    `update company_secret_versions set sealed = set_byte(sealed, 80, get_byte(sealed, 80) # 1)
     where id = (select id from company_secret_versions where company_id = $1 order by id limit 1) returning id`,
    [damaged?.companyId]
  )
  await sql(
    'update company_keys set wrapped = null, master_key_id = null, shredded_at = now() where company_id = $1',
    [deleted?.companyId]
  )
  const ended: { code: number; stdout: string; stderr: string } = await check(database, newKey).then(
    () => t.fail('it passed') as never,
    (failure) => failure
  )
  const left = versionsCount / companiesCount
  t.match(ended, {
    code: 1,
    stdout: `open: ${versionsCount - left - 1} of secrets, 0 of environments; that do not open: 1; of deleted companies, which nothing opens: ${left}`,
    stderr: new RegExp(
      `^secrets: integrity_failure: value ${row?.id} of .*, company ${damaged?.companyId}\\n$`
    )
  })
})
