import pg from 'pg'
import { eventually } from './eventually.js'
import type { Teardown } from './teardown.js'

/** A lock that another session is holding. */
export interface HeldLock {
  /** Rolls back and disconnects. May be called more than once. */
  release(): Promise<void>
  /** Resolves once some session waits for this lock, or rejects after `deadlineMs`. */
  waitedFor(options?: { deadlineMs?: number }): Promise<void>
}

/**
 * Opens a session, begins a transaction, runs `statement` in it (`lock table x in exclusive mode`,
 * `select … for update`) and stays there until released or the test ends.
 */
export async function heldLock(
  t: Teardown,
  { url, statement }: { url: string; statement: string }
): Promise<HeldLock> {
  const client = new pg.Client({ connectionString: url, application_name: 'held lock' })
  client.on('error', () => {})
  await client.connect()
  let released: Promise<void> | undefined
  const release = () => {
    // Closing the connection rolls back.
    released ??= client.end()
    return released
  }
  t.teardown(release)
  await client.query('begin')
  await client.query(statement)
  const waitedFor = ({ deadlineMs = 5_000 } = {}) =>
    eventually(
      async () => {
        // Not pg_stat_activity: within a transaction it never shows a session that came after the first look.
        const { rows } = await client.query(
          'select 1 from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid)) limit 1'
        )
        if (rows.length === 0) throw new Error('nobody waits for the lock')
      },
      { deadlineMs }
    )
  return { release, waitedFor }
}
