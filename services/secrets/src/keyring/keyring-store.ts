import type { Db, Tx } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import type { CompanyKeyTable, MasterKeyTable, SecretsDatabase } from '../database.js'

/** Every master key that is not retired, the newest activated first. */
export function listMasterKeys(db: Db<SecretsDatabase>): Promise<Selectable<MasterKeyTable>[]> {
  return db
    .selectFrom('master_keys')
    .selectAll()
    .where('retired_at', 'is', null)
    .orderBy('activated_at', (order) => order.desc().nullsLast())
    .execute()
}

/** Keeps every other process from reading or adding master keys until the transaction ends. */
export async function lockMasterKeys(tx: Tx<SecretsDatabase>): Promise<void> {
  await sql`lock table master_keys in share row exclusive mode`.execute(tx)
}

/** Adds an activated master key; `salt` and `iterations` are what its id was derived with. */
export async function insertMasterKey(
  tx: Tx<SecretsDatabase>,
  key: { id: string; salt: Buffer; iterations: number }
): Promise<void> {
  await sql`
    insert into master_keys (id, salt, iterations, activated_at)
    values (${key.id}, ${key.salt}, ${key.iterations}, now())`.execute(tx)
}

/** The ids of the master keys that stored company keys are wrapped with. */
export async function listMasterKeysInUse(db: Db<SecretsDatabase>): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select distinct master_key_id as id from company_keys where wrapped is not null`.execute(db)
  return rows.map((row) => row.id)
}

/** A company's key row, its tombstone included. Served by the unique index on `company_id`. */
export function findCompanyKey(
  db: Db<SecretsDatabase>,
  companyId: string
): Promise<Selectable<CompanyKeyTable> | undefined> {
  return db.selectFrom('company_keys').selectAll().where('company_id', '=', companyId).executeTakeFirst()
}

/** Adds a company's key unless it has one, or a tombstone. */
export async function insertCompanyKey(
  db: Db<SecretsDatabase>,
  row: { id: string; company_id: string; master_key_id: string; wrapped: Buffer }
): Promise<void> {
  await db
    .insertInto('company_keys')
    .values(row)
    .onConflict((conflict) => conflict.column('company_id').doNothing())
    .execute()
}

/** Destroys a company's key and leaves the tombstone, also for a company that never had a key. */
export async function shredCompanyKey(
  tx: Tx<SecretsDatabase>,
  row: { id: string; companyId: string }
): Promise<void> {
  await sql`
    insert into company_keys (id, company_id, master_key_id, wrapped, shredded_at)
    values (${row.id}, ${row.companyId}, null, null, now())
    on conflict (company_id) do update
      set wrapped = null, master_key_id = null, shredded_at = coalesce(company_keys.shredded_at, now())`.execute(
    tx
  )
}

/** The key that authenticates page cursors, shared by all processes of the instance. */
export async function getCursorKey(db: Db<SecretsDatabase>): Promise<Buffer> {
  const row = await db.selectFrom('instance_settings').select('cursor_key').executeTakeFirstOrThrow()
  return row.cursor_key
}
