import { type ResolveItem, resolveBatch } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { eventually } from '@paperclip/testing'
import t from 'tap'
import type { RunActor } from '../src/auth/actor.js'
import { createResolveHop } from '../src/vault/resolve-hop.js'
import type { SecretsHop } from '../src/vault/secrets-hop.js'
import { type Answer, problem } from './fixtures/fake-secrets.js'
import { makeAgent, openRun, testInstallation } from './fixtures/test-gateway.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

const installation = await testInstallation(t)
const { gateway, secrets } = installation
const mine = await makeAgent(gateway)
const path = '/api/agents/me/env'

const good = (item: ResolveItem): Answer => ({
  status: 200,
  body: { env: { RUN: item.runId }, manifest: [] }
})
const ask = (token: string) => gateway.call('POST', path, { token })

/** Runs whose provider is slow until the test says what it gave. */
function holding() {
  const slow = new Set<string>()
  const waiting = new Map<string, (answer: Answer) => void>()
  secrets.resolve = (item) =>
    slow.has(item.runId)
      ? new Promise((resolve) =>
          waiting.set(item.runId, (answer) => resolve(answer.status === 200 ? good(item) : answer))
        )
      : good(item)
  const untilHeld = (count: number) =>
    eventually(() => {
      if (waiting.size !== count) throw new Error(`${waiting.size} of ${count} are held`)
    })
  return { slow, waiting, untilHeld }
}

t.test('63 runs are answered while the one they came with waits for its provider', async (t) => {
  const { slow, waiting, untilHeld } = holding()
  const runs = await Promise.all(Array.from({ length: 64 }, () => openRun(gateway, mine)))
  const [held, ...others] = runs
  if (held === undefined) throw new Error('no run')
  slow.add(held.runId)
  const late = ask(held.token)
  const replies = await Promise.all(others.map(({ token }) => ask(token)))
  for (const [index, reply] of replies.entries())
    t.match(reply, { status: 200, json: { env: { RUN: others[index]?.runId } } })
  await untilHeld(1)
  waiting.get(held.runId)?.({ status: 200 })
  const reply = await late
  t.match(reply, {
    status: 200,
    json: { env: { RUN: held.runId } },
    headers: { 'cache-control': 'no-store' }
  })
})

t.test('any number of replies that wait leave room for the next batch, and each gets its own', async (t) => {
  const { slow, waiting, untilHeld } = holding()
  const runs = await Promise.all(Array.from({ length: 12 }, () => openRun(gateway, mine)))
  const late: ReturnType<typeof ask>[] = []
  for (const { token, runId } of runs) {
    slow.add(runId)
    late.push(ask(token))
    // Each in a batch of its own, or several together: more replies are open than batches may be under way.
    await untilHeld(late.length)
  }
  const other = await openRun(gateway, mine)
  t.match(await ask(other.token), { status: 200, json: { env: { RUN: other.runId } } })
  const refused = problem(502, 'provider_access_denied', 'No.')
  for (const [index, { runId }] of runs.entries())
    waiting.get(runId)?.(index % 2 === 0 ? { status: 200 } : { status: 502, body: refused })
  for (const [index, reply] of (await Promise.all(late)).entries())
    if (index % 2 === 0) t.match(reply, { status: 200, json: { env: { RUN: runs[index]?.runId } } })
    else t.match(reply, { status: 502, json: { code: 'provider_access_denied' } })
})

t.test('a secrets service that dies takes with it what waits, and nothing after that', async (t) => {
  const { slow, untilHeld } = holding()
  const runs = await Promise.all([1, 2, 3].map(() => openRun(gateway, mine)))
  for (const { runId } of runs) slow.add(runId)
  const late = runs.map(({ token }) => ask(token))
  await untilHeld(3)
  await secrets.close()
  for (const reply of await Promise.all(late))
    t.match(reply, { status: 503, json: { code: 'secrets_unavailable' } })
  await secrets.reopen()
  slow.clear()
  for (const { token, runId } of runs)
    t.match(await ask(token), { status: 200, json: { env: { RUN: runId } } })
  t.notMatch(installation.log(), /"level":50/)
})

type Request = Parameters<SecretsHop['sendAsGateway']>[0]

/** A hop in the hands of the test: what was sent, and how its reply comes. */
function handHop() {
  const sent: { items: ResolveItem[]; request: Request; end(): void; fail(error: Error): void }[] = []
  const hop: SecretsHop = {
    send: () => Promise.reject(new Error('not used')),
    sendAsGateway: (request) =>
      new Promise((resolve, reject) => {
        const { items } = JSON.parse(String(request.body)) as { items: ResolveItem[] }
        const end = () => resolve({ status: 200, headers: {}, body: Buffer.alloc(0) })
        sent.push({ items, request, end, fail: reject })
      })
  }
  return { hop, sent }
}

const actor = {
  kind: 'run',
  companyId: 'c',
  agentId: 'a',
  projectId: null,
  runId: 'r',
  openedBy: null
} as unknown as RunActor
const turn = () => new Promise((resolve) => setImmediate(resolve))
const frame = (id: string, status: number, body: string) =>
  Buffer.from(`${id} ${status} ${Buffer.byteLength(body)}\n${body}\n`)
const outcome = (resolve: Promise<{ status: number }>) =>
  resolve.then(
    ({ status }) => status,
    (error: AppError) => error.code
  )

t.test('a malformed frame fails exactly those that have none, early or late', async (t) => {
  for (const isLate of [false, true]) {
    const { hop, sent } = handHop()
    const resolves = createResolveHop(hop)
    const asked = ['1', '2', '3'].map((id) => outcome(resolves.resolve(actor, id)))
    await turn()
    const [batch] = sent
    const ids = batch?.items.map(({ resolveId }) => resolveId) ?? []
    const { parts } = batch?.request ?? {}
    t.equal(batch?.request.route, resolveBatch)
    t.equal(parts?.take(frame(ids[1] ?? '', 200, '{}')), false)
    if (isLate) {
      t.equal(parts?.take(frame(ids[0] ?? '', 102, '')), false)
      t.equal(parts?.take(frame(ids[2] ?? '', 102, '')), true)
    }
    t.throws(() => parts?.take(Buffer.from('x'.repeat(80))))
    batch?.fail(new AppError('secrets_unavailable'))
    t.strictSame(await Promise.all(asked), ['secrets_unavailable', 200, 'secrets_unavailable'])
  }
})

t.test('a reply that ends too early, or breaks off, fails those that wait', async (t) => {
  for (const end of ['end', 'fail'] as const) {
    const { hop, sent } = handHop()
    const resolves = createResolveHop(hop)
    const asked = ['1', '2'].map((id) => outcome(resolves.resolve(actor, id)))
    await turn()
    const [batch] = sent
    const [first = '', second = ''] = batch?.items.map(({ resolveId }) => resolveId) ?? []
    batch?.request.parts?.take(Buffer.concat([frame(first, 422, '{}'), frame(second, 102, '')]))
    batch?.[end](new AppError('secrets_unavailable'))
    t.strictSame(await Promise.all(asked), [422, 'secrets_unavailable'])
  }
})

t.test('more that wait than there is room for are refused, their batch fellows are not', async (t) => {
  const { hop, sent } = handHop()
  const resolves = createResolveHop(hop, { repliesMax: 2, itemsMax: 3 })
  const send = async (slow: number, quick: number) => {
    const asked = Array.from({ length: slow + quick }, (_, index) =>
      outcome(resolves.resolve(actor, String(index)))
    )
    await turn()
    const batch = sent.at(-1)
    const ids = batch?.items.map(({ resolveId }) => resolveId) ?? []
    const pieces = ids.map((id, index) => (index < slow ? frame(id, 102, '') : frame(id, 200, '{}')))
    let isCut = false
    try {
      batch?.request.parts?.take(Buffer.concat(pieces))
    } catch {
      isCut = true
      batch?.fail(new AppError('secrets_unavailable'))
    }
    await turn()
    const finish = () => {
      for (const id of ids.slice(0, slow)) batch?.request.parts?.take(frame(id, 200, '{}'))
      batch?.end()
    }
    return { asked, isCut, finish }
  }
  const first = await send(2, 1)
  t.equal(first.isCut, false)
  const tooMany = await send(2, 1)
  t.equal(tooMany.isCut, true, 'its connection is given back')
  t.strictSame(await Promise.all(tooMany.asked), ['overloaded', 'overloaded', 200])
  const second = await send(1, 0)
  const third = await send(1, 1)
  t.strictSame(await Promise.all(third.asked), ['overloaded', 200], 'two replies are open')
  for (const batch of [first, second]) {
    batch.finish()
    t.ok((await Promise.all(batch.asked)).every((status) => status === 200))
  }
  await turn()
  const again = await send(3, 0)
  t.equal(again.isCut, false, 'room comes back')
  again.finish()
  t.strictSame(await Promise.all(again.asked), [200, 200, 200])
})
