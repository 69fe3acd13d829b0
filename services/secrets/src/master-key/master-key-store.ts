import type { Db, Tx } from '@paperclip/db'
import { sql } from 'kysely'
import type { SecretsDatabase } from '../database.js'

/** How many company keys each master key wraps, by id; keys that wrap none are left out. */
export async function countWrapped(db: Db<SecretsDatabase>): Promise<ReadonlyMap<string, number>> {
  const { rows } = await sql<{ id: string; wrapped: number }>`
    select master_key_id as id, count(*)::integer as wrapped from company_keys
    where wrapped is not null group by master_key_id`.execute(db)
  return new Map(rows.map(({ id, wrapped }) => [id, wrapped]))
}

/** A company key as it is wrapped. */
export interface WrappedRow {
  readonly id: string
  readonly company_id: string
  readonly master_key_id: string
  readonly wrapped: Buffer
}

/** Locks the next company keys that other master keys wrap, in the order of their ids; null: from the first. */
export async function lockToRewrap(
  tx: Tx<SecretsDatabase>,
  { masterKeyId, after, rowsMax }: { masterKeyId: string; after: string | null; rowsMax: number }
): Promise<WrappedRow[]> {
  const { rows } = await sql<WrappedRow>`
    select id, company_id, master_key_id, wrapped from company_keys
    where wrapped is not null and master_key_id <> ${masterKeyId} and (${after}::uuid is null or id > ${after}::uuid)
    order by id limit ${rowsMax} for update`.execute(tx)
  return rows
}

/** Replaces how company keys are wrapped. The rows must be locked. */
export async function updateWrapped(
  tx: Tx<SecretsDatabase>,
  masterKeyId: string,
  rows: readonly { id: string; wrapped: Buffer }[]
): Promise<void> {
  await sql`
    update company_keys set master_key_id = ${masterKeyId}, wrapped = fresh.wrapped
    from unnest(${rows.map(({ id }) => id)}::uuid[], ${rows.map(({ wrapped }) => wrapped)}::bytea[])
      as fresh (id, wrapped)
    where company_keys.id = fresh.id`.execute(tx)
}

/** Retires a master key. */
export async function markRetired(tx: Tx<SecretsDatabase>, id: string): Promise<void> {
  await sql`update master_keys set retired_at = clock_timestamp() where id = ${id}`.execute(tx)
}
