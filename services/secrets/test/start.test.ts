import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { newId } from '@paperclip/contracts'
import { ConfigError } from '@paperclip/server'
import { startProcess } from '@paperclip/testing'
import t from 'tap'
import { loadConfig } from '../src/config.js'
import { findStrictModeGap } from '../src/environment/strict-mode-gap.js'
import { tightenKeyFile } from '../src/keyring/key-file-mode.js'
import { pbkdf2 } from '../src/keyring/master-keyring.js'
import { MissingMasterKeyError } from '../src/keyring/match-master-keys.js'
import { adminSession, createSecret, putEnv, resolve } from './support/fixtures.js'
import { masterKey, secretsDatabase, secretsEnv, service, startSecrets } from './support/secrets-app.js'

/** `nobody` on most systems; here, anyone who is not the owner. */
const unprivilegedUid = 65_534
const otherKey = Buffer.alloc(32, 3).fill(4, 8).toString('base64')

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'paperclip-start-'))
  t.teardown(() => rmSync(path, { recursive: true, force: true }))
  return path
}

// Over twenty starts.
t.setTimeout(110_000)

t.test('a start with a key that stored secrets do not know is refused, and changes nothing', async (t) => {
  const database = await secretsDatabase(t)
  const sql = await adminSession(t, database)
  const app = await startSecrets(t, database)
  const target = { companyId: newId(), agentId: newId() }
  await createSecret(app, target.companyId, { name: 'k', value: 'v' })
  await putEnv(app, target, { K: '$secret:k' })
  const state = async () => [
    await sql('select * from master_keys order by id'),
    await sql('select * from company_keys order by id')
  ]
  const before = await state()
  const [stored] = await sql<{ id: string }>('select id from master_keys')
  const home = folder()
  const wrong = { PAPERCLIP_SECRETS_MASTER_KEY: otherKey, PAPERCLIP_HOME: home }
  const error: Error = await startSecrets(t, database, wrong).then(
    () => t.fail('it started') as never,
    (refusal: Error) => refusal
  )
  t.ok(error instanceof MissingMasterKeyError)
  const ids = error.message.match(/mk_[0-9a-f]{16}/g)
  t.equal(ids?.length, 2, 'the needed and the given one')
  t.equal(ids?.[0], stored?.id)
  t.not(ids?.[1], stored?.id)
  t.notOk(error.message.includes(otherKey) || error.message.includes(masterKey))
  t.strictSame(await state(), before)
  t.strictSame(readdirSync(home), [], 'no key file was made')
  const both = await startSecrets(t, database, {
    PAPERCLIP_SECRETS_MASTER_KEY: otherKey,
    PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS: masterKey
  })
  t.equal((await resolve(both, target)).body.env.K, 'v', 'the former key beside the new one opens all')
  const [keys, companyKeys] = await state()
  t.same(
    keys?.filter((key) => key.activated_at !== null),
    before[0]
  )
  t.strictSame(companyKeys, before[1], 'and the new one wraps nothing before it is activated')
})

t.test('processes that start at once on an empty database agree on one key', async (t) => {
  const database = await secretsDatabase(t)
  const sql = await adminSession(t, database)
  const apps = await Promise.all(
    Array.from({ length: 3 }, () => startSecrets(t, database, {}, { kekMaking: pbkdf2 }))
  )
  t.equal((await sql('select from master_keys')).length, 1)
  const target = { companyId: newId(), agentId: newId() }
  const env: Record<string, string> = {}
  await Promise.all(
    apps.map(async (app, index) => {
      await createSecret(app, target.companyId, { name: `k${index}`, value: `v${index}` })
      env[`K${index}`] = `$secret:k${index}`
    })
  )
  t.equal((await sql('select from company_keys where company_id = $1', [target.companyId])).length, 1)
  await Promise.all(apps.map((app) => putEnv(app, target, env)))
  for (const app of apps) t.same((await resolve(app, target)).body.env, { K0: 'v0', K1: 'v1', K2: 'v2' })
})

t.test('every form of one master key opens the same secrets; a loose file is tightened', async (t) => {
  const database = await secretsDatabase(t)
  const bytes = Buffer.from('0123456789abcdef0123456789ABCDEF')
  const file = join(folder(), 'master.key')
  writeFileSync(file, `${bytes.toString('base64')}\n`)
  chmodSync(file, 0o644)
  const target = { companyId: newId(), agentId: newId() }
  const fromFile = { PAPERCLIP_SECRETS_MASTER_KEY: ' ', PAPERCLIP_SECRETS_MASTER_KEY_FILE: file }
  const first = await startSecrets(t, database, fromFile)
  t.equal(statSync(file).mode & 0o777, 0o600)
  await createSecret(first, target.companyId, { name: 'k', value: 'v' })
  await putEnv(first, target, { K: '$secret:k' })
  for (const key of [bytes.toString('hex'), ` ${bytes.toString('base64')}\n`, bytes.toString()]) {
    const app = await startSecrets(t, database, { PAPERCLIP_SECRETS_MASTER_KEY: key })
    t.equal((await resolve(app, target)).body.env.K, 'v')
  }
})

t.test('a key file whose mode cannot be mended is told apart from one that is gone', async (t) => {
  const home = folder()
  const file = join(home, 'master.key')
  writeFileSync(file, 'x', { mode: 0o600 })
  t.strictSame([...tightenKeyFile(null), ...tightenKeyFile(file)], [])
  t.match(tightenKeyFile(`${file}.moved`), [/^The master key file is gone since it was read/])
  t.match(tightenKeyFile(join(file, 'below-a-file')), [/^Whether others can read .* could not be checked/])
  // Only root can make a file that belongs to somebody else.
  if (process.getuid?.() !== 0 || process.seteuid === undefined) return
  chmodSync(home, 0o755)
  chmodSync(file, 0o644)
  process.seteuid(unprivilegedUid)
  const found = tightenKeyFile(file)
  process.seteuid(0)
  t.match(found, [/^The master key file can be read by others, .* could not be tightened to 0600/])
})

t.test('a malformed configuration names every variable and no value', (t) => {
  const faults = (env: NodeJS.ProcessEnv) => {
    try {
      loadConfig({ PAPERCLIP_HOME: '/nonexistent', ...env })
      return []
    } catch (error) {
      if (error instanceof ConfigError) return error.faults
      throw error
    }
  }
  const given = { DATABASE_URL: 'postgres://x', PAPERCLIP_SECRETS_MASTER_KEY: masterKey }
  t.strictSame(faults(given), [])
  t.strictSame(
    faults({ ...given, PAPERCLIP_INTERNAL_TLS_CA_FILE: '/canary', PAPERCLIP_SECRETS_HOST: '::' }),
    [
      'PAPERCLIP_INTERNAL_TLS_CERT_FILE, PAPERCLIP_INTERNAL_TLS_KEY_FILE not set: mutual TLS needs certificate, key and CA'
    ]
  )
  const found = faults({
    PAPERCLIP_SECRETS_PORT: '99999-canary',
    PAPERCLIP_SECRETS_HOST: '0.0.0.0',
    PAPERCLIP_DEPLOYMENT_MODE: 'canary',
    PAPERCLIP_SECRETS_STRICT_MODE: 'canary'
  })
  for (const name of [
    'PAPERCLIP_SECRETS_PORT',
    'PAPERCLIP_SECRETS_HOST',
    'PAPERCLIP_DEPLOYMENT_MODE',
    'PAPERCLIP_SECRETS_STRICT_MODE',
    'DATABASE_URL',
    'PAPERCLIP_SECRETS_MASTER_KEY_FILE'
  ])
    t.ok(
      found.some((fault) => fault.startsWith(name)),
      name
    )
  t.notMatch(found.join(), 'canary')
  const open = {
    ...given,
    PAPERCLIP_SECRETS_HOST: '0.0.0.0',
    PAPERCLIP_INTERNAL_PLAINTEXT: 'private-network'
  }
  t.strictSame(faults(open), [])
  const encrypted = {
    ...given,
    PAPERCLIP_SECRETS_HOST: '0.0.0.0',
    PAPERCLIP_INTERNAL_TLS_CERT_FILE: '/c',
    PAPERCLIP_INTERNAL_TLS_KEY_FILE: '/k',
    PAPERCLIP_INTERNAL_TLS_CA_FILE: ' /ca '
  }
  t.strictSame(faults(encrypted), [])
  t.same(loadConfig(encrypted).config.tlsFiles, { certFile: '/c', keyFile: '/k', caFile: '/ca' })
  const { config, secrets } = loadConfig(given)
  t.notMatch(JSON.stringify({ config, secrets }), masterKey)
  t.end()
})

t.test('a master key of the wrong length or form stops the start by name', async (t) => {
  const database = await secretsDatabase(t)
  for (const key of ['x'.repeat(31), 'x'.repeat(33), 'a'.repeat(63), 'A'.repeat(44), 'a'.repeat(32)]) {
    const error: Error = await startSecrets(t, database, { PAPERCLIP_SECRETS_MASTER_KEY: key }).then(
      () => t.fail(`it started with ${key.length} characters`) as never,
      (refusal: Error) => refusal
    )
    t.match(error.message, 'PAPERCLIP_SECRETS_MASTER_KEY')
    t.notOk(error.message.includes(key))
  }
})

t.test('a role that could change audit rows is said in the log and in health', async (t) => {
  const database = await secretsDatabase(t)
  const sql = await adminSession(t, database)
  async function started(url: string) {
    const app = await startSecrets(t, { url: () => url })
    const { body } = await app.send(service('gateway'), 'GET', '/health')
    return { status: body.status, warnings: body.warnings, logged: /triggers alone/.test(app.logs()) }
  }
  const silent = { status: 'ok', warnings: [], logged: false }
  const told = { status: 'ok', warnings: [/append-only rests on triggers alone/], logged: true }
  t.same(await started(database.url('secrets')), silent)
  t.match(await started(database.ownerUrl('secrets')), told, 'the owner')
  const audit = 'activity_log, secret_access_events'
  await sql(`revoke update, delete, truncate on ${audit} from paperclip_secrets_owner`)
  t.match(await started(database.ownerUrl('secrets')), told, 'the owner, who could grant it to itself')
  await sql('grant truncate on activity_log to paperclip_secrets')
  t.match(await started(database.url('secrets')), told, 'one privilege on one table')
})

t.test('strict mode that is off where others may look is said in the log and in health', async (t) => {
  const database = await secretsDatabase(t)
  const given = secretsEnv(t, database)
  const server = { PAPERCLIP_EMBEDDED_DATABASE: undefined }
  const shared = { PAPERCLIP_DEPLOYMENT_MODE: 'authenticated' }
  const off = { PAPERCLIP_SECRETS_STRICT_MODE: 'false' }
  const on = { PAPERCLIP_SECRETS_STRICT_MODE: 'true' }
  const gapOf = (env: NodeJS.ProcessEnv) => findStrictModeGap(loadConfig({ ...given, ...env }).config)
  for (const env of [{}, { ...server, ...on }, { ...server, ...shared }]) t.equal(gapOf(env), undefined)
  t.match(gapOf({ ...shared, ...off }), /several people.*STRICT_MODE=true.*migrate-inline-env/)
  t.match(gapOf(server), /on a PostgreSQL server.*STRICT_MODE=true.*migrate-inline-env/)
  const app = await startSecrets(t, database, server)
  const { body } = await app.send(service('gateway'), 'GET', '/health')
  t.match(body, { status: 'ok', strictMode: false, warnings: [gapOf(server)] })
  t.match(app.logs(), /Strict mode is off/)
})

t.test("a clock over 5 s from the database's stops the start of the process with a sentence", async (t) => {
  const database = await secretsDatabase(t)
  const main = fileURLToPath(new URL('../bin/main.js', import.meta.url))
  const shifted = 'data:text/javascript,const now=Date.now;Date.now=()=>now()-6000'
  const started = await startProcess(t, {
    command: process.execPath,
    args: ['--import', shifted, main],
    env: secretsEnv(t, database)
  })
  t.equal((await started.ended).code, 1)
  t.match(started.stderr(), /^the clock of the database is 6\.\d s ahead of that of this machine, and 5 s/)
})
