/** The master key of an instance is replaced as its operator does it: the real launcher, the real commands, real kills. */
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import {
  createAgent,
  createCompany,
  createSecret,
  type MasterKeyView,
  openRun,
  resolveRunEnvironment
} from '@paperclip/contracts'
import { generatedVariables, readEnvFile } from '@paperclip/instance'
import { eventually, heldLock, repositoryRoot, startProcess } from '@paperclip/testing'
import t from 'tap'
import { withCredentials } from '../src/launcher/database-client.js'
import { type Api, openApi } from './support/e2e-api.js'
import { type Launched, newOperator } from './support/e2e-cli.js'
import { openAdmin } from './support/e2e-ledger.js'

// Three starts, on a machine that is busy with other suites.
t.setTimeout(110_000)
// More than one batch of a rotation.
const companiesCount = 25
const readersCount = 3

interface Reader {
  readonly token: string
  readonly value: string
}

const operator = await newOperator(t)
const { paths } = operator
const oldKey = () => readFileSync(paths.masterKey, 'utf8').trim()

async function masterKey(...args: string[]) {
  const { code, stdout, stderr } = await operator.run(['master-key', ...args])
  return { code, text: stdout + stderr }
}

async function statesOfKeys(): Promise<MasterKeyView[]> {
  const { stdout } = await operator.run(['master-key', 'status', '--json'])
  return (JSON.parse(stdout) as { keys: MasterKeyView[] }).keys
}

async function apiOf(launched: Launched): Promise<Api> {
  return openApi([(await launched.runtime()).gateway.url], { keep: false })
}

/** Its own secret in each company; the first few are read by runs. */
async function makeCompany(api: Api, index: number): Promise<Reader | undefined> {
  const value = `value of company ${index}`
  const { id: companyId } = await api.ok(createCompany, { body: { name: `Company ${index}` } })
  const params = { companyId }
  const { key } = await api.ok(createSecret, { params, body: { name: 'k', value } })
  if (index >= readersCount) return undefined
  const agent = await api.ok(createAgent, { params, body: { name: 'reader', env: { K: `$secret:${key}` } } })
  const { token } = await api.ok(openRun, { params: { companyId, agentId: agent.id }, body: {} })
  return { token, value }
}

/** Reads without a pause until it is stopped, and counts what came of it. */
function startReading(api: Api, readers: readonly Reader[]) {
  const outcomes = new Map<string, number>()
  let isStopped = false
  const note = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  const loops = readers.map(async ({ token, value }) => {
    while (!isStopped) {
      const reply = await api.send(resolveRunEnvironment, {}, { token }).catch(() => undefined)
      if (reply?.status === 200) note(reply.body.env.K === value ? 'right' : 'wrong')
      else note(reply?.code ?? 'no reply')
    }
  })
  return {
    outcomes,
    right: () => outcomes.get('right') ?? 0,
    async stop(): Promise<string[]> {
      isStopped = true
      await Promise.all(loops)
      return [...outcomes.keys()].sort()
    }
  }
}

async function adminUrl(launched: Launched): Promise<string> {
  const { database } = await launched.runtime()
  const password = (await readEnvFile(paths.env))[generatedVariables.superuserPassword] ?? ''
  return withCredentials(database.address, { user: 'postgres', password })
}

async function wrappedBy(launched: Launched): Promise<Record<string, number>> {
  const admin = await openAdmin(await adminUrl(launched))
  const { rows } = await admin.query<{ id: string; n: number }>(
    'select master_key_id as id, count(*)::int as n from secrets.company_keys group by 1'
  )
  await admin.end()
  return Object.fromEntries(rows.map(({ id, n }) => [id, n]))
}

const first = await operator.launch()
const readers: Reader[] = []
const firstApi = await apiOf(first)
for (let index = 0; index < companiesCount; index += 1) {
  const reader = await makeCompany(firstApi, index)
  if (reader !== undefined) readers.push(reader)
}
const former = oldKey()
const output: string[] = []
let second: Launched
let [newId, formerId] = ['', '']

t.test('a prepared key waits for a start, and wraps nothing then', async (t) => {
  const prepared = await masterKey('rotate', '--prepare')
  t.match(prepared, { code: 0, text: /master-2\.key/ })
  output.push(prepared.text)
  t.match(await masterKey('rotate', '--prepare'), { code: 1, text: /is not loaded yet/ })
  t.match(await first.process.stop({ signal: 'SIGINT' }), { code: 0 })
  second = await operator.launch()
  const keys = await statesOfKeys()
  t.match(keys, [{ state: 'waiting', companyKeys: 0 }, { state: 'active' }])
  ;[newId, formerId] = keys.map(({ id }) => id) as [string, string]
  t.same(await wrappedBy(second), { [formerId]: companiesCount })
})

t.test(
  'kill -9 of the service in the middle of a rotation: values stay readable, and it goes on',
  async (t) => {
    const api = await apiOf(second)
    const reading = startReading(api, readers)
    const url = await adminUrl(second)
    const admin = await openAdmin(url)
    const { rows } = await admin.query('select id from secrets.company_keys order by id offset 22 limit 1')
    await admin.end()
    const statement = `select from secrets.company_keys where id = '${rows[0].id}' for update`
    const lock = await heldLock(t, { url, statement })
    const cutOff = masterKey('rotate')
    await eventually(async () => {
      if ((await wrappedBy(second))[newId] === undefined) throw new Error('no batch is committed yet')
    })
    const { pid } = (await second.runtime()).secrets
    process.kill(pid ?? 0, 'SIGKILL')
    const ended = await cutOff
    t.equal(ended.code, 1)
    await lock.release()
    t.same(await wrappedBy(second), { [newId]: 20, [formerId]: companiesCount - 20 })
    const before = reading.right()
    await eventually(
      () => {
        if (reading.right() < before + readersCount * 2) throw new Error('values are not readable again yet')
      },
      { deadlineMs: 20_000 }
    )
    const seen = await reading.stop()
    const harmless = ['audit_unavailable', 'no reply', 'overloaded', 'right', 'secrets_unavailable']
    t.same(
      seen.filter((outcome) => !harmless.includes(outcome)),
      [],
      'while it was gone it was said to be'
    )
    output.push(ended.text)
  }
)

t.test('while values are read the rotation is finished, and no read fails', async (t) => {
  const reading = startReading(await apiOf(second), readers)
  const rotated = await masterKey('rotate')
  t.match(rotated, { code: 0 }, rotated.text)
  const enough = reading.right() + readersCount
  await eventually(() => {
    if (reading.right() < enough) throw new Error('nobody reads')
  })
  t.same(
    (await reading.stop()).filter((outcome) => outcome !== 'audit_unavailable'),
    ['right']
  )
  t.same(await wrappedBy(second), { [newId]: companiesCount })
  const retired = await masterKey('retire', formerId)
  t.match(retired, { code: 0, text: /retired/ })
  output.push(rotated.text, retired.text)
})

t.test('without the old key everything opens, and the old key opens nothing', async (t) => {
  t.match(await second.process.stop({ signal: 'SIGINT' }), { code: 0 })
  const away = join(paths.home, 'former')
  mkdirSync(away, { mode: 0o700 })
  renameSync(paths.masterKey, join(away, 'master.key'))
  const third = await operator.launch()
  t.notOk(existsSync(paths.masterKey), 'and no start makes another one')
  const api = await apiOf(third)
  for (const { token, value } of readers)
    t.equal((await api.ok(resolveRunEnvironment, {}, { token })).env.K, value)
  // Not who holds them: the service that was killed counts as a holder until its word has lapsed.
  t.match(await statesOfKeys(), [
    { id: newId, state: 'active', companyKeys: companiesCount },
    { id: formerId, state: 'retired', companyKeys: 0 }
  ])
  const { PAPERCLIP_SECRETS_DB_PASSWORD: password = '' } = await readEnvFile(paths.env)
  const { database } = await third.runtime()
  const refused = await startProcess(t, {
    command: process.execPath,
    args: [join(repositoryRoot, 'services/secrets/dist/bin/main.js')],
    env: {
      PAPERCLIP_HOME: paths.home,
      PAPERCLIP_SECRETS_PORT: '0',
      PAPERCLIP_SECRETS_MASTER_KEY: former,
      DATABASE_URL: withCredentials(database.address, { user: 'paperclip_secrets', password })
    }
  })
  t.match(await refused.ended, { code: 1 })
  const said = refused.stdout() + refused.stderr()
  t.match(said, newId, 'a service that has the old key alone does not start, and names the one it lacks')
  const made = readFileSync(join(paths.secretsDir, 'master-2.key'), 'utf8').trim()
  for (const key of [former, made])
    t.notOk([...output, said].join('').includes(key), 'and no key was written by any of it')
})
