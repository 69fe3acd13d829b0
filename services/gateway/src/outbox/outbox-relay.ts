import { setTimeout as sleep } from 'node:timers/promises'
import { limits, newId } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import type { FastifyBaseLogger } from 'fastify'
import type { GatewayDatabase } from '../database.js'
import type { OutboxEntry } from './activity.js'
import {
  deleteDelivered,
  listWaiting,
  postpone,
  releaseOutboxLease,
  takeOutboxLease,
  type WaitingRow
} from './outbox-store.js'

/** What the receiver made of a delivery: took it, refused what is in it, or could not be asked. */
export type DeliveryOutcome = 'applied' | 'refused' | 'unavailable'

/** Delivers the outbox, one gateway at a time. */
export interface OutboxRelay {
  /** Says that rows were committed. Never waits. */
  kick(): void
  /** Resolves once what was committed before is delivered, or cannot be for now, or the time is up. */
  flush(): Promise<void>
  /** Looks for rows that others left behind, until stopped. */
  start(): void
  stop(): Promise<void>
}

interface OutboxRelayOptions {
  db: Db<GatewayDatabase>
  /** Must apply each entry once by its id: a delivery whose answer was lost is repeated. */
  deliver: (entries: OutboxEntry[]) => Promise<DeliveryOutcome>
  logger: FastifyBaseLogger
}

/** Longer than the deadline of one delivery, so that the holder still holds it when the answer comes. */
const leaseSeconds = 15
const flushMsMax = 1_000
const busyPollMs = 20
const pollMs = 1_000
/** While the receiver cannot be reached, polls come at most this far apart. */
const backoffMsMax = 15_000
/** A row that is refused again and again is tried this often for ever: nothing of an audit is thrown away. */
const postponeSecondsMax = 300

type Drained = 'empty' | 'busy' | 'unavailable'

/** Makes the relay. Rows of a company keep their order; a refused row holds up its own company alone. */
export function createOutboxRelay({ db, deliver, logger }: OutboxRelayOptions): OutboxRelay {
  const holder = newId()
  let draining: Promise<Drained> | undefined
  let again = false
  let timer: NodeJS.Timeout | undefined
  let failures = 0
  let stopped = false

  function drain(): Promise<Drained> {
    again = true
    draining ??= drainAll()
    return draining
  }

  async function drainAll(): Promise<Drained> {
    let outcome: Drained = 'empty'
    // Rows committed while we were looking for the last time are looked for once more.
    while (again && outcome === 'empty' && !stopped) {
      again = false
      outcome = await drainOnce().catch((error: unknown) => {
        logger.warn({ code: (error as { code?: unknown }).code }, 'the outbox could not be read')
        return 'unavailable' as const
      })
    }
    failures = outcome === 'unavailable' ? failures + 1 : 0
    // In the same turn as the last look at `again`, or a call in between would join what has ended.
    draining = undefined
    return outcome
  }

  async function drainOnce(): Promise<Drained> {
    let holding = false
    try {
      for (;;) {
        const { waiting, taken } = await takeOutboxLease(db, { holder, leaseSeconds })
        if (!waiting) return 'empty'
        if (!taken) return 'busy'
        holding = true
        const rows = await listWaiting(db, limits.activityBatchItemsMax)
        if (!(await deliverRows(rows))) return 'unavailable'
      }
    } finally {
      if (holding) await releaseOutboxLease(db, holder)
    }
  }

  /** False when the receiver could not be asked. A refused batch is halved until the row at fault stands alone. */
  async function deliverRows(rows: readonly WaitingRow[]): Promise<boolean> {
    const [first] = rows
    if (first === undefined) return true
    const outcome = await deliver(rows.map((row) => row.item))
    if (outcome === 'unavailable') return false
    if (outcome === 'applied') {
      await deleteDelivered(
        db,
        rows.map((row) => row.seq)
      )
      return true
    }
    if (rows.length === 1) {
      logger.error({ outboxId: first.item.id }, 'the secrets service refuses a row of the outbox')
      await postpone(db, { seq: first.seq, secondsMax: postponeSecondsMax })
      return true
    }
    // What follows a refused row of its company must wait for it, so the rest is read anew.
    return await deliverRows(rows.slice(0, Math.ceil(rows.length / 2)))
  }

  function schedule(): void {
    if (stopped) return
    const delayMs = Math.min(backoffMsMax, pollMs * 2 ** Math.min(failures, 10))
    timer = setTimeout(async () => {
      await drain()
      schedule()
    }, delayMs)
    timer.unref()
  }

  return {
    kick: () => void drain(),
    async flush() {
      const deadline = performance.now() + flushMsMax
      const timeout = new AbortController()
      const expired = sleep(flushMsMax, undefined, { signal: timeout.signal, ref: false }).catch(() => {})
      while (performance.now() < deadline) {
        const outcome = await Promise.race([drain(), expired])
        if (outcome !== 'busy') break
        await sleep(busyPollMs)
      }
      timeout.abort()
    },
    start: schedule,
    async stop() {
      stopped = true
      clearTimeout(timer)
      await draining
    }
  }
}
