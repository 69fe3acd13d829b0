import type { ProviderId, VaultConfig, VaultHealth, VaultStatus } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { type Insertable, type Selectable, sql } from 'kysely'
import type { SecretsDatabase, VaultTable } from '../database.js'

/** A vault's row; nothing in it is secret. */
export type VaultRow = Selectable<VaultTable>

/** Names one vault of one company. */
export interface VaultPlace {
  readonly companyId: string
  readonly id: string
}

/** One page of a company's vaults, newest first, after the row with id `after`. Ids sort by time of making. */
export function listVaults(
  db: Db<SecretsDatabase>,
  companyId: string,
  { after, rowsMax }: { after: string | null; rowsMax: number }
): Promise<VaultRow[]> {
  let query = db.selectFrom('company_secret_provider_configs').selectAll().where('company_id', '=', companyId)
  if (after !== null) query = query.where('id', '<', after)
  return query.orderBy('id', 'desc').limit(rowsMax).execute()
}

/** Says whether the company of a row still exists: what is left of a deleted one is history, and not shown. */
const companyLives = sql<boolean>`not exists (
  select from company_keys k
  where k.company_id = company_secret_provider_configs.company_id and k.shredded_at is not null
)`

/** Finds a vault by id among the companies a caller may see; not those of a deleted company. */
export function findVault(
  db: Db<SecretsDatabase>,
  id: string,
  companies: readonly string[] | 'all'
): Promise<VaultRow | undefined> {
  let query = db
    .selectFrom('company_secret_provider_configs')
    .selectAll()
    .where('id', '=', id)
    .where(companyLives)
  if (companies !== 'all')
    query = query.where('company_id', '=', sql<string>`any(${`{${companies.join(',')}}`}::uuid[])`)
  return query.executeTakeFirst()
}

/**
 * Lets one transaction at a time change the vaults of a company and provider, since one's becoming the default is
 * another's end as such. Taken before any row of theirs is locked.
 */
export async function lockVaults(
  tx: Tx<SecretsDatabase>,
  { companyId, provider }: { companyId: string; provider: ProviderId }
): Promise<void> {
  const name = `provider vaults of ${companyId} at ${provider}`
  await sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(tx)
}

/** Locks a vault, so that secrets that are just being put there are waited for, and counted. */
export function lockVault(
  tx: Tx<SecretsDatabase>,
  { companyId, id }: VaultPlace
): Promise<VaultRow | undefined> {
  return tx
    .selectFrom('company_secret_provider_configs')
    .selectAll()
    .where('company_id', '=', companyId)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
}

/** Reads a vault and keeps it from being changed until the transaction ends; others may hold it as well. */
export function holdVaultRow(
  tx: Tx<SecretsDatabase>,
  { companyId, id }: VaultPlace
): Promise<VaultRow | undefined> {
  return tx
    .selectFrom('company_secret_provider_configs')
    .selectAll()
    .where('company_id', '=', companyId)
    .where('id', '=', id)
    .forShare()
    .executeTakeFirst()
}

/** Adds a vault. */
export function insertVault(tx: Tx<SecretsDatabase>, row: Insertable<VaultTable>): Promise<VaultRow> {
  return tx.insertInto('company_secret_provider_configs').values(row).returningAll().executeTakeFirstOrThrow()
}

/** What a change leaves a vault as. */
export interface VaultState {
  readonly displayName: string
  readonly status: VaultStatus
  readonly isDefault: boolean
  readonly config: VaultConfig
}

/**
 * Writes a vault anew. When it was disabled stays what it was for as long as it is disabled; what a health check
 * found of another config is forgotten.
 */
export function updateVault(
  tx: Tx<SecretsDatabase>,
  { companyId, id }: VaultPlace,
  { displayName, status, isDefault, config }: VaultState
): Promise<VaultRow> {
  const json = JSON.stringify(config)
  const unlessChanged = (column: string) => sql`case when config = ${json}::jsonb then ${sql.ref(column)} end`
  return tx
    .updateTable('company_secret_provider_configs')
    .set({
      display_name: displayName,
      status,
      is_default: isDefault,
      config: json,
      health_status: unlessChanged('health_status') as never,
      health_checked_at: unlessChanged('health_checked_at') as never,
      health_message: unlessChanged('health_message') as never,
      health_details: unlessChanged('health_details') as never,
      disabled_at: status === 'disabled' ? sql<Date>`coalesce(disabled_at, now())` : null,
      updated_at: sql`now()`
    })
    .where('company_id', '=', companyId)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Ends another vault's being the default of its provider; gives its id. Call it under {@link lockVaults}. */
export async function clearDefault(
  tx: Tx<SecretsDatabase>,
  { companyId, provider, except }: { companyId: string; provider: ProviderId; except: string }
): Promise<string | null> {
  const row = await tx
    .updateTable('company_secret_provider_configs')
    .set({ is_default: false, updated_at: sql`now()` })
    .where('company_id', '=', companyId)
    .where('provider', '=', provider)
    .where('is_default', '=', true)
    .where('id', '<>', except)
    .returning('id')
    .executeTakeFirst()
  return row?.id ?? null
}

/** How many live secrets have a value in a vault, in whichever version. */
export async function countDependants(
  tx: Tx<SecretsDatabase>,
  { companyId, id }: VaultPlace
): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from company_secrets s
    where s.company_id = ${companyId} and s.deleted_at is null and (
      s.provider_config_id = ${id} or exists (
        select from company_secret_versions v
        where v.secret_id = s.id and v.provider_config_id = ${id} and v.status not in ('destroyed', 'failed')
      )
    )`.execute(tx)
  return rows[0]?.count ?? 0
}

/**
 * Keeps what a health check found, unless the vault has meanwhile become another one than was probed: undefined then.
 * A check is no change, so `updated_at` stays.
 */
export function storeHealth(
  tx: Tx<SecretsDatabase>,
  probed: VaultRow,
  health: VaultHealth
): Promise<VaultRow | undefined> {
  return tx
    .updateTable('company_secret_provider_configs')
    .set({
      health_status: health.status,
      health_checked_at: new Date(health.checkedAt),
      health_message: health.message,
      health_details: JSON.stringify(health.details)
    })
    .where('company_id', '=', probed.company_id)
    .where('id', '=', probed.id)
    .where('status', '=', probed.status)
    .where(sql<boolean>`config = ${JSON.stringify(probed.config)}::jsonb`)
    .returningAll()
    .executeTakeFirst()
}

/** Disables every vault of a company that is deleted; the rows stay, since remote secrets may still be removed by them. */
export async function disableVaultsOf(tx: Tx<SecretsDatabase>, companyId: string): Promise<void> {
  await sql`
    update company_secret_provider_configs
    set status = 'disabled', is_default = false, disabled_at = now(), updated_at = now()
    where company_id = ${companyId} and status <> 'disabled'`.execute(tx)
}

/** Says whether what lies in a vault is left alone, because the vault is disabled. */
export async function isVaultDisabled(
  tx: Tx<SecretsDatabase>,
  { companyId, id }: { companyId: string; id: string | null }
): Promise<boolean> {
  if (id === null) return false
  const vault = await tx
    .selectFrom('company_secret_provider_configs')
    .select('status')
    .where('company_id', '=', companyId)
    .where('id', '=', id)
    .executeTakeFirst()
  return vault?.status === 'disabled'
}
