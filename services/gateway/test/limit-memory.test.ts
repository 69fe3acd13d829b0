import { newId } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import fc from 'fast-check'
import t from 'tap'
import { type Actor, anonymous, type BoardActor } from '../src/auth/actor.js'
import { localOperator } from '../src/auth/board-actor.js'
import { createBearerFailures } from '../src/limit/bearer-failures.js'
import { createHashGate } from '../src/limit/hash-gate.js'
import { networkOf } from '../src/limit/limit-store.js'
import { createRecentMap } from '../src/limit/recent-map.js'
import { createTrafficLimit } from '../src/limit/traffic-limit.js'

/** A clock that goes when it is told to. */
function handClock() {
  let ms = 1_000
  return {
    nowMs: () => ms,
    pass: (byMs: number) => {
      ms += byMs
    }
  }
}

/** Says how a call was refused: the seconds to wait, or null when it was let through. */
function waitOf(call: () => void): number | null {
  try {
    call()
    return null
  } catch (error) {
    if (error instanceof AppError && error.code === 'rate_limited') return error.retryAfterSeconds ?? 0
    throw error
  }
}

const keyActor = (keyId = newId()): Actor => ({
  kind: 'agent_key',
  agentId: newId(),
  companyId: newId(),
  keyId
})

t.test('a recent map keeps the last half of its size in use, and never more than its size', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 40 }), { maxLength: 400 }), (keys) => {
        const map = createRecentMap<number>({ entriesMax: 16 })
        const lastUsed: number[] = []
        for (const key of keys) {
          const known = lastUsed.slice(-8).includes(key)
          const value = map.get(String(key))
          if (known && value !== key) return false
          if (value === undefined) map.set(String(key), key)
          const at = lastUsed.indexOf(key)
          if (at !== -1) lastUsed.splice(at, 1)
          lastUsed.push(key)
          if (map.size > 16) return false
        }
        return true
      })
    )
  )
  t.end()
})

t.test('a principal has a burst and then its rate, and nobody else pays for it', (t) => {
  const clock = handClock()
  const traffic = createTrafficLimit({ nowMs: clock.nowMs, ratePerSecond: 10, burst: 5 })
  const busy = keyActor()
  const take = () => waitOf(() => traffic.admit(busy))
  t.strictSame([1, 2, 3, 4, 5].map(take), [null, null, null, null, null])
  t.equal(take(), 1, 'and hears how long to wait')
  t.equal(
    waitOf(() => traffic.admit(keyActor())),
    null
  )
  clock.pass(99)
  t.equal(take(), 1)
  clock.pass(1)
  t.equal(take(), null, 'a tenth of a second gives one')
  t.equal(take(), 1)
  clock.pass(3_600_000)
  t.strictSame([1, 2, 3, 4, 5].map(take), [null, null, null, null, null], 'never more than the burst')
  t.equal(take(), 1)
  t.end()
})

t.test('in any order of requests a bucket gives no more than burst and rate together', (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 300 }), { maxLength: 300 }), (pauses) => {
        const clock = handClock()
        const traffic = createTrafficLimit({ nowMs: clock.nowMs, ratePerSecond: 20, burst: 7 })
        const actor = keyActor()
        let passed = 0
        let elapsedMs = 0
        for (const pause of pauses) {
          clock.pass(pause)
          elapsedMs += pause
          if (waitOf(() => traffic.admit(actor)) === null) passed += 1
        }
        const allowed = 7 + (elapsedMs * 20) / 1000
        return passed <= allowed && passed >= Math.min(pauses.length, 7)
      })
    )
  )
  t.end()
})

t.test('a user has one bucket over all keys and sessions, a run and a key have their own', (t) => {
  const traffic = createTrafficLimit({ nowMs: () => 0, burst: 1 })
  const board = (credentialId: string, credentialKind: BoardActor['credentialKind']): Actor => ({
    ...localOperator,
    userId: 'u',
    credentialId,
    credentialKind
  })
  t.equal(
    waitOf(() => traffic.admit(board('1', 'board_key'))),
    null
  )
  t.equal(
    waitOf(() => traffic.admit(board('2', 'session'))),
    1
  )
  const run = { agentId: newId(), companyId: newId(), projectId: null, tokenId: newId() }
  const openedBy = {
    actorType: 'user',
    actorId: 'u',
    credentialKind: 'session',
    credentialId: null
  } as const
  const first = newId()
  for (const [runId, wait] of [
    [first, null],
    [newId(), null],
    [first, 1]
  ] as const)
    t.equal(
      waitOf(() => traffic.admit({ kind: 'run', ...run, openedBy, runId })),
      wait
    )
  for (let n = 0; n < 10; n++)
    t.equal(
      waitOf(() => traffic.admit(anonymous)),
      null,
      'nobody has no bucket'
    )
  t.end()
})

t.test('after thirty unknown bearers in a minute the next is told to wait, by address or network', (t) => {
  const clock = handClock()
  const failures = createBearerFailures({ nowMs: clock.nowMs })
  const unknown = new AppError('unauthenticated')
  const judge = (address: string) => (failures.judge(unknown, address) as AppError).code
  for (let n = 0; n < 30; n++) t.equal(judge(`2001:db8:1:2::${n.toString(16)}`), 'unauthenticated')
  t.equal(judge('2001:db8:1:2:ffff::1'), 'rate_limited', 'a /64 is one')
  t.equal(judge('2001:db8:1:3::1'), 'unauthenticated', 'its neighbour is another')
  t.equal(judge('192.0.2.1'), 'unauthenticated')
  for (let n = 0; n < 29; n++) judge('192.0.2.1')
  t.equal(judge('::ffff:192.0.2.1'), 'rate_limited', 'IPv4 is the same in both spellings')
  clock.pass(59_000)
  const last = failures.judge(unknown, '192.0.2.1') as AppError
  t.match(last, { code: 'rate_limited', retryAfterSeconds: 1 })
  clock.pass(1_000)
  t.equal(judge('192.0.2.1'), 'unauthenticated')
  t.end()
})

t.test('an address is counted as one network in each of its spellings', (t) => {
  for (const [address, network] of [
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:50001', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['2001:DB8:1:2:3:4:5:6', '2001:db8:1:2::'],
    ['[2001:db8:1:2::9]:443', '2001:db8:1:2::'],
    ['[2001:db8:1:2::9]', '2001:db8:1:2::'],
    ['fe80::1%eth0', 'fe80::'],
    ['unknown', 'unknown'],
    [undefined, '']
  ] as const)
    t.equal(networkOf(address), network, address ?? 'none')
  t.end()
})

t.test('credentials that once were real, and faults of our own, are no guesses', (t) => {
  const failures = createBearerFailures({ nowMs: () => 0, failuresMax: 1 })
  const codes = ['credential_revoked', 'credential_expired', 'run_closed', 'database_unavailable'] as const
  for (const code of codes) {
    const error = new AppError(code)
    for (let n = 0; n < 5; n++) t.equal(failures.judge(error, '192.0.2.1'), error)
  }
  const fault = new Error('lost')
  t.equal(failures.judge(fault, '192.0.2.1'), fault)
  t.equal((failures.judge(new AppError('unauthenticated'), '192.0.2.1') as AppError).code, 'unauthenticated')
  t.end()
})

t.test('two hashes run at once, sixteen wait in order, and one more is told to come again', async (t) => {
  const gate = createHashGate()
  const started: number[] = []
  const finish: (() => void)[] = []
  let together = 0
  let togetherMax = 0
  const hash = (n: number) =>
    gate.run(async () => {
      started.push(n)
      together += 1
      togetherMax = Math.max(togetherMax, together)
      await new Promise<void>((resolve) => finish.push(resolve))
      together -= 1
      return n
    })
  const accepted = Array.from({ length: 18 }, (_, n) => hash(n))
  await t.rejects(hash(18), { code: 'rate_limited', retryAfterSeconds: 1 })
  t.strictSame(started, [0, 1])
  const results = Promise.all(accepted)
  let done = false
  void results.then(() => {
    done = true
  })
  while (!done) {
    finish.shift()?.()
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.strictSame(
    await results,
    Array.from({ length: 18 }, (_, n) => n)
  )
  t.strictSame(
    started,
    Array.from({ length: 18 }, (_, n) => n)
  )
  t.equal(togetherMax, 2)
})

t.test('a hash that fails leaves its place to the next', async (t) => {
  const gate = createHashGate({ runningMax: 1, waitingMax: 2 })
  const failing = [1, 2].map(() => gate.run(async () => Promise.reject(new Error('broken'))))
  const last = gate.run(async () => 'done')
  t.strictSame(
    (await Promise.allSettled(failing)).map(({ status }) => status),
    ['rejected', 'rejected']
  )
  t.equal(await last, 'done')
  t.equal(await gate.run(async () => 'again'), 'again')
})
