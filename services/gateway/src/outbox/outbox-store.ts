import { type Db, intArray, type Tx } from '@paperclip/db'
import { sql } from 'kysely'
import type { GatewayDatabase } from '../database.js'
import type { OutboxEntry } from './activity.js'

/** A row to deliver. */
export interface WaitingRow {
  seq: number
  item: OutboxEntry
}

/** Closing all runs of a company at once makes many entries, and a statement takes 65,535 parameters. */
const entriesPerStatementMax = 5_000

/** Adds entries to the outbox, in order, in the transaction of what they tell of. */
export async function insertOutbox(tx: Tx<GatewayDatabase>, entries: readonly OutboxEntry[]): Promise<void> {
  for (let start = 0; start < entries.length; start += entriesPerStatementMax)
    await tx
      .insertInto('outbox')
      .values(
        entries.slice(start, start + entriesPerStatementMax).map((entry) => ({
          id: entry.id,
          company_id: entry.activity?.companyId ?? entry.command?.companyId ?? null,
          item: JSON.stringify(entry),
          not_before: null
        }))
      )
      .execute()
}

/**
 * Takes or renews the right to deliver, while anything waits. `waiting`: something does, whoever delivers it.
 * The times are the database's, so that no gateway's clock decides.
 */
export async function takeOutboxLease(
  db: Db<GatewayDatabase>,
  { holder, leaseSeconds }: { holder: string; leaseSeconds: number }
): Promise<{ waiting: boolean; taken: boolean }> {
  const { rows } = await sql<{ waiting: boolean; taken: boolean }>`
    with eligible as (
      select exists (
        select 1 from outbox o where not exists (
          select 1 from outbox b where b.not_before > now() and b.company_id is not distinct from o.company_id
        )
      ) as waiting
    ), taken as (
      update outbox_lease set holder = ${holder}, lease_until = now() + make_interval(secs => ${leaseSeconds})
      from eligible
      where eligible.waiting and (holder = ${holder} or lease_until <= now())
      returning 1
    )
    select waiting, exists (select 1 from taken) as taken from eligible`.execute(db)
  return rows[0] ?? { waiting: false, taken: false }
}

/** Gives the right to deliver back at once, if it is still ours. */
export async function releaseOutboxLease(db: Db<GatewayDatabase>, holder: string): Promise<void> {
  await db
    .updateTable('outbox_lease')
    .set({ holder: null, lease_until: sql<Date>`'-infinity'` })
    .where('holder', '=', holder)
    .execute()
}

/**
 * Lists what waits, in order of writing (index: primary key). Nothing of a company whose first row was refused
 * and is waiting for its next attempt, so that its rows keep their order.
 */
export async function listWaiting(db: Db<GatewayDatabase>, rowsMax: number): Promise<WaitingRow[]> {
  const { rows } = await sql<WaitingRow>`
    select o.seq, o.item from outbox o
    where not exists (
      select 1 from outbox b where b.not_before > now() and b.company_id is not distinct from o.company_id
    )
    order by o.seq limit ${rowsMax}`.execute(db)
  return rows
}

/** Forgets rows that were delivered. By name, not by range: a smaller number may be committed later. */
export async function deleteDelivered(db: Db<GatewayDatabase>, seqs: readonly number[]): Promise<void> {
  await sql`delete from outbox where seq = any(${intArray(seqs)}::bigint[])`.execute(db)
}

/** Puts a refused row off, longer each time. */
export async function postpone(
  db: Db<GatewayDatabase>,
  { seq, secondsMax }: { seq: number; secondsMax: number }
): Promise<void> {
  await sql`
    update outbox set attempts = attempts + 1,
      not_before = now() + make_interval(secs => least(${secondsMax}::float8, power(2, least(attempts, 20))))
    where seq = ${seq}`.execute(db)
}
