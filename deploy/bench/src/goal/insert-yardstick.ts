import pg from 'pg'
import type { BenchOptions } from '../options.js'
import { withClient } from '../stand/database.js'
import { findPgbench, runPgbench } from './pgbench.js'

/** Single-row inserts into a table of the shape of the access events, each its own commit. */
export interface InsertYardstick {
  /** What sends them: `pgbench`, or this process where that is not installed. */
  readonly tool: 'pgbench' | 'node loop'
  /** Runs one leg and gives rows per second. */
  run(): Promise<number>
}

/** Where the rows go; in the way of nobody. */
export const eventsCopy = 'public.bench_access_events'

/**
 * Ids are in order of time, as the product's are: rows then come to the end of the index and not to its middle.
 * A colon right before a letter would be a variable of pgbench.
 */
const insertText = `insert into ${eventsCopy} (company_id, resolve_id, ordinal, secret_id, secret_key, version,
  provider, actor_type, actor_id, opened_by, target_type, target_id, config_path, run_id, outcome, request_id)
values ('01a2b3c4-0000-7000-8000-000000000001',
  (left(lpad(to_hex((extract(epoch from clock_timestamp()) * 1000)::bigint), 12, '0'), 12)
    || right(replace(gen_random_uuid()::text, '-', ''), 20))::uuid,
  0, gen_random_uuid(), 'agent-1-secret-0', 1, 'local_encrypted', 'agent',
  '01a2b3c4-0000-7000-8000-000000000002',
  '{"actorType":"user","actorId":"local-board","credentialKind":"local_operator","credentialId": null}',
  'agent', '01a2b3c4-0000-7000-8000-000000000002', 'env.SECRET_0', '01a2b3c4-0000-7000-8000-000000000003',
  'success', '01a2b3c4-0000-7000-8000-000000000004')`

/** Makes the table and picks the tool. */
export async function createInsertYardstick(
  { adminUrl, countsStatements }: { adminUrl: string; countsStatements: boolean },
  { connections, legSeconds }: BenchOptions
): Promise<InsertYardstick> {
  await createEventsCopy(adminUrl)
  const pgbench = await findPgbench()
  const settings = { connections, seconds: legSeconds }
  return pgbench === undefined
    ? { tool: 'node loop', run: () => runNodeLoop(adminUrl, settings) }
    : {
        tool: 'pgbench',
        run: () =>
          runPgbench({ ...settings, program: pgbench, adminUrl, countsStatements, statement: insertText })
      }
}

/** Makes a table with the columns, defaults, checks and indexes of the access events. */
export async function createEventsCopy(adminUrl: string): Promise<void> {
  await withClient(adminUrl, (admin) =>
    admin.query(`create table if not exists ${eventsCopy} (like secrets.secret_access_events including all)`)
  )
}

async function runNodeLoop(
  adminUrl: string,
  { connections, seconds }: { connections: number; seconds: number }
): Promise<number> {
  const pool = new pg.Pool({ connectionString: adminUrl, max: connections })
  pool.on('error', () => {})
  const startedMs = performance.now()
  let rows = 0
  const insertUntilOver = async () => {
    const client = await pool.connect()
    while (performance.now() - startedMs < seconds * 1000) {
      await client.query({ name: 'insert', text: insertText })
      rows++
    }
    client.release()
  }
  await Promise.all(Array.from({ length: connections }, insertUntilOver))
  const elapsed = (performance.now() - startedMs) / 1000
  await pool.end()
  return rows / elapsed
}
