import fc from 'fast-check'
import t from 'tap'
import { createNonceMemory, newNonce } from '../src/index.js'

const nowMs = 1_767_225_600_000
const seconds = (count: number) => count * 1000

t.test('a nonce counts once per key until 5 s after it expires', async (t) => {
  const memory = createNonceMemory({ entriesMax: 10 })
  const nonce = { keyId: 'gateway-1', nonce: newNonce(), expiresMs: nowMs + seconds(30) }
  t.equal(memory.remember(nonce, nowMs), 'new')
  t.equal(memory.remember(nonce, nowMs), 'replayed')
  t.equal(
    memory.remember({ ...nonce, expiresMs: nowMs + seconds(20) }, nowMs),
    'replayed',
    'under another expiry too'
  )
  t.equal(memory.remember({ ...nonce, keyId: 'runner-1' }, nowMs), 'new', 'another key has nonces of its own')
  t.equal(memory.remember(nonce, nowMs + seconds(35)), 'replayed')
  t.equal(memory.remember(nonce, nowMs + seconds(36)), 'new', 'by then verifying refuses it as stale')
})

t.test(
  'a full memory refuses new nonces, evicts none that could be replayed, and recovers by time',
  async (t) => {
    const memory = createNonceMemory({ entriesMax: 3 })
    const nonces = [1, 2, 3, 4].map((id) => ({
      keyId: 'gateway-1',
      nonce: `n${id}`,
      expiresMs: nowMs + seconds(id)
    }))
    t.same(
      nonces.map((nonce) => memory.remember(nonce, nowMs)),
      ['new', 'new', 'new', 'full']
    )
    t.same(
      nonces.map((nonce) => memory.remember(nonce, nowMs + seconds(6))),
      ['replayed', 'replayed', 'replayed', 'full']
    )
    t.equal(memory.size(), 3)
    t.equal(
      memory.remember(
        { keyId: 'gateway-1', nonce: 'n4', expiresMs: nowMs + seconds(30) },
        nowMs + seconds(7)
      ),
      'new'
    )
    t.equal(memory.size(), 3, 'the first has gone, the fourth has come')
    memory.remember({ keyId: 'gateway-1', nonce: 'n5', expiresMs: nowMs + seconds(90) }, nowMs + seconds(60))
    t.equal(memory.size(), 1, 'the expired ones are gone after the next second that sees a request')
  }
)

t.test('a clock set back forgets nothing', async (t) => {
  const memory = createNonceMemory({ entriesMax: 10 })
  const nonce = { keyId: 'gateway-1', nonce: 'n', expiresMs: nowMs + seconds(30) }
  memory.remember(nonce, nowMs)
  t.equal(memory.remember(nonce, nowMs - seconds(3600)), 'replayed')
})

t.test('whatever the order of requests, no unexpired nonce is new twice and the bound holds', async () => {
  const entriesMax = 8
  const request = fc.record({
    nonce: fc.nat(15).map(String),
    validSeconds: fc.integer({ min: 1, max: 30 }),
    waitMs: fc.nat(4000)
  })
  const property = fc.property(fc.array(request, { maxLength: 80 }), (requests) => {
    const memory = createNonceMemory({ entriesMax })
    const expiryOf = new Map<string, number>()
    let atMs = nowMs
    for (const { nonce, validSeconds, waitMs } of requests) {
      atMs += waitMs
      const expiresMs = (Math.floor(atMs / 1000) + validSeconds) * 1000
      const outcome = memory.remember({ keyId: 'k', nonce, expiresMs }, atMs)
      const heldUntilMs = expiryOf.get(nonce) ?? 0
      if (outcome === 'new' && atMs < heldUntilMs + seconds(5)) return false
      if (outcome === 'new') expiryOf.set(nonce, expiresMs)
      if (memory.size() > entriesMax) return false
    }
    return true
  })
  fc.assert(property, { numRuns: 300 })
})
