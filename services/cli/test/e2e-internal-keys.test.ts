/** Keys of internal services over time, by the real command line against real processes. */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createSecretsClient, createSignerKey } from '@paperclip/client'
import { createAgent, createCompany, createSecret, resolveEnvironment } from '@paperclip/contracts'
import { writeRuntime } from '@paperclip/instance'
import { freePort, repositoryRoot, startProcess, testDatabase } from '@paperclip/testing'
import t from 'tap'
import { runBin, runCli } from './fixtures/run-cli.js'
import { openApi } from './support/e2e-api.js'
import { shippedMigrations, startInstallation } from './support/e2e-installation.js'
import { startLoad } from './support/e2e-load.js'

// Of the two minutes a file has under `npm test`.
t.setTimeout(100_000)

const clients = 6
const secretCount = 4
const operationsBetween = 30
// A machine too busy to record an access within a second refuses it; that says nothing about keys.
const busy = 'audit_unavailable'

const database = await testDatabase(t, { migrations: shippedMigrations })
const databaseUrls = { gateway: database.url('gateway'), secrets: database.url('secrets') }
const installation = await startInstallation(t, { gateways: 2, secrets: 2, databaseUrls })
const { paths, gateways, secrets } = installation
const api = openApi(
  gateways.map(({ origin }) => origin),
  { keep: false }
)
const { id: companyId } = await api.ok(createCompany, { body: { name: 'Keys' } })

const env = { PAPERCLIP_HOME: paths.home }

interface Key {
  readonly id: string
  readonly file: string
  readonly former?: readonly { id: string; notAfter: string }[]
}

/** Runs `internal-key …` to its end and gives what it prints. */
async function internalKey<T = Key>(...args: string[]): Promise<T> {
  const { code, stdout, stderr } = await runCli(['internal-key', ...args, '--json'], { env })
  if (code !== 0) throw new Error(`internal-key ${args.join(' ')} ended with ${code}: ${stderr}`)
  return JSON.parse(stdout) as T
}

/** As the operator does it, in a process of its own. */
async function rotateGateway(...args: string[]): Promise<Key> {
  const { stdout } = await runBin(t, ['internal-key', 'rotate', 'gateway', ...args, '--json'], { env })
  return JSON.parse(stdout) as Key
}

/** What each secrets process answers to a resolve by this file's key: 200, or the status of the refusal. */
async function standings(file: string, caller: string, agentId: string, company = companyId) {
  const key = createSignerKey(file, { nowMs: Date.now, onReload: () => {} })
  return await Promise.all(
    secrets.map(async ({ origin }) => {
      const client = createSecretsClient({ origin, key, caller })
      const body = { targetType: 'agent' as const, targetId: agentId }
      const outcome = await client
        .call(resolveEnvironment, { params: { companyId: company }, body })
        .then(() => 200)
        .catch(({ status }: { status: number }) => status)
      await client.close()
      return outcome
    })
  )
}

async function newAgent(name: string): Promise<string> {
  const params = { companyId }
  const secret = await api.ok(createSecret, { params, body: { name, value: 'v' } })
  const body = { name, env: { KEY: `$secret:${secret.key}` } }
  return (await api.ok(createAgent, { params, body })).id
}

/** As the launcher says it while it runs. */
async function sayRunning(secretsUrl = secrets[0]?.origin ?? ''): Promise<void> {
  const of = (url = '') => ({ pid: null, port: Number(new URL(url).port), url })
  await writeRuntime(paths, {
    ...{ version: 1, launcherPid: process.pid, startedAt: new Date().toISOString() },
    gateway: of(gateways[0]?.origin),
    secrets: of(secretsUrl),
    database: { embedded: false, address: 'postgres://127.0.0.1/paperclip', pid: null, dataDir: null }
  })
}

t.test(
  'a key works on every replica once made, within its scopes and companies, and on none once revoked',
  async (t) => {
    const agentId = await newAgent('one')
    const key = await internalKey('create', 'worker', '--scope', 'resolve', '--company', companyId)
    t.same(await standings(key.file, 'worker', agentId), [200, 200])
    const foreign = '0198a1b2-0000-7000-8000-000000000001'
    t.same(await standings(key.file, 'worker', agentId, foreign), [403, 403])
    const auditor = await internalKey('create', 'auditor', '--scope', 'audit:read')
    t.same(await standings(auditor.file, 'auditor', agentId), [403, 403])
    t.match(await internalKey('revoke', 'worker'), { confirmed: false, revoked: [{ id: key.id }] })
    t.same(await standings(key.file, 'worker', agentId), [401, 401], 'also where nobody could be asked')
    await sayRunning()
    const again = await internalKey('create', 'again', '--scope', 'resolve')
    t.same(await standings(again.file, 'again', agentId), [200, 200])
    t.match(await internalKey('revoke', 'again'), { confirmed: true })
    t.same(await standings(again.file, 'again', agentId), [401, 401])
  }
)

t.test('what a service with a copy of the list still accepts is not called revoked', async (t) => {
  const { file } = await internalKey('create', 'copied', '--scope', 'resolve')
  const copy = join(paths.home, 'copy.json')
  await copyFile(paths.internalKeys, copy)
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  await startProcess(t, {
    command: process.execPath,
    args: [`${repositoryRoot}services/secrets/dist/bin/main.js`],
    env: {
      PAPERCLIP_HOME: paths.home,
      PAPERCLIP_INTERNAL_KEYS_FILE: copy,
      PAPERCLIP_SECRETS_PORT: String(port),
      DATABASE_URL: databaseUrls.secrets
    },
    readyWhen: { url: `${origin}/readyz` }
  })
  await sayRunning(origin)
  const { code, stdout, stderr } = await runCli(['internal-key', 'revoke', 'copied'], { env })
  t.equal(code, 1)
  t.equal(stdout, '')
  t.match(stderr, /still accepts it: it reads another list/)
  t.same(await standings(file, 'copied', await newAgent('copied')), [401, 401], 'those with this list do not')
  const refused = await runCli(
    ['internal-key', 'rotate', 'runner', '--out', join(paths.home, 'runner-key.json')],
    { env }
  )
  t.equal(refused.code, 1)
  t.match(refused.stderr, /does not take the new key up/)
  const left = (await internalKey<{ caller: string; notAfter: null }[]>('list')).filter(
    ({ caller }) => caller === 'runner'
  )
  t.match(left, [{ notAfter: null }], 'a rotation that cannot be finished leaves everything as it was')
  t.equal(left.length, 1)
})

t.test('keys of the gateway and of a service change under load, and no request fails', async (t) => {
  await sayRunning()
  const agentId = await newAgent('rotating')
  const service = await internalKey('create', 'rotating', '--scope', 'resolve')
  const load = await startLoad(api, { companyId, clients, secrets: secretCount })
  let stopped = false
  const served = new Map<string, number>()
  const key = createSignerKey(service.file, { nowMs: Date.now, onReload: () => {} })
  const callers = secrets.map(async ({ origin }) => {
    const client = createSecretsClient({ origin, key, caller: 'rotating' })
    const body = { targetType: 'agent' as const, targetId: agentId }
    while (!stopped) {
      const outcome = await client
        .call(resolveEnvironment, { params: { companyId }, body })
        .then(() => 'ok')
        .catch(({ code }: { code: string }) => code)
      served.set(outcome, (served.get(outcome) ?? 0) + 1)
    }
    await client.close()
  })
  await load.progress(operationsBetween)
  const [first, other] = await Promise.all([
    rotateGateway('--grace', '10s'),
    internalKey('rotate', 'rotating', '--grace', '10s')
  ])
  t.equal(first.former?.length, 1)
  t.equal(other.former?.length, 1)
  for (const { process } of gateways) await process.waitForLine(new RegExp(first.id))
  await load.progress(operationsBetween)
  // Nobody signs with the former key any more, so it may go at once.
  await internalKey('revoke', 'gateway', '--key', first.former?.[0]?.id ?? '')
  await load.progress(operationsBetween)
  const second = await rotateGateway()
  await load.progress(operationsBetween)
  stopped = true
  const ledger = await load.stop()
  await Promise.all(callers)
  const failures = [...ledger.failures.keys()].filter((failure) => !failure.endsWith(` 503 ${busy}`))
  t.same(failures, [])
  t.same([...new Set(ledger.violations)], [])
  t.same(
    [...served.keys()].filter((outcome) => outcome !== busy),
    ['ok']
  )
  t.comment(`${ledger.acknowledged} operations through the gateways, ${served.get('ok')} straight`)
  const listed = await internalKey<{ id: string; caller: string }[]>('list')
  const ofGateway = listed.filter(({ caller }) => caller === 'gateway').map(({ id }) => id)
  t.same(ofGateway, [first.id, second.id])
})
