import { type Db, type Tx, textArray } from '@paperclip/db'
import { type Insertable, sql } from 'kysely'
import type { SecretsDatabase, SecretTable, VersionTable } from '../database.js'

/** A live secret that a row may collide with. */
export interface TakenSecret {
  readonly id: string
  readonly key: string
  readonly name: string
  /** What it links through the vault in question; null for any other secret. */
  readonly linked_ref: string | null
  /** False while its first value is not known to be written: it has its name and key, and is shown nowhere. */
  readonly is_shown: boolean
}

/** What rows want for themselves. `remoteNames`: parts of references, one of which each reference contains. */
export interface WantedPlaces {
  readonly companyId: string
  readonly vaultId: string
  readonly names: readonly string[]
  readonly keys: readonly string[]
  readonly remoteNames: readonly string[]
}

/**
 * Finds the live secrets of a company that have one of these names or keys, or link something whose reference holds
 * one of these remote names. Served by the unique indexes on name and key, and by `company_secrets_in_vault`.
 */
export async function findTaken(db: Db<SecretsDatabase>, wanted: WantedPlaces): Promise<TakenSecret[]> {
  const { companyId, vaultId, names, keys, remoteNames } = wanted
  const { rows } = await sql<TakenSecret>`
    select id, key, name, latest_version > 0 as is_shown,
      case when provider_config_id = ${vaultId} and managed_mode = 'external_reference'
        then external_ref end as linked_ref
    from company_secrets
    where company_id = ${companyId} and deleted_at is null and (
      name = any(${textArray(names)}::text[])
      or key = any(${textArray(keys)}::text[])
      or (provider_config_id = ${vaultId} and managed_mode = 'external_reference' and exists (
        select from unnest(${textArray(remoteNames)}::text[]) as remote (name)
        where position(remote.name in external_ref) > 0
      ))
    )`.execute(db)
  return rows
}

/** Lets one import of a company at a time decide what is new. */
export async function lockImports(tx: Tx<SecretsDatabase>, companyId: string): Promise<void> {
  const name = `remote imports of ${companyId}`
  await sql`select pg_advisory_xact_lock(hashtextextended(${name}, 0))`.execute(tx)
}

/** Adds secrets, but for those whose name or key somebody else has just taken; gives the ids of those that were added. */
export async function insertNewSecrets(
  tx: Tx<SecretsDatabase>,
  rows: readonly Insertable<SecretTable>[]
): Promise<ReadonlySet<string>> {
  if (rows.length === 0) return new Set()
  const added = await tx
    .insertInto('company_secrets')
    .values([...rows])
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .execute()
  return new Set(added.map(({ id }) => id))
}

/** Adds the first versions of new secrets. */
export async function insertFirstVersions(
  tx: Tx<SecretsDatabase>,
  rows: readonly Insertable<VersionTable>[]
): Promise<void> {
  if (rows.length === 0) return
  await tx
    .insertInto('company_secret_versions')
    .values([...rows])
    .execute()
}
