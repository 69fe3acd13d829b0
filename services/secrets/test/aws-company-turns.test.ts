import t from 'tap'
import { createCompanyTurns } from '../src/provider/aws/aws-company-turns.js'

const [noisy, quiet] = ['noisy', 'quiet']

/** Reads that end when they are told to. */
function heldReads() {
  const begun: { name: string; end: () => void; fail: () => void }[] = []
  const read = (name: string) => () =>
    new Promise<string>((resolve, reject) => {
      begun.push({ name, end: () => resolve(name), fail: () => reject(new Error(name)) })
    })
  return { begun, read, names: () => begun.map(({ name }) => name) }
}

t.test('a company has so many reads under way and no more; another one is not held up', async (t) => {
  const inTurn = createCompanyTurns({ atOnceMax: 2, deadlineMs: 20_000 })
  const { begun, read, names } = heldReads()
  const reads = ['a', 'b', 'c', 'd', 'e'].map((name) => inTurn(noisy, read(name)).catch(() => 'failed'))
  const other = inTurn(quiet, read('other'))
  t.strictSame(names(), ['a', 'b', 'other'])
  begun[2]?.end()
  t.equal(await other, 'other')
  begun[0]?.fail()
  begun[1]?.end()
  t.strictSame(await Promise.all(reads.slice(0, 2)), ['failed', 'b'])
  await new Promise(setImmediate)
  t.strictSame(names(), ['a', 'b', 'other', 'c', 'd'], 'in their order')
  for (const { end } of begun) end()
  await new Promise(setImmediate)
  begun.at(-1)?.end()
  t.strictSame(await Promise.all(reads), ['failed', 'b', 'c', 'd', 'e'])
})

t.test('whoever waits longer than he may is refused, never asks, and takes no turn with him', async (t) => {
  const inTurn = createCompanyTurns({ atOnceMax: 1, deadlineMs: 30 })
  const { begun, read, names } = heldReads()
  const first = inTurn(noisy, read('first'))
  await t.rejects(inTurn(noisy, read('too late')), { code: 'overloaded' })
  const next = inTurn(noisy, read('next'))
  begun[0]?.end()
  t.equal(await first, 'first')
  await new Promise(setImmediate)
  begun[1]?.end()
  t.equal(await next, 'next')
  t.strictSame(names(), ['first', 'next'])
})

t.test('what is left of the time is told to whoever has waited', async (t) => {
  const inTurn = createCompanyTurns({ atOnceMax: 1, deadlineMs: 20_000 })
  const { begun, read } = heldReads()
  const first = inTurn(noisy, read('first'))
  let leftMs = 0
  const second = inTurn(noisy, async (left) => {
    leftMs = left
  })
  begun[0]?.end()
  await Promise.all([first, second])
  t.ok(leftMs > 10_000 && leftMs < 20_000)
})
