import { setTimeout as sleep } from 'node:timers/promises'
import type { IsolationLevel } from 'kysely'
import type { Db, Tx } from './connect.js'
import { isDeadlock, isSerializationFailure } from './pg-errors.js'

/** How often a transaction may run, and at which level (the server's default is read committed). */
export interface TransactionOptions {
  /** Runs in total, the first included. */
  readonly attemptsMax: number
  readonly isolationLevel?: IsolationLevel
}

// The pause doubles from here; with jitter, so that two losers do not meet again.
const pauseMsFirst = 5
const pauseMsMax = 200

/**
 * Runs `work` in one transaction, and again from the start when PostgreSQL reports a serialization
 * failure or a deadlock. `work` must therefore have no effect but its statements, and must not be slow.
 *
 * Rejects with whatever ended the last attempt. A connection failure is never retried: its outcome is
 * unknown (see `isConnectionFailure`).
 */
export async function transaction<DB, T>(
  db: Db<DB>,
  work: (tx: Tx<DB>) => Promise<T>,
  { attemptsMax, isolationLevel }: TransactionOptions
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const builder = db.transaction()
      return await (isolationLevel ? builder.setIsolationLevel(isolationLevel) : builder).execute(work)
    } catch (error) {
      const lostRace = isSerializationFailure(error) || isDeadlock(error)
      if (!lostRace || attempt >= attemptsMax) throw error
      await sleep(Math.random() * Math.min(pauseMsMax, pauseMsFirst * 2 ** attempt))
    }
  }
}
