/** A stolen database, and deploy/database-breach.sh: what a thief has opens nothing once it is through. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  getAgentSelf,
  getCliMe,
  getRun,
  listAgentKeys,
  openRun,
  resolveRunEnvironment
} from '@paperclip/contracts'
import { findMasterKeyFiles } from '@paperclip/instance'
import { eventually, repositoryRoot } from '@paperclip/testing'
import t, { type Test } from 'tap'
import { makeBreachWorld } from './support/breach-world.js'
import { connectAsSuperuser, dumpDatabase } from './support/database-dump.js'
import { bin, newOperator } from './support/e2e-cli.js'

// Two launches, five calls of the script with a dozen commands each, on a machine that is busy with other suites.
t.setTimeout(280_000)

const operator = await newOperator(t, { PAPERCLIP_DEPLOYMENT_MODE: 'authenticated', HOST: '127.0.0.1' })
let launched = await operator.launch()
const world = await makeBreachWorld(operator.env.PORT ?? '', launched.process)
const { api, chief, agents, secrets, call } = world
const out = join(operator.paths.home, 'breach')
// A key that has run out, of which who can write to the database would make one that works.
const database = await connectAsSuperuser(operator.paths)
await database.query(
  `update gateway.agent_api_keys set expires_at = now() where id = (
     select id from gateway.agent_api_keys where agent_id = $1 order by id desc limit 1)`,
  [agents[0]?.id]
)
await database.end()
const expired = agents[0]?.keys.pop() ?? ''
const stolen = await dumpDatabase(operator.paths)
const keyOfScript = { PAPERCLIP_API_KEY: chief.boardKey }

/** Starts the script in a process group of its own, which is what a closed terminal or a kill ends. */
function start(args: readonly string[], env: Record<string, string> = keyOfScript) {
  const child = spawn('sh', ['deploy/database-breach.sh', ...args], {
    cwd: repositoryRoot,
    env: { ...operator.env, PAPERCLIPAI: `${process.execPath} ${bin}`, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  const ended = new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, ...output }))
  )
  const kill9 = async () => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    return await ended
  }
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) await kill9()
  })
  return { output, ended, kill9 }
}
const whole = ['--out', out, '--close-runs', '--yes']
const run = (args: readonly string[] = whole, env = keyOfScript) => start(args, env).ended

const newKeyFiles = () =>
  existsSync(join(out, 'keys'))
    ? readdirSync(join(out, 'keys'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.key'))
        .map((name) => join(out, 'keys', name))
    : []
const newTokens = () => newKeyFiles().map((path) => readFileSync(path, 'utf8').trim())
const works = async (token: string) => (await api.send(getAgentSelf, {}, { token })).status === 200
const oldKeys = agents.flatMap(({ keys }) => keys)

t.test('what is in the dump opens nothing by itself', async (t) => {
  for (const text of [...secrets.map(({ value }) => value), ...oldKeys, chief.boardKey])
    t.notOk(stolen.text.includes(text), 'neither a value nor a token is in it')
  const sessions = stolen.rows('gateway.authSessions') as { token: string }[]
  t.ok(sessions.length >= 3)
  for (const { token } of sessions) {
    t.equal((await call('GET', '/me', { cookie: `${chief.cookieName}=${token}` })).status, 401)
    t.equal((await call('GET', '/me', { token })).status, 401)
  }
  const hashes = stolen.rows('gateway.agent_api_keys') as { key_hash: string }[]
  for (const { key_hash: hash } of hashes)
    t.equal((await call('GET', '/me', { token: `paperclip_agent_${hash.slice(2)}` })).status, 401)
})

t.test('it says what it would do, asks, and changes nothing before', async (t) => {
  const preview = await run(['--dry-run'])
  t.match(preview, {
    code: 0,
    stdout: new RegExp(secrets.map(({ key }) => key).join('[\\s\\S]*')),
    stderr:
      /1\/5 .* 3 people[\s\S]*2\/5[\s\S]*12 keys would be replaced[\s\S]*3\/5 .*mk_[0-9a-f]{16}[\s\S]*5\/5/
  })
  t.match(await run(['--out', out]), { code: 2, stderr: /without a terminal this wants --yes/ })
  t.match(await run(['--out', operator.paths.home, '--yes']), { code: 2, stderr: /is there and not of this/ })
  t.match(await run(['--yes']), { code: 2, stderr: /--out is missing/ })
  t.notOk(existsSync(out))
  for (const token of oldKeys) t.ok(await works(token))
  t.equal((await call('GET', '/me', { cookie: world.ada.cookie })).status, 200)
})

t.test(
  'killed half-way through the agents, no key is revoked before its successor is on the disk',
  async (t) => {
    const script = start(whole)
    await eventually(
      () => {
        if (newKeyFiles().length < 3) throw new Error(`no keys yet: ${script.output.stderr}`)
      },
      { deadlineMs: 40_000 }
    )
    await script.kill9()
    const tokens = newTokens()
    t.ok(tokens.length < oldKeys.length, `${tokens.length} of ${oldKeys.length}`)
    let alive = 0
    for (const token of [...oldKeys, ...tokens]) if (await works(token)) alive += 1
    t.ok(alive >= oldKeys.length, 'each agent has as many keys that work as before')
    t.equal((await call('GET', '/me', { cookie: world.ada.cookie })).status, 401, 'people first')
    t.ok(await works(world.run.token), 'a run does not end with the key that opened it')
  }
)

t.test('called again it goes on, and stops where the instance must be restarted', async (t) => {
  const { code, stdout, stderr } = await run()
  t.match(
    { code, stderr },
    { code: 3, stderr: /1\/5 .*done before[\s\S]*going on after[\s\S]*your turn: .*restart the instance/ }
  )
  t.equal(stdout, '')
  const tokens = newTokens()
  t.equal(tokens.length, oldKeys.length, 'a key that has run out gets no successor')
  t.same(
    await api.everywhere(getAgentSelf, {}, { token: expired }),
    ['401 credential_revoked'],
    'and is revoked'
  )
  for (const token of tokens)
    t.notOk(stderr.includes(token) || readFileSync(join(out, 'agent-keys.txt'), 'utf8').includes(token))
  for (const token of oldKeys)
    t.same(await api.everywhere(getAgentSelf, {}, { token }), ['401 credential_revoked'])
  for (const token of tokens) t.ok(await works(token))
  t.equal(statSync(out).mode & 0o777, 0o700)
  for (const path of newKeyFiles()) t.equal(statSync(path).mode & 0o777, 0o600, path)
  for (const { id, keys } of agents) {
    const rows = await api.ok(listAgentKeys, { params: { id } }, { token: chief.boardKey })
    const live = rows.filter(({ revokedAt }) => revokedAt === null)
    t.equal(live.length, keys.length, 'no key is left over')
  }
})

t.test('with --close-runs, a run that a stolen key has opened is over', async (t) => {
  const { token, run: opened } = world.run
  const params = { companyId: opened.companyId, runId: opened.id }
  t.match(await api.ok(getRun, { params }, { token: chief.boardKey }), { status: 'cancelled' })
  for (const route of [getAgentSelf, resolveRunEnvironment])
    t.same(await api.everywhere(route, {}, { token }), ['401 run_closed'])
})

t.test('a live session is refused after a restart with another secret of sessions', async (t) => {
  const cookie = await world.signIn(world.ada)
  const me = async () => (await call('GET', '/me', { cookie })).status
  t.equal(await me(), 200)
  t.match(await launched.process.stop({ graceMs: 30_000 }), { code: 0 })
  // As deploy/rotation.md does it: what is missing is made anew.
  const kept = readFileSync(operator.paths.env, 'utf8').replace(/^BETTER_AUTH_SECRET=.*\n/m, '')
  writeFileSync(operator.paths.env, kept)
  launched = await operator.launch()
  t.match(readFileSync(operator.paths.env, 'utf8'), /^BETTER_AUTH_SECRET=./m)
  t.equal(await me(), 401)
  const database = await connectAsSuperuser(operator.paths)
  const { rows } = await database.query('select id from gateway."authSessions" where "userId" = $1', [
    world.ada.userId
  ])
  await database.end()
  t.equal(rows.length, 1, 'its row is there, and the cookie is nobody’s')
})

t.test('after the restart the master key is replaced, also when that is cut off', async (t) => {
  const script = start(whole)
  await eventually(
    () => {
      if (!/rotating to mk_/.test(script.output.stderr)) throw new Error(`not yet: ${script.output.stderr}`)
    },
    { deadlineMs: 40_000 }
  )
  await script.kill9()
  const { code, stdout, stderr } = await run()
  t.equal(code, 0, stderr)
  for (const { key, company } of secrets) t.match(stdout, new RegExp(`^${company} +${key} `, 'm'))
  t.match(stderr, /done\. [\s\S]*sign in again[\s\S]*give each agent its key[\s\S]*password/)
  t.match(await run(), { code: 0, stderr: /all steps were done before/ }, 'signed out by its last step')
})

t.test('of what was good before, nothing is', (t) => refused(t))

async function refused(t: Test): Promise<void> {
  for (const { cookie, boardKey } of [chief, world.ada, world.bob]) {
    t.equal((await call('GET', '/me', { cookie })).status, 401)
    t.same(await api.everywhere(getCliMe, {}, { token: boardKey }), ['401 credential_revoked'])
  }
  t.match(await call('GET', `/invites/${world.invite}`), { status: 410 })
  const sessions = stolen.rows('gateway.authSessions') as { token: string }[]
  const now = new Set(
    (await dumpDatabase(operator.paths)).rows('gateway.authSessions').map((row) => row.token)
  )
  for (const { token } of sessions) t.notOk(now.has(token))
}

t.test('people sign in again, agents work with their new keys, and a run gets its value', async (t) => {
  await world.signInAgain(chief)
  t.match(await run(undefined, { PAPERCLIP_API_KEY: chief.boardKey }), {
    code: 0,
    stderr: /all steps were done before, until/
  })
  t.ok(await resolves(), 'by a new key')
})

t.test('the former master key alone opens nothing', async (t) => {
  t.match(await launched.process.stop({ graceMs: 30_000 }), { code: 0 })
  const [newest = '', ...former] = findMasterKeyFiles(operator.paths)
  t.equal(former.length, 1)
  rmSync(newest)
  const refusal = await operator.run(['run'])
  t.equal(refusal.code, 1)
  t.match(refusal.stderr, /mk_[0-9a-f]{16}/, 'it names the key that it needs')
})

/** Whether a run of the agent that has a secret, opened with its new key, gets the value. */
async function resolves(): Promise<boolean> {
  const [agent] = agents
  const [secret] = secrets
  if (agent === undefined || secret === undefined) return false
  for (const token of newTokens()) {
    const self = await api.send(getAgentSelf, {}, { token })
    if (self.body.id !== agent.id) continue
    const params = { companyId: agent.companyId, agentId: agent.id }
    const opened = await api.ok(openRun, { params, body: {} }, { token })
    const { env } = await api.ok(resolveRunEnvironment, {}, { token: opened.token })
    return env.KEY === secret.value
  }
  return false
}
