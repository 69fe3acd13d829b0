import { byteaArray, type Db, intArray } from '@paperclip/db'
import { createBatcher } from '@paperclip/server'
import { sql } from 'kysely'
import type { Pool } from 'pg'
import { queryNamed } from '../auth/agent-key-lookup-store.js'
import type { GatewayDatabase } from '../database.js'
import type { LimitStore } from './limit-store.js'

interface Hit {
  key: string
  windowMs: number
}

interface Count {
  current: number
  /** Milliseconds to the end of the window. */
  ttl: number
}

/** Hits that one statement counts; what comes meanwhile goes into the next. */
const itemsMax = 512
/** A flood on one key would else take every connection, and have each wait for the same row. */
const inFlightMax = 1
/** As many as one statement takes: nobody waits longer than for two statements, however slow they are. */
const waitingMax = itemsMax

/**
 * Counts in PostgreSQL. Gateways that count one key at the same moment wait for its row, so exactly as many pass as
 * the limit says; the window opens and ends by the database's clock, which they share.
 */
export function createPostgresLimitStore(pool: Pool): LimitStore {
  const batcher = createBatcher({
    run: (hits: Hit[]) => countHits(pool, hits),
    itemsMax,
    inFlightMax,
    waitingMax
  })
  return {
    incr(key, callback, windowMs) {
      batcher.submit({ key, windowMs }).then(
        (count) => callback(null, count),
        (error: Error) => callback(error)
      )
    }
  }
}

/** Keys in order, or two gateways could lock the same rows crosswise. Beyond a billion a count stands still. */
const countStatement = {
  name: 'count_rate_limits',
  text: `
    insert into rate_limits as r (key, hits, window_ends_at)
    select q.key, q.hits, now() + q.window_ms * interval '1 millisecond'
    from unnest($1::bytea[], $2::int[], $3::int[]) as q (key, hits, window_ms)
    order by q.key
    on conflict (key) do update set
      hits = case when r.window_ends_at <= now() then excluded.hits
        else least(r.hits + excluded.hits, 1000000000) end,
      window_ends_at = case when r.window_ends_at <= now() then excluded.window_ends_at
        else r.window_ends_at end
    returning encode(r.key, 'hex') as key, r.hits,
      ceil(extract(epoch from r.window_ends_at - now()) * 1000)::int as ttl`
}

/** Counts hits in one statement and gives each its own place in the count, in the order they came. */
async function countHits(pool: Pool, hits: readonly Hit[]): Promise<Count[]> {
  const sums = new Map<string, { hits: number; windowMs: number }>()
  for (const { key, windowMs } of hits) {
    const sum = sums.get(key)
    if (sum === undefined) sums.set(key, { hits: 1, windowMs })
    else sum.hits += 1
  }
  const rows = await queryNamed<{ key: string; hits: number; ttl: number }>(pool, countStatement, [
    byteaArray([...sums.keys()].map((key) => Buffer.from(key, 'hex'))),
    intArray([...sums.values()].map((sum) => sum.hits)),
    intArray([...sums.values()].map((sum) => sum.windowMs))
  ])
  const counted = new Map(rows.map((row) => [row.key, row]))
  const before = new Map(rows.map((row) => [row.key, row.hits - (sums.get(row.key)?.hits ?? 0)]))
  return hits.map(({ key }) => {
    const current = (before.get(key) ?? 0) + 1
    before.set(key, current)
    return { current, ttl: counted.get(key)?.ttl ?? 0 }
  })
}

/** How often ended windows are looked for. They stopped counting before, by the clock. */
export const limitSweepIntervalMs = 60_000

/** Rows a statement deletes, so that none is long. */
const rowsMax = 1_000

/** Deletes the rows of windows that have ended, and gives how many; safe on many gateways at once. Index: `window_ends_at`. */
export async function sweepRateLimits(db: Db<GatewayDatabase>): Promise<number> {
  let deleted = 0
  for (;;) {
    const { numAffectedRows = 0n } = await sql`
      delete from rate_limits where key in (
        select key from rate_limits where window_ends_at <= now()
        limit ${rowsMax} for update skip locked
      )`.execute(db)
    deleted += Number(numAffectedRows)
    if (numAffectedRows < rowsMax) return deleted
  }
}
