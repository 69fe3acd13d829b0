import { newId } from '@paperclip/contracts'
import t from 'tap'
import { makeAgent, openRun, type Reply, testInstallation } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await testInstallation(t)
const { gateway, log } = installation
const other = await installation.start()

const nextOf = (reply: Reply) => /^<(.+)>; rel="next"$/.exec(reply.headers.link ?? '')?.[1]

/** Walks a list to its end, each page on the other gateway, and does something between pages. */
async function walk(
  path: string,
  between: (page: number) => Promise<unknown> = async () => {}
): Promise<string[]> {
  const ids: string[] = []
  let next: string | undefined = path
  for (let page = 0; next !== undefined; page++) {
    const reply: Reply = await (page % 2 === 0 ? gateway : other).call('GET', next)
    ids.push(...reply.rows.map((row) => row.id))
    next = nextOf(reply)
    await between(page)
  }
  return ids
}

t.test('rows have the form of the contract, are found, changed and deleted', async (t) => {
  const company = await gateway.call('POST', '/api/companies', { body: { name: '  Acme \u{1F600} ' } })
  t.equal(company.status, 201)
  t.same(Object.keys(company.json), ['id', 'name', 'status', 'createdAt', 'updatedAt'])
  t.match(company.json, { name: 'Acme \u{1F600}', status: 'active' })
  const at = `/api/companies/${company.json.id}`
  t.same((await gateway.call('GET', at)).json, company.json)
  t.same((await gateway.call('GET', `/api/companies/${company.json.id.toUpperCase()}`)).json, company.json)
  t.equal((await gateway.call('PATCH', at, { body: {} })).status, 400)
  t.match((await gateway.call('PATCH', at, { body: { name: 'B' } })).json, { name: 'B' })

  const project = await gateway.call('POST', `${at}/projects`, { body: { name: 'P' } })
  t.same(Object.keys(project.json), ['id', 'companyId', 'name', 'createdAt', 'updatedAt'])
  t.same((await gateway.call('GET', `${at}/projects`)).rows, [project.json])
  const projectPath = `${at}/projects/${project.json.id}`
  t.match((await gateway.call('PATCH', projectPath, { body: { name: 'Q' } })).json, { name: 'Q' })
  t.same((await gateway.call('DELETE', projectPath)).json, { ok: true })
  t.equal((await gateway.call('GET', projectPath)).status, 404)
  t.equal((await gateway.call('DELETE', projectPath)).status, 404)

  const agent = await gateway.call('POST', `${at}/agents`, { body: { name: 'Ada' } })
  t.match(agent.json, { name: 'Ada', adapterType: 'process', status: 'active', companyId: company.json.id })
  const agentPath = `/api/agents/${agent.json.id}`
  t.match((await gateway.call('PATCH', agentPath, { body: { adapterType: 'codex' } })).json, {
    adapterType: 'codex'
  })
  t.same((await gateway.call('DELETE', agentPath)).json, { ok: true })
  t.equal((await gateway.call('GET', agentPath)).status, 404)
})

t.test('a credential where a name belongs is refused, stored nowhere and not repeated', async (t) => {
  const { companyId, agentId } = await makeAgent(gateway)
  const at = `/api/companies/${companyId}`
  const project = (await gateway.call('POST', `${at}/projects`, { body: { name: 'P' } })).json.id
  const manifest = (name: string) => {
    const agent = (name: string) => ({ name, adapterType: 'process', env: {} })
    const agents = [agent('New'), agent(name)]
    return { format: 'paperclip-company', version: 1, company: { name: 'C' }, agents, projects: [] }
  }
  const places: [method: string, path: string, pointer: string, bodyOf: (name: string) => object][] = [
    ['POST', '/api/companies', '/name', (name) => ({ name })],
    ['PATCH', at, '/name', (name) => ({ name })],
    ['POST', `${at}/projects`, '/name', (name) => ({ name })],
    ['PATCH', `${at}/projects/${project}`, '/name', (name) => ({ name })],
    ['POST', `${at}/agents`, '/name', (name) => ({ name })],
    ['POST', `${at}/agents`, '/adapterType', (adapterType) => ({ name: 'A', adapterType })],
    ['PATCH', `/api/agents/${agentId}`, '/name', (name) => ({ name })],
    ['POST', `/api/agents/${agentId}/keys`, '/name', (name) => ({ name })],
    ['POST', '/api/board-api-keys', '/name', (name) => ({ name })],
    ['POST', '/api/cli-auth/challenges', '/command', (command) => ({ command })],
    ['POST', `${at}/import`, '/manifest/agents/1/name', (name) => ({ manifest: manifest(name) })]
  ]
  const drawn = 'x7Qm2Lw9Rt4Vb8Zk1Np5'
  for (const [method, path, pointer, bodyOf] of places)
    for (const start of ['sk-ant-api03-', 'ghp_', 'paperclip_board_']) {
      const body = bodyOf(start + drawn)
      const reply = await gateway.call(method, path, { body })
      t.match(
        reply,
        { status: 400, json: { code: 'invalid_request', errors: [{ pointer, message: /credential/ }] } },
        path
      )
      t.notMatch(JSON.stringify(reply.json), drawn)
    }
  t.equal((await gateway.call('GET', `${at}/agents`)).rows.length, 1, 'an import made nothing before it')
  t.notMatch(log(), drawn)

  for (const name of [
    'sk-team',
    'Bearer of news',
    'ghp_bot',
    'AKIA',
    'API key rotation (2026)',
    newId(),
    'a'.repeat(120)
  ])
    for (const path of ['/api/companies', `${at}/projects`, `${at}/agents`])
      t.equal((await gateway.call('POST', path, { body: { name } })).status, 201, name)
})

t.test('an archived company takes nothing new until it is active again', async (t) => {
  const { companyId, agentId } = await makeAgent(gateway)
  const at = `/api/companies/${companyId}`
  await gateway.call('PATCH', at, { body: { status: 'archived' } })
  for (const noun of ['projects', 'agents'])
    t.match(await gateway.call('POST', `${at}/${noun}`, { body: { name: 'x' } }), {
      status: 422,
      json: { code: 'company_archived' }
    })
  t.equal((await gateway.call('GET', `/api/agents/${agentId}`)).status, 200)
  await gateway.call('PATCH', at, { body: { status: 'active' } })
  t.equal((await gateway.call('POST', `${at}/projects`, { body: { name: 'x' } })).status, 201)
})

t.test('an agent moves only between states that follow each other', async (t) => {
  const { agentId } = await makeAgent(gateway)
  const move = async (verb: string) => (await gateway.call('POST', `/api/agents/${agentId}/${verb}`)).status
  t.equal(await move('resume'), 409)
  t.equal(await move('pause'), 200)
  t.equal(await move('pause'), 409)
  t.equal(await move('resume'), 200)
  t.equal(await move('terminate'), 200)
  for (const verb of ['pause', 'resume', 'terminate']) t.equal(await move(verb), 409, verb)
  const raced = await makeAgent(gateway)
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, n) =>
      (n % 2 === 0 ? gateway : other).call('POST', `/api/agents/${raced.agentId}/terminate`)
    )
  )
  t.equal(answers.filter((answer) => answer.status === 200).length, 1, 'of many at once one does it')
})

t.test('a run opened while its agent, project or company goes away is never left open', async (t) => {
  for (const end of ['agent', 'project', 'company'] as const)
    for (let round = 0; round < 4; round++) {
      const made = await makeAgent(gateway)
      const at = `/api/companies/${made.companyId}`
      const project = await gateway.call('POST', `${at}/projects`, { body: { name: 'P' } })
      const open = () =>
        other.call('POST', `${at}/agents/${made.agentId}/runs`, { body: { projectId: project.json.id } })
      const stop = {
        agent: () => gateway.call('POST', `/api/agents/${made.agentId}/pause`),
        project: () => gateway.call('DELETE', `${at}/projects/${project.json.id}`),
        company: () => gateway.call('PATCH', at, { body: { status: 'archived' } })
      }[end]
      const [, ...opened] = await Promise.all([stop(), open(), open(), open()])
      for (const { status } of opened) t.ok(status === 201 || status === 422, `${end}: ${status}`)
      const { rows } = await gateway.call('GET', `${at}/runs`)
      t.notOk(
        rows.some((run) => run.status === 'running'),
        end
      )
    }
})

t.test('an agent sees itself and its company, and nobody else', async (t) => {
  const { companyId, agentId, key } = await makeAgent(gateway)
  await gateway.call('POST', `/api/companies/${companyId}/agents`, { body: { name: 'Bea' } })
  const ids = async (path: string) =>
    (await gateway.call('GET', path, { token: key })).rows.map((row) => row.id)
  t.same(await ids(`/api/companies/${companyId}/agents`), [agentId])
  t.same(await ids('/api/companies'), [companyId])
  t.equal((await gateway.call('GET', `/api/companies/${companyId}`, { token: key })).json.id, companyId)
})

t.test('pages neither repeat nor skip while rows come and go, on whichever gateway', async (t) => {
  const { companyId, agentId } = await makeAgent(gateway)
  const at = `/api/companies/${companyId}`
  const makers: Record<string, () => Promise<string>> = {
    [`${at}/agents`]: async () =>
      (await gateway.call('POST', `${at}/agents`, { body: { name: 'n' } })).json.id,
    [`${at}/projects`]: async () =>
      (await gateway.call('POST', `${at}/projects`, { body: { name: 'n' } })).json.id,
    [`${at}/runs`]: async () => (await openRun(gateway, { companyId, agentId })).runId,
    [`/api/agents/${agentId}/keys`]: async () =>
      (await gateway.call('POST', `/api/agents/${agentId}/keys`, { body: { name: 'n' } })).json.id,
    '/api/companies': async () =>
      (await gateway.call('POST', '/api/companies', { body: { name: 'n' } })).json.id
  }
  for (const [path, make] of Object.entries(makers)) {
    const made: string[] = []
    for (let n = 0; n < 25; n++) made.push(await make())
    const before = await walk(`${path}?limit=500`)
    const seen = await walk(`${path}?limit=7`, async (page) => {
      await make()
      const victim = made[page]
      if (path.endsWith('projects')) await gateway.call('DELETE', `${path}/${victim}`)
      if (path.endsWith('agents')) await gateway.call('DELETE', `/api/agents/${victim}`)
    })
    t.equal(new Set(seen).size, seen.length, `${path}: no row twice`)
    const stayed = before.filter((id) => !made.slice(0, 8).includes(id))
    t.same(
      stayed.filter((id) => !seen.includes(id)),
      [],
      `${path}: none missing`
    )
    t.same([...seen].sort().reverse(), seen, `${path}: newest first`)
  }
})

t.test('a cursor is good for its own list only', async (t) => {
  const { companyId } = await makeAgent(gateway)
  const at = `/api/companies/${companyId}`
  for (let n = 0; n < 3; n++) await gateway.call('POST', `${at}/projects`, { body: { name: 'n' } })
  const next = nextOf(await gateway.call('GET', `${at}/projects?limit=1`)) ?? ''
  t.match(next, new RegExp(`^${at}/projects\\?limit=1&cursor=`))
  const cursor = new URLSearchParams(next.split('?')[1]).get('cursor') ?? ''
  const second = await makeAgent(gateway)
  const changed = cursor.slice(0, -1) + (cursor.endsWith('A') ? 'B' : 'A')
  for (const path of [
    `${at}/agents?cursor=${cursor}`,
    `/api/companies/${second.companyId}/projects?cursor=${cursor}`,
    `${at}/projects?cursor=${changed}`,
    `/api/companies?cursor=${cursor}`
  ])
    t.match(await gateway.call('GET', path), { status: 400, json: { code: 'invalid_cursor' } }, path)
  t.equal((await gateway.call('GET', `${at}/projects?cursor=${cursor}&limit=2`)).status, 200)
  t.equal((await gateway.call('GET', `${at}/projects/${newId()}`)).status, 404)
})

t.test('nothing of this was an error to the log', (t) => {
  t.notMatch(log(), /"level":50/)
  t.end()
})
