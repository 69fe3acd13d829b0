import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { Db } from './connect.js'

/**
 * How far this machine's clock and the database's may differ. Signatures are judged by the one, leases and expiries
 * by the other; more than the tolerance of a signature's `created` would let a run outlive its lease.
 */
const clockSkewMsMax = 5_000

/** A slow answer blurs the measure by half its time, so the quickest of a few decides. */
const measures = 3

const recheckMsDefault = 60_000

/** Says in one sentence that two clocks differ too much to start. */
export class ClockSkewError extends Error {
  override readonly name = 'ClockSkewError'
  /** Above zero: the database's clock is ahead. */
  readonly skewMs: number

  constructor(skewMs: number) {
    const seconds = Math.abs(skewMs / 1_000).toFixed(1)
    const where = skewMs > 0 ? 'ahead of' : 'behind'
    super(
      `the clock of the database is ${seconds} s ${where} that of this machine, and ${clockSkewMsMax / 1_000} s are allowed: set both clocks`
    )
    this.skewMs = skewMs
  }
}

/** What comparing clocks needs from outside. */
export interface ClockOptions {
  /** This machine's clock, as milliseconds since the epoch. */
  readonly nowMs?: () => number
}

/**
 * Compares the database's clock with this machine's, half the round trip taken off. Throws {@link ClockSkewError}
 * when they differ by more than 5 s, or what the driver throws when the database does not answer.
 */
export async function expectSameClock<DB>(
  db: Db<DB>,
  { nowMs = Date.now }: ClockOptions = {}
): Promise<void> {
  let best = await measureSkew(db, nowMs)
  for (let made = 1; made < measures && isTooFar(best.skewMs); made++) {
    const next = await measureSkew(db, nowMs)
    if (next.roundTripMs < best.roundTripMs) best = next
  }
  if (isTooFar(best.skewMs)) throw new ClockSkewError(best.skewMs)
}

/** A comparison that goes on while a service runs. */
export interface ClockWatch {
  /** Ends it, and waits for a comparison that is under way. */
  stop(): Promise<void>
}

/**
 * Compares the clocks every minute from now on. `onSkew` is told each time they differ by more than 5 s; a running
 * service goes on, since ending every replica at once would serve nobody. A database that does not answer is not a
 * matter of clocks and is passed over.
 */
export function watchClock<DB>(
  db: Db<DB>,
  options: ClockOptions & { readonly onSkew: (error: ClockSkewError) => void; readonly intervalMs?: number }
): ClockWatch {
  const { onSkew, intervalMs = recheckMsDefault } = options
  const stopping = new AbortController()
  const { signal } = stopping

  async function watch(): Promise<void> {
    for (;;) {
      await sleep(intervalMs, undefined, { signal, ref: false }).catch(() => undefined)
      if (signal.aborted) return
      await expectSameClock(db, options).catch((error: unknown) => {
        if (error instanceof ClockSkewError) onSkew(error)
      })
    }
  }

  const ended = watch()
  return {
    stop: () => {
      stopping.abort()
      return ended
    }
  }
}

async function measureSkew<DB>(
  db: Kysely<DB>,
  nowMs: () => number
): Promise<{ skewMs: number; roundTripMs: number }> {
  const sentMs = nowMs()
  // Not now(): that is when the transaction began.
  const { rows } = await sql<{ ms: number }>`
    select extract(epoch from clock_timestamp())::float8 * 1000 as ms`.execute(db)
  const receivedMs = nowMs()
  const databaseMs = rows[0]?.ms ?? Number.NaN
  return { skewMs: databaseMs - (sentMs + receivedMs) / 2, roundTripMs: receivedMs - sentMs }
}

function isTooFar(skewMs: number): boolean {
  // Also true of what is no number.
  return !(Math.abs(skewMs) <= clockSkewMsMax)
}
