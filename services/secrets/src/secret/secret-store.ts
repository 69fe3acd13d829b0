import type { SecretQuery } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { type Insertable, type Selectable, sql, type Updateable } from 'kysely'
import type { SecretsDatabase, SecretTable } from '../database.js'
import type { PlacedValue } from '../provider/provider.js'

/** A secret's row; nothing sealed lies in it. */
export type SecretRow = Selectable<SecretTable>

/** A row with the number of environments that refer to it. */
export type CountedSecretRow = SecretRow & { reference_count: number }

const referenceCount = sql<number>`(
  select count(*) from company_secret_bindings b where b.secret_id = company_secrets.id
)`.as('reference_count')

/** A secret is one once its first value is known to be written: before, it is shown nowhere. */
const isWritten = sql<boolean>`company_secrets.latest_version > 0`

/** One page of live secrets, newest first, after the row with id `after`. Ids sort by time of making. */
export function listSecrets(
  db: Db<SecretsDatabase>,
  companyId: string,
  { filter, after, rowsMax }: { filter: SecretQuery; after: string | null; rowsMax: number }
): Promise<CountedSecretRow[]> {
  let query = db
    .selectFrom('company_secrets')
    .selectAll()
    .select(referenceCount)
    .where('company_id', '=', companyId)
    .where('deleted_at', 'is', null)
    .where(isWritten)
  if (filter.status !== undefined) query = query.where('status', '=', filter.status)
  if (filter.provider !== undefined) query = query.where('provider', '=', filter.provider)
  if (filter.query !== undefined) {
    const pattern = `%${filter.query.replaceAll(/[\\%_]/g, '\\$&')}%`
    query = query.where((where) =>
      where.or([
        where('name', 'ilike', pattern),
        where('key', 'ilike', pattern),
        where('description', 'ilike', pattern)
      ])
    )
  }
  if (after !== null) query = query.where('id', '<', after)
  return query.orderBy('id', 'desc').limit(rowsMax).execute()
}

/** Names and keys of live secrets, newest first; only those bound to some targets when these are given. */
export function listCatalog(
  db: Db<SecretsDatabase>,
  companyId: string,
  { boundTo, after, rowsMax }: { boundTo: readonly string[] | null; after: string | null; rowsMax: number }
): Promise<Pick<SecretRow, 'id' | 'name' | 'key' | 'status'>[]> {
  let query = db
    .selectFrom('company_secrets')
    .select(['id', 'name', 'key', 'status'])
    .where('company_id', '=', companyId)
    .where('deleted_at', 'is', null)
    .where(isWritten)
  if (boundTo !== null)
    query = query.where('id', 'in', (inner) =>
      inner
        .selectFrom('company_secret_bindings')
        .select('secret_id')
        .where('company_id', '=', companyId)
        .where('target_id', '=', sql<string>`any(${`{${boundTo.join(',')}}`}::uuid[])`)
    )
  if (after !== null) query = query.where('id', '<', after)
  return query.orderBy('id', 'desc').limit(rowsMax).execute()
}

/** Finds a secret by id among the companies a caller may see; deleted ones only when asked for. */
export function findSecret(
  db: Db<SecretsDatabase>,
  id: string,
  { companies, deleted }: { companies: readonly string[] | 'all'; deleted: 'hidden' | 'shown' }
): Promise<CountedSecretRow | undefined> {
  let query = db
    .selectFrom('company_secrets')
    .selectAll()
    .select(referenceCount)
    .where('id', '=', id)
    .where(isWritten)
  if (companies !== 'all')
    query = query.where('company_id', '=', sql<string>`any(${`{${companies.join(',')}}`}::uuid[])`)
  if (deleted === 'hidden') query = query.where('deleted_at', 'is', null)
  return query.executeTakeFirst()
}

/** Locks a live secret, so that rotations, deletions and new bindings of it wait for each other. */
export function lockSecret(
  tx: Tx<SecretsDatabase>,
  { companyId, id }: { companyId: string; id: string }
): Promise<SecretRow | undefined> {
  return tx
    .selectFrom('company_secrets')
    .selectAll()
    .where('company_id', '=', companyId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .where(isWritten)
    .forUpdate()
    .executeTakeFirst()
}

/** Locks a secret whatever it is: deleted, or still without a value. */
export function lockSecretAsItIs(
  tx: Tx<SecretsDatabase>,
  { companyId, id }: { companyId: string; id: string }
): Promise<SecretRow> {
  return tx
    .selectFrom('company_secrets')
    .selectAll()
    .where('company_id', '=', companyId)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirstOrThrow()
}

/** A row with the number of environments that refer to it. */
export async function countReferences(tx: Tx<SecretsDatabase>, secret: SecretRow): Promise<CountedSecretRow> {
  const place = { companyId: secret.company_id, id: secret.id }
  return { ...secret, reference_count: await countBindings(tx, place) }
}

/** Adds a secret. Violates `company_secrets_name_taken` or `company_secrets_key_taken`. */
export function insertSecret(tx: Tx<SecretsDatabase>, row: Insertable<SecretTable>): Promise<SecretRow> {
  return tx.insertInto('company_secrets').values(row).returningAll().executeTakeFirstOrThrow()
}

/** Makes a version the latest one, and its place the one that is shown. */
export function updateLatestVersion(
  tx: Tx<SecretsDatabase>,
  { companyId, id }: { companyId: string; id: string },
  { version, place }: { version: number; place: Pick<PlacedValue, 'externalRef' | 'providerConfigId'> }
): Promise<CountedSecretRow> {
  return tx
    .updateTable('company_secrets')
    .set({
      latest_version: version,
      external_ref: place.externalRef,
      provider_config_id: place.providerConfigId,
      ...(version === 1 ? {} : { last_rotated_at: sql<Date>`now()` }),
      updated_at: sql`now()`
    })
    .where('company_id', '=', companyId)
    .where('id', '=', id)
    .returningAll()
    .returning(referenceCount)
    .executeTakeFirstOrThrow()
}

/** Writes changed members. Violates `company_secrets_name_taken` or `company_secrets_key_taken`. */
export function updateSecret(
  tx: Tx<SecretsDatabase>,
  { companyId, id }: { companyId: string; id: string },
  changes: Pick<Updateable<SecretTable>, 'name' | 'key' | 'description' | 'status'>
): Promise<CountedSecretRow> {
  return tx
    .updateTable('company_secrets')
    .set({ ...changes, updated_at: sql`now()` })
    .where('company_id', '=', companyId)
    .where('id', '=', id)
    .returningAll()
    .returning(referenceCount)
    .executeTakeFirstOrThrow()
}

/** Marks a secret as deleted: hidden, its name and key free, its history kept. */
export function markSecretDeleted(
  tx: Tx<SecretsDatabase>,
  { companyId, id }: { companyId: string; id: string }
): Promise<CountedSecretRow> {
  return tx
    .updateTable('company_secrets')
    .set({ status: 'deleted', deleted_at: sql`now()`, updated_at: sql`now()` })
    .where('company_id', '=', companyId)
    .where('id', '=', id)
    .returningAll()
    .returning(referenceCount)
    .executeTakeFirstOrThrow()
}

/**
 * Marks all secrets of a company as deleted: hidden, their history kept for the instance's admins. Gives the ids of
 * those that were not, which stay locked.
 */
export async function deleteSecretsOf(tx: Tx<SecretsDatabase>, companyId: string): Promise<string[]> {
  const rows = await tx
    .updateTable('company_secrets')
    .set({ status: 'deleted', deleted_at: sql`now()`, updated_at: sql`now()` })
    .where('company_id', '=', companyId)
    .where('deleted_at', 'is', null)
    .returning('id')
    .execute()
  return rows.map(({ id }) => id)
}

/** How many environments refer to a secret. Served by `company_secret_bindings_of_secret`. */
export async function countBindings(
  tx: Tx<SecretsDatabase>,
  { companyId, id }: { companyId: string; id: string }
): Promise<number> {
  const row = await tx
    .selectFrom('company_secret_bindings')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('company_id', '=', companyId)
    .where('secret_id', '=', id)
    .executeTakeFirstOrThrow()
  return row.count
}

/** Notes that secrets were resolved, at most once a minute each; rows in use elsewhere are left for later. */
export async function touchResolved(db: Db<SecretsDatabase>, ids: readonly string[]): Promise<void> {
  await sql`
    update company_secrets set last_resolved_at = now() where id in (
      select id from company_secrets
      where id = any(${`{${ids.join(',')}}`}::uuid[])
        and (last_resolved_at is null or last_resolved_at < now() - interval '60 seconds')
      order by id for update skip locked
    )`.execute(db)
}
