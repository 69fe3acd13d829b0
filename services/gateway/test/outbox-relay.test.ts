import { newId } from '@paperclip/contracts'
import { connect } from '@paperclip/db'
import { createLogger } from '@paperclip/server'
import { eventually, testDatabase } from '@paperclip/testing'
import pg from 'pg'
import t from 'tap'
import type { GatewayDatabase } from '../src/database.js'
import { gatewayGrants } from '../src/grants.js'
import { activityOf, type OutboxEntry } from '../src/outbox/activity.js'
import { createMutate } from '../src/outbox/mutation.js'
import { createOutboxRelay, type DeliveryOutcome } from '../src/outbox/outbox-relay.js'
import { insertOutbox } from '../src/outbox/outbox-store.js'
import { migrationsFolder } from '../src/package-files.js'

// Room for a busy machine: nothing in here waits for time to pass.
t.setTimeout(120_000)

// Without a gateway, whose own relay would look for these rows as well.
const database = await testDatabase(t, {
  migrations: [{ schema: 'gateway', folder: migrationsFolder, grants: gatewayGrants }]
})
const admin = new pg.Client({ connectionString: database.adminUrl, options: '-c search_path=gateway' })
await admin.connect()
t.teardown(() => admin.end())

const limits = {
  statementTimeoutMs: 5_000,
  lockTimeoutMs: 2_000,
  idleInTransactionTimeoutMs: 5_000,
  connectionTimeoutMs: 2_000,
  queryTimeoutMs: 6_000
}
const { db, close } = connect<GatewayDatabase>({
  url: database.url('gateway'),
  schema: 'gateway',
  applicationName: 'test',
  poolMax: 12,
  onError: () => {},
  ...limits
})
t.teardown(close)
const logger = createLogger({ service: 'test', level: 'silent' })

const mutate = createMutate(db, { kick: () => {} })
const happened = (companyId: string, n: number): OutboxEntry =>
  activityOf('system', {
    companyId,
    action: 'company.updated',
    entityType: 'company',
    entityId: companyId,
    metadata: { n }
  })
const numbersOf = (entries: OutboxEntry[], companyId: string) =>
  entries
    .filter((entry) => entry.activity?.companyId === companyId)
    .map((entry) => entry.activity?.metadata.n)
const waiting = async () => Number((await admin.query('select count(*) from outbox')).rows[0].count)

/** A receiver that applies each entry once, as the contract demands, and can be made to fail. */
function receiver() {
  const applied: OutboxEntry[] = []
  let together = 0
  let togetherMax = 0
  const state = { judge: (_: OutboxEntry[]): DeliveryOutcome => 'applied', loseAnswer: false, sent: 0 }
  const deliver = async (entries: OutboxEntry[]): Promise<DeliveryOutcome> => {
    together += 1
    togetherMax = Math.max(togetherMax, together)
    state.sent += entries.length
    await new Promise((resolve) => setImmediate(resolve))
    const outcome = state.judge(entries)
    if (outcome === 'applied')
      applied.push(...entries.filter((entry) => !applied.some((old) => old.id === entry.id)))
    together -= 1
    return state.loseAnswer ? 'unavailable' : outcome
  }
  return { applied, state, deliver, togetherMax: () => togetherMax }
}

t.test('two relays deliver every row once and in order, one at a time', async (t) => {
  const { applied, deliver, togetherMax, state } = receiver()
  const relays = [1, 2].map(() => createOutboxRelay({ db, deliver, logger }))
  const companies = [newId(), newId(), newId()]
  for (let n = 0; n < 120; n++) {
    await mutate((tx) =>
      insertOutbox(
        tx,
        companies.map((id) => happened(id, n))
      )
    )
    for (const relay of relays) relay.kick()
  }
  await eventually(async () => {
    await Promise.all(relays.map((relay) => relay.flush()))
    if ((await waiting()) > 0) throw new Error('rows are left')
  })
  for (const id of companies)
    t.same(
      numbersOf(applied, id),
      Array.from({ length: 120 }, (_, n) => n)
    )
  t.equal(togetherMax(), 1, 'no two deliveries at once')
  t.equal(state.sent, 360, 'nothing was even sent twice')
  await Promise.all(relays.map((relay) => relay.stop()))
})

t.test('a delivery whose answer was lost is repeated, and applied once', async (t) => {
  const { applied, state, deliver } = receiver()
  const relay = createOutboxRelay({ db, deliver, logger })
  const company = newId()
  await mutate((tx) => insertOutbox(tx, [happened(company, 1), happened(company, 2)]))
  state.loseAnswer = true
  await relay.flush()
  t.equal(await waiting(), 2, 'nothing is forgotten on a guess')
  state.loseAnswer = false
  await relay.flush()
  t.equal(await waiting(), 0)
  t.same(numbersOf(applied, company), [1, 2])
  t.equal(state.sent, 4)
  await relay.stop()
})

t.test('a row that is refused holds up its own company only, and is never thrown away', async (t) => {
  const { applied, state, deliver } = receiver()
  const relay = createOutboxRelay({ db, deliver, logger })
  const [sick, well] = [newId(), newId()]
  const rows = [happened(sick, 1), happened(well, 1), happened(sick, 2), happened(well, 2), happened(sick, 3)]
  const poison = rows[2]?.id
  await mutate((tx) => insertOutbox(tx, rows))
  state.judge = (entries) => (entries.some((entry) => entry.id === poison) ? 'refused' : 'applied')
  await relay.flush()
  await relay.flush()
  t.same(numbersOf(applied, well), [1, 2])
  t.same(numbersOf(applied, sick), [1], 'what comes after it waits for it')
  t.equal(await waiting(), 2)
  state.judge = () => 'applied'
  await admin.query('update outbox set not_before = now()')
  await relay.flush()
  t.same(numbersOf(applied, sick), [1, 2, 3])
  t.equal(await waiting(), 0)
  await relay.stop()
})

t.test('the right to deliver of a gateway that died passes on when its time is over', async (t) => {
  const { applied, deliver } = receiver()
  const relay = createOutboxRelay({ db, deliver, logger })
  const company = newId()
  await admin.query(`update outbox_lease set holder = $1, lease_until = now() + interval '15 seconds'`, [
    newId()
  ])
  await mutate((tx) => insertOutbox(tx, [happened(company, 1)]))
  await relay.flush()
  t.same(numbersOf(applied, company), [], 'while it lasts nobody else delivers')
  await admin.query('update outbox_lease set lease_until = now()')
  await relay.flush()
  t.same(numbersOf(applied, company), [1])
  await relay.stop()
})
