import type { Db, Tx } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import type { CompanyKeyTable, MasterKeyTable, SecretsDatabase } from '../database.js'

/** A master key as it is stored: how its id was derived, and when it began and ceased to count. */
export type MasterKeyRow = Selectable<MasterKeyTable>

/** Every master key, the retired ones too; the newest activated first, those that never were last. */
export function listMasterKeys(db: Db<SecretsDatabase>): Promise<MasterKeyRow[]> {
  return db
    .selectFrom('master_keys')
    .selectAll()
    .orderBy('activated_at', (order) => order.desc().nullsLast())
    .orderBy('created_at', 'desc')
    .execute()
}

/** Which of the keys wraps: the newest activated one that is not retired. */
export function activeKeyOf(keys: readonly MasterKeyRow[]): MasterKeyRow | undefined {
  return keys.find((key) => key.activated_at !== null && key.retired_at === null)
}

/** The id of the key that wraps. A handful of rows: no index. */
export async function findActiveMasterKeyId(db: Db<SecretsDatabase>): Promise<string | undefined> {
  const { rows } = await sql<{ id: string }>`
    select id from master_keys where activated_at is not null and retired_at is null
    order by activated_at desc limit 1`.execute(db)
  return rows[0]?.id
}

/**
 * Holds the set of master keys, and which of them wraps, until the transaction ends: `to use` it, beside others who
 * do, or `to change` it, alone. Readers wait for neither. What is read after it, in a statement of its own, is true.
 */
export async function lockMasterKeys(
  tx: Tx<SecretsDatabase>,
  purpose: 'to use' | 'to change'
): Promise<void> {
  const mode = purpose === 'to use' ? sql`share` : sql`share row exclusive`
  await sql`lock table master_keys in ${mode} mode`.execute(tx)
}

/** Adds a master key; `salt` and `iterations` are what its id was derived with. */
export async function insertMasterKey(
  tx: Tx<SecretsDatabase>,
  key: { id: string; salt: Buffer; iterations: number }
): Promise<void> {
  await sql`
    insert into master_keys (id, salt, iterations) values (${key.id}, ${key.salt}, ${key.iterations})`.execute(
    tx
  )
}

/**
 * Makes a master key the one that wraps. Later than any activation before, since changes take turns; also when the
 * database's clock has been set back since, or the database has moved to a machine whose clock is behind.
 */
export async function activateMasterKey(tx: Tx<SecretsDatabase>, id: string): Promise<void> {
  await sql`
    update master_keys set activated_at = greatest(
      clock_timestamp(), (select max(activated_at) + interval '1 microsecond' from master_keys)
    ) where id = ${id}`.execute(tx)
}

/** The ids of the master keys that stored company keys are wrapped with. */
export async function listMasterKeysInUse(db: Db<SecretsDatabase>): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select distinct master_key_id as id from company_keys where wrapped is not null`.execute(db)
  return rows.map((row) => row.id)
}

/** A company's key row, its tombstone included, and whether the master key that wraps it is retired. */
export type CompanyKeyRow = Selectable<CompanyKeyTable> & { master_key_retired_at: Date | null }

/** Finds it. Served by the unique index on `company_id`. */
export function findCompanyKey(
  db: Db<SecretsDatabase>,
  companyId: string
): Promise<CompanyKeyRow | undefined> {
  return db
    .selectFrom('company_keys')
    .leftJoin('master_keys', 'master_keys.id', 'company_keys.master_key_id')
    .selectAll('company_keys')
    .select('master_keys.retired_at as master_key_retired_at')
    .where('company_id', '=', companyId)
    .executeTakeFirst()
}

/** Adds a company's key unless it has one, or a tombstone. */
export async function insertCompanyKey(
  tx: Tx<SecretsDatabase>,
  row: { id: string; company_id: string; master_key_id: string; wrapped: Buffer }
): Promise<void> {
  await tx
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
