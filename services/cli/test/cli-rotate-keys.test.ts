import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AgentKeyView, RunView } from '@paperclip/contracts'
import t from 'tap'
import { aRowAPage, type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { runCli } from './fixtures/run-cli.js'
import { acme, agentId, coder, companyId, runId, sampleId } from './fixtures/sample-rows.js'

const time = '2026-01-31T12:00:00.000Z'
const token = (n: number) => `paperclip_agent_${String(n).padStart(43, 'x')}`
const keyOf = (n: number, more: Partial<AgentKeyView> = {}): AgentKeyView => ({
  id: sampleId(6, n),
  name: 'ci',
  createdAt: time,
  lastUsedAt: null,
  revokedAt: null,
  expiresAt: null,
  ...more
})

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'paperclip-rotate-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

/** An agent's keys as a gateway keeps them. `creates` may fail a creation, before or after it has happened. */
function keeper(
  keys: AgentKeyView[],
  creates: (count: number, make: () => AgentKeyView) => null | undefined = () => undefined
) {
  let next = 100
  const make = (name: string) => {
    const made = keyOf(next++, { name })
    keys.unshift(made)
    return made
  }
  const handlers: Record<string, FakeHandler> = {
    listCompanies: () => ({ body: [acme] }),
    listAgents: () => ({ body: [coder] }),
    listAgentKeys: (call, count) => aRowAPage(keys)(call, count),
    createAgentKey: ({ body }, count) => {
      const { name } = body as { name: string }
      if (creates(count, () => make(name)) === null) return null
      const { id } = make(name)
      return { body: { id, name, token: token(count), createdAt: time, expiresAt: null } }
    },
    revokeAgentKey: ({ params }) => {
      const at = keys.findIndex(({ id }) => id === params.keyId)
      if (at === -1) return { problem: 'not_found' }
      keys.splice(at, 1, { ...(keys[at] as AgentKeyView), revokedAt: time })
      return { body: { ok: true } }
    }
  }
  const list = () => [...keys]
  const live = () => keys.filter(({ revokedAt }) => revokedAt === null).map(({ id }) => id)
  return { handlers, list, live }
}

const filesBelow = (out: string) =>
  readdirSync(out, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.key'))
    .sort()
const rotate = (origin: string, ...args: string[]) => runCli(['agent', 'rotate-keys', ...args], { origin })

t.test('every key gets a successor in a file of its own, and only then is it revoked', async (t) => {
  const gone = keyOf(3, { name: 'old', expiresAt: '2026-01-01T00:00:00.000Z' })
  const keys = keeper([keyOf(1), keyOf(2, { name: '../ci' }), gone, keyOf(4, { revokedAt: time })])
  const gateway = await fakeGateway(t, keys.handlers)
  const out = join(folder(), 'new', 'keys')
  t.match(await rotate(gateway.origin, '--out', out), { code: 2, stderr: /stop working[\s\S]*--yes/ })
  t.match(await rotate(gateway.origin, '--yes'), { code: 2, stderr: /--out is missing/ })
  t.match(await rotate(gateway.origin, 'coder', '--all-companies', '--dry-run'), { code: 2 })
  t.match(await rotate(gateway.origin, '--dry-run'), { code: 0, stderr: /3 keys would be replaced/ })
  t.same(keys.live().length, 3)
  const done = await rotate(gateway.origin, '--out', out, '--yes', '--json')
  t.equal(done.code, 0, done.stderr)
  const { keys: rows, madeMeanwhile } = JSON.parse(done.stdout)
  t.same(
    rows.map(({ keyId, file }: { keyId: string; file: string | null }) => [keyId, file === null]),
    [
      [sampleId(6, 1), false],
      [sampleId(6, 2), false],
      [sampleId(6, 3), true]
    ]
  )
  t.same(madeMeanwhile, [])
  t.same(filesBelow(out), [1, 0].map((n) => `acme-00000001/coder-00000001/ci-0000010${n}.key`).reverse())
  for (const name of filesBelow(out)) {
    t.match(readFileSync(join(out, name), 'utf8'), /^paperclip_agent_x+\d\n$/)
    t.equal(statSync(join(out, name)).mode & 0o777, 0o600)
  }
  for (const dir of ['', 'acme-00000001', 'acme-00000001/coder-00000001'])
    t.equal(statSync(join(out, dir)).mode & 0o777, 0o700)
  t.notMatch(done.stdout + done.stderr, /paperclip_agent_/)
  const changes = gateway.operations().filter((name) => /AgentKey$/.test(name))
  t.same(changes, [...Array(2).fill(['createAgentKey', 'revokeAgentKey']).flat(), 'revokeAgentKey'])
  const before = gateway.calls.length
  const again = await rotate(gateway.origin, '--out', out, '--yes')
  t.match(again, { code: 0, stderr: /was finished at .*; no key is replaced now\n.*name another folder/ })
  t.notMatch(again.stderr, /replaced 2|going on/)
  const ledger = join(out, 'rotation.jsonl')
  const longAgo = '"finishedAt":"2026-01-01T00:00:00.000Z"'
  writeFileSync(ledger, readFileSync(ledger, 'utf8').replace(/"finishedAt":"[^"]+"/, longAgo))
  t.match(
    await rotate(gateway.origin, '--out', out, '--yes'),
    { code: 1, stdout: '', stderr: /finished at 2026-01-01.*nothing was changed\n.*name another folder/ },
    'what was done at the last incident is not taken for done at this one'
  )
  t.notMatch(gateway.operations().slice(before).join(), /create|revoke/, 'again changes nothing')
  t.match(await rotate(gateway.origin, '--out', out, '--yes', 'coder'), {
    code: 1,
    stderr: /of another rotation/
  })
  t.same(gateway.violations, [])
})

t.test('what was cut off between any two steps goes on, and leaves no key without an owner', async (t) => {
  // The reply of the second creation is lost. Below, the file of a key is there, and the note that it is, is not.
  const rows = [keyOf(1), keyOf(2)]
  const keys = keeper(rows, (count, make) => (count === 2 && make() ? null : undefined))
  const gateway = await fakeGateway(t, keys.handlers)
  const out = join(folder(), 'keys')
  t.match(await rotate(gateway.origin, '--out', out, '--yes'), { code: 1, stderr: /ended the connection/ })
  t.equal(keys.live().length, 3, 'one is replaced, of the other the token is lost')
  rows.unshift(keyOf(60, { name: 'made by somebody else' }))
  t.match(await rotate(gateway.origin, '--out', out, '--yes'), {
    code: 0,
    stderr: /going on after 1 of 2[\s\S]*revoked key .*0101 \(ci\) of coder: .*in vain/
  })
  t.equal(keys.live().length, 3)
  t.ok(keys.live().includes(sampleId(6, 60)), 'a key of another name is left alone')
  t.equal(filesBelow(out).length, 2)

  const others = keeper([keyOf(1)])
  const second = await fakeGateway(t, others.handlers)
  const place = join(folder(), 'keys')
  t.equal((await rotate(second.origin, '--out', place, '--yes')).code, 0)
  const ledger = join(place, 'rotation.jsonl')
  const lines = readFileSync(ledger, 'utf8').split('\n')
  const cut = lines.findIndex((line) => line.includes('"written"'))
  writeFileSync(ledger, `${lines.slice(0, cut).join('\n')}\n{"keyId":"0198`)
  const made = second.operations().filter((name) => name === 'createAgentKey').length
  t.equal((await rotate(second.origin, '--out', place, '--yes')).code, 0)
  t.equal(
    second.operations().filter((name) => name === 'createAgentKey').length,
    made,
    'its file is its proof'
  )
  t.equal(others.live().length, 1)
  writeFileSync(ledger, readFileSync(ledger, 'utf8').replace('"version":1', '"version":2'))
  t.match(await rotate(second.origin, '--out', place, '--yes'), {
    code: 1,
    stderr: /not the record of a rot/
  })

  const last = keeper([keyOf(1)])
  const third = await fakeGateway(t, {
    ...last.handlers,
    revokeAgentKey: (call, count) =>
      count === 1 ? null : (last.handlers.revokeAgentKey?.(call, count) ?? null)
  })
  const handedOn = join(folder(), 'keys')
  t.equal((await rotate(third.origin, '--out', handedOn, '--yes')).code, 1)
  for (const name of filesBelow(handedOn)) rmSync(join(handedOn, name))
  t.equal((await rotate(third.origin, '--out', handedOn, '--yes')).code, 0)
  t.same(last.live(), [sampleId(6, 100)], 'a token that was written is good wherever it lies by now')
  t.same([...gateway.violations, ...second.violations, ...third.violations], [])
})

t.test('a folder of somebody else, or at work, is left alone; a key made meanwhile is told', async (t) => {
  const keys = keeper([keyOf(1)])
  const gateway = await fakeGateway(t, keys.handlers)
  const out = folder()
  writeFileSync(join(out, 'mine'), '')
  chmodSync(out, 0o755)
  t.match(await rotate(gateway.origin, '--out', out, '--yes'), { code: 1, stderr: /holds something else/ })
  t.equal(statSync(out).mode & 0o777, 0o755)
  for (const mode of [0o777, 0o720, 0o702]) {
    const open = folder()
    chmodSync(open, mode)
    const refused = await rotate(gateway.origin, '--out', open, '--yes')
    t.match(refused, {
      code: 1,
      stdout: '',
      stderr: /others may write to .*\n.*hint: .*not there yet.*chmod 700/
    })
    t.equal(statSync(open).mode & 0o777, mode, 'nor is it closed: what is in it may be theirs')
    t.same(readdirSync(open), [])
  }
  // Only root can give a folder away.
  if (process.getuid?.() === 0) {
    const theirs = folder()
    chownSync(theirs, 65_534, 65_534)
    const refused = await rotate(gateway.origin, '--out', theirs, '--yes')
    t.match(refused, {
      code: 1,
      stdout: '',
      stderr: /belongs to another user \(uid 65534\).*\n.*hint: name a folder/
    })
    t.same(readdirSync(theirs), [])
  }
  const busy = join(folder(), 'busy')
  mkdirSync(busy, { mode: 0o700 })
  const { startedAt } =
    (await import('@paperclip/postgres').then(({ findProcess }) => findProcess(process.pid))) ?? {}
  writeFileSync(join(busy, '.lock'), `${process.pid} ${startedAt}\n`)
  t.match(await rotate(gateway.origin, '--out', busy, '--yes'), {
    code: 1,
    stderr: /another command is at work/
  })
  t.equal(keys.live().length, 1)

  const place = folder()
  chmodSync(place, 0o755)
  const run = { ...openRunView(), status: 'running' as const }
  const meanwhile = await fakeGateway(t, {
    ...keys.handlers,
    listRuns: () => ({ body: [run, { ...run, id: sampleId(5, 2), status: 'failed', finishedAt: time }] }),
    finishRun: () => ({ body: { ...run, status: 'cancelled', finishedAt: time } }),
    listAgentKeys: (_, count) => ({
      body: count === 1 ? keys.list() : [keyOf(50, { name: 'stranger' }), ...keys.list()]
    })
  })
  const { code, stderr } = await rotate(meanwhile.origin, '--out', place, '--close-runs', '--yes')
  t.equal(code, 0)
  t.match(stderr, /ended 1 open run\b/)
  t.match(stderr, /not by this: key .*0050 \(stranger\) of coder in Acme[\s\S]*agent revoke-key/)
  t.equal(meanwhile.operations().filter((name) => name === 'finishRun').length, 1)
  t.equal(statSync(place).mode & 0o777, 0o700, 'an empty folder of our own is closed')
  t.same(meanwhile.violations, [])
})
t.test('of one agent nothing else is touched, and one that goes meanwhile ends with its keys', async (t) => {
  const others = (['active', 'terminated'] as const).map((status, n) => {
    return { ...coder, id: sampleId(2, n + 2), name: status, status }
  })
  const keys = keeper([keyOf(1)])
  const run = openRunView()
  const gateway = await fakeGateway(t, {
    ...keys.handlers,
    listAgents: () => ({ body: [coder, ...others] }),
    listRuns: () => ({ body: [run, { ...run, id: sampleId(5, 2), agentId: sampleId(2, 2) }] }),
    finishRun: () => ({ body: { ...run, status: 'cancelled', finishedAt: time } })
  })
  const one = await rotate(gateway.origin, 'coder', '--out', join(folder(), 'one'), '--close-runs', '--yes')
  t.match(one, { code: 0, stderr: /replaced 1 key;/ })
  t.notMatch(one.stderr, /not by this/)
  const asked = () =>
    gateway.calls.filter(({ operationId }) => operationId === 'listAgentKeys').map(({ params }) => params.id)
  t.same([...new Set(asked())], [agentId])
  t.same(
    gateway.calls.filter(({ operationId }) => operationId === 'finishRun').map(({ params }) => params.runId),
    [runId]
  )
  t.equal((await rotate(gateway.origin, '--dry-run')).code, 0)
  t.notOk(asked().includes(sampleId(2, 3)), 'the end of an agent has revoked its keys')

  const fleeting = await fakeGateway(t, {
    ...keeper([keyOf(1), keyOf(2)]).handlers,
    createAgentKey: (_, count) =>
      count === 1 ? { problem: 'rate_limited' } : { problem: count === 2 ? 'agent_inactive' : 'not_found' },
    revokeAgentKey: () => ({ problem: 'not_found' })
  })
  t.match(await rotate(fleeting.origin, '--out', join(folder(), 'gone'), '--yes'), {
    code: 0,
    stderr: /no more keys for 1 s; waiting[\s\S]*did not replace 2 keys: .*agent that is gone/
  })
  t.same([...gateway.violations, ...fleeting.violations], [])
})

function openRunView(): RunView {
  const openedBy = {
    actorType: 'user' as const,
    actorId: 'u-1',
    credentialKind: 'session' as const,
    credentialId: null
  }
  return {
    id: runId,
    companyId,
    agentId,
    projectId: null,
    status: 'running',
    openedBy,
    leaseExpiresAt: null,
    expiresAt: time,
    startedAt: time,
    finishedAt: null
  }
}
