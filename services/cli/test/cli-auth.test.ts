import { mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { confirmationCode, newId } from '@paperclip/contracts'
import t from 'tap'
import { type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { runCli, startCli } from './fixtures/run-cli.js'

const boardToken = `paperclip_board_${'k'.repeat(43)}`
const pollToken = 'p'.repeat(43)
const challengeId = newId()
const userId = newId()
const keyId = newId()
const expiresAt = new Date(Date.now() + 600_000).toISOString()

const me = {
  user: { id: userId, name: 'Olive', email: 'olive@example.com' },
  userId,
  isInstanceAdmin: false,
  companyIds: [],
  memberships: [],
  source: 'board_key',
  keyId
}
const view = {
  id: challengeId,
  status: 'pending',
  command: 'paperclipai auth login',
  clientName: 'paperclipai',
  requestedAccess: 'board',
  requestedCompanyId: null,
  expiresAt
}
const inMode =
  (deploymentMode: 'local_trusted' | 'authenticated'): FakeHandler =>
  () => ({
    body: { status: 'ok', deploymentMode, deploymentExposure: 'private', bootstrapStatus: 'ready' }
  })
const getHealth = inMode('authenticated')
const created: FakeHandler = () => ({
  body: {
    id: challengeId,
    token: pollToken,
    boardApiToken: boardToken,
    approvalPath: `/cli-auth/${challengeId}?token=${pollToken}`,
    approvalUrl: `http://localhost/cli-auth/${challengeId}?token=${pollToken}`,
    pollPath: `/api/cli-auth/challenges/${challengeId}?token=${pollToken}`,
    expiresAt,
    suggestedPollIntervalMs: 1
  }
})
const becomes =
  (status: string, after: number): FakeHandler =>
  (_, count) => ({ body: count < after ? view : { ...view, status } })
const asBoard =
  (body: unknown): FakeHandler =>
  ({ token }) =>
    token === boardToken ? { body } : { problem: 'unauthenticated' }

async function signedIn(home: string, origin: string) {
  await mkdir(join(home, '.paperclip'), { recursive: true })
  const entry = { token: boardToken, userId, keyId, signedInAt: expiresAt }
  await writeFile(
    join(home, '.paperclip', 'auth.json'),
    JSON.stringify({ version: 1, gateways: { [origin]: entry } }),
    { mode: 0o644 }
  )
}

t.test('a sign-in is approved elsewhere, kept for its owner alone, and used from then on', async (t) => {
  const home = t.testdir()
  const gateway = await fakeGateway(t, {
    getHealth,
    createCliChallenge: created,
    getCliChallenge: becomes('approved', 3),
    getCliMe: asBoard(me),
    listCompanies: asBoard([])
  })
  const login = await runCli(['auth', 'login', '--json', '--name', 'laptop'], {
    origin: gateway.origin,
    home
  })
  t.equal(login.code, 0)
  t.same(JSON.parse(login.stdout), me)
  t.match(login.stderr, `http://localhost/cli-auth/${challengeId}?token=`, 'the address to open')
  t.match(login.stderr, confirmationCode(challengeId), 'and what its page must show')
  t.notMatch(login.stdout + login.stderr, boardToken, 'the key is not shown')
  t.match(gateway.last('createCliChallenge')?.body, { clientName: 'laptop', requestedAccess: 'board' })
  t.equal(gateway.last('getCliChallenge')?.token, null)

  const path = join(home, '.paperclip', 'auth.json')
  t.equal((await stat(path)).mode & 0o777, 0o600)
  t.match(JSON.parse(await readFile(path, 'utf8')), {
    version: 1,
    gateways: { [gateway.origin]: { token: boardToken, userId, keyId } }
  })
  t.equal((await runCli(['company', 'list'], { origin: gateway.origin, home })).code, 0)
  const other = { origin: gateway.origin, home, env: { PAPERCLIP_API_KEY: 'paperclip_board_other' } }
  t.equal((await runCli(['company', 'list'], other)).code, 1, 'a key of the environment wins')
  t.same(gateway.violations, [])
})

t.test('where no sign-in is needed, it says so at once and waits for nobody', async (t) => {
  const gateway = await fakeGateway(t, {
    getHealth: inMode('local_trusted'),
    getCliMe: () => ({
      body: { ...me, user: null, userId: 'local-board', source: 'local_operator', keyId: null }
    })
  })
  const home = t.testdir()
  const told = await runCli(['auth', 'login', '--admin'], { origin: gateway.origin, home })
  t.match(told, {
    code: 0,
    stdout: /local-board/,
    stderr: /^paperclipai: no sign-in is needed at .*local_trusted.*\n$/
  })
  const { code, stdout } = await runCli(['auth', 'login', '--json'], { origin: gateway.origin, home })
  t.equal(code, 0)
  t.match(JSON.parse(stdout), { userId: 'local-board' })
  t.notOk(gateway.operations().includes('createCliChallenge'))
  await t.rejects(stat(join(home, '.paperclip')), 'nothing is kept')
  t.same(gateway.violations, [])
})

t.test('a command line in a container sends people to the address that they have', async (t) => {
  const gateway = await fakeGateway(t, {
    getHealth,
    createCliChallenge: created,
    getCliChallenge: becomes('approved', 1),
    getCliMe: asBoard(me)
  })
  const env = { PAPERCLIP_PUBLIC_URL: 'https://paperclip.example.com' }
  const login = await runCli(['auth', 'login'], { origin: gateway.origin, home: t.testdir(), env })
  t.equal(login.code, 0)
  t.match(login.stderr, `https://paperclip.example.com/cli-auth/${challengeId}?token=`)
})

t.test('a sign-in that is refused or forgotten about leaves nothing behind', async (t) => {
  for (const [status, words] of [
    ['cancelled', /cancelled; nothing was changed/],
    ['expired', /nobody approved the sign-in in time/]
  ] as const) {
    const home = t.testdir()
    const gateway = await fakeGateway(t, {
      getHealth,
      createCliChallenge: created,
      getCliChallenge: becomes(status, 2)
    })
    const login = await runCli(['auth', 'login'], { origin: gateway.origin, home })
    t.match(login, { code: 1, stdout: '', stderr: words })
    await t.rejects(stat(join(home, '.paperclip', 'auth.json')), status)
  }
})

t.test('Ctrl-C takes the challenge back', async (t) => {
  const home = t.testdir()
  const gateway = await fakeGateway(t, {
    getHealth,
    createCliChallenge: created,
    getCliChallenge: () => ({ body: view }),
    cancelCliChallenge: () => ({ body: { ...view, status: 'cancelled' } })
  })
  const login = await startCli(t, ['auth', 'login'], { origin: gateway.origin, home })
  await login.waitForLine(/waiting for the approval/)
  login.child.kill('SIGINT')
  t.match(await login.ended, { code: 1 })
  t.same(gateway.last('cancelCliChallenge')?.body, { token: pollToken })
})

t.test('signing out revokes the key first, and forgets one that is dead already', async (t) => {
  for (const answer of ['revoked', 'dead'] as const) {
    const home = t.testdir()
    const gateway = await fakeGateway(t, {
      revokeCurrentBoardKey: () =>
        answer === 'dead' ? { problem: 'credential_revoked' } : { body: { revoked: true, keyId } }
    })
    await signedIn(home, gateway.origin)
    t.match(await runCli(['auth', 'logout'], { origin: gateway.origin, home }), {
      code: 0,
      stderr: /signed out/
    })
    t.equal(gateway.last('revokeCurrentBoardKey')?.token, boardToken)
    t.match(await runCli(['auth', 'logout'], { origin: gateway.origin, home }), {
      code: 0,
      stderr: /not signed in/
    })
  }
  const home = t.testdir()
  const down = await fakeGateway(t, { revokeCurrentBoardKey: () => ({ problem: 'database_unavailable' }) })
  await signedIn(home, down.origin)
  t.equal((await runCli(['auth', 'logout'], { origin: down.origin, home })).code, 1)
  t.match(await readFile(join(home, '.paperclip', 'auth.json'), 'utf8'), boardToken, 'a live key stays known')
})

t.test('whoami shows a person, or the agent whose credential is set', async (t) => {
  const credential = { kind: 'agent_key', id: keyId }
  const agentId = newId()
  const agent = {
    actorType: 'agent',
    userId: null,
    agentId,
    companyId: newId(),
    runId: null,
    isInstanceAdmin: false,
    memberships: [],
    credential
  }
  const person = { ...agent, actorType: 'user', userId, agentId: null, companyId: null }
  const gateway = await fakeGateway(t, {
    getMe: ({ token }) => ({ body: token === boardToken ? person : agent }),
    getCliMe: asBoard(me)
  })
  const home = t.testdir()
  await signedIn(home, gateway.origin)
  t.match((await runCli(['auth', 'whoami'], { origin: gateway.origin, home })).stdout, /olive@example\.com/)
  const env = { PAPERCLIP_API_KEY: 'paperclip_agent_x' }
  t.match((await runCli(['auth', 'whoami'], { origin: gateway.origin, home, env })).stdout, agentId)
  t.equal(
    (await stat(join(home, '.paperclip', 'auth.json'))).mode & 0o777,
    0o600,
    'a loose file is tightened'
  )
})

t.test('a file of sign-ins that is none is named, not guessed at, and not repeated', async (t) => {
  const gateway = await fakeGateway(t, {})
  for (const text of [
    '{',
    '[]',
    '{"version":2,"gateways":{}}',
    '{"version":1,"gateways":{"x":{"token":7}}}'
  ]) {
    const home = t.testdir({ '.paperclip': { 'auth.json': text } })
    const result = await runCli(['company', 'list'], { origin: gateway.origin, home })
    t.match(result, { code: 1, stderr: /auth\.json is not a file of sign-ins\n.*sign in again/ })
  }
  t.same(gateway.calls, [])
})
