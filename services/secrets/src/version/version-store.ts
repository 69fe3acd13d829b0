import type { Db, Tx } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import type { SecretsDatabase, VersionTable } from '../database.js'
import type { PlacedValue, ValuePlace } from '../provider/provider.js'

const listedColumns = [
  'version',
  'status',
  'created_at',
  'created_by_user_id',
  'created_by_agent_id',
  'provider_version_ref'
] as const

/** A version as it is listed: never its sealed bytes. */
export type VersionRow = Pick<Selectable<VersionTable>, (typeof listedColumns)[number]>

/** One version of a secret, by its number. */
export interface VersionPlace {
  readonly companyId: string
  readonly secretId: string
  readonly version: number
}

interface NewVersion {
  place: ValuePlace
  version: number
  stored: PlacedValue
  author: { created_by_user_id: string | null; created_by_agent_id: string | null }
}

/** Adds a version as the current one; the former one must have been retired in this transaction. */
export async function insertVersion(
  tx: Tx<SecretsDatabase>,
  { place, version, stored, author }: NewVersion
): Promise<void> {
  await tx
    .insertInto('company_secret_versions')
    .values({
      id: place.versionId,
      company_id: place.companyId,
      secret_id: place.secretId,
      version,
      status: 'current',
      sealed: stored.sealed,
      fingerprint: null,
      external_ref: stored.externalRef,
      provider_version_ref: stored.providerVersionRef,
      provider_config_id: stored.providerConfigId,
      ...author
    })
    .execute()
}

/** Makes the current version a previous one; one that was disabled stays so. */
export async function retireCurrentVersion(
  tx: Tx<SecretsDatabase>,
  { companyId, secretId }: Pick<ValuePlace, 'companyId' | 'secretId'>
): Promise<void> {
  await sql`
    update company_secret_versions set status = 'previous'
    where company_id = ${companyId} and secret_id = ${secretId} and status = 'current'`.execute(tx)
}

/** Removes the material of every version for good; the rows stay as history. */
export async function destroyVersions(
  tx: Tx<SecretsDatabase>,
  { companyId, secretId }: Pick<ValuePlace, 'companyId' | 'secretId'>
): Promise<void> {
  await sql`
    update company_secret_versions set status = 'destroyed', sealed = null, fingerprint = null
    where company_id = ${companyId} and secret_id = ${secretId} and version is not null`.execute(tx)
}

/** Finds one version. Served by the unique index on secret and version. */
export function findVersion(
  db: Db<SecretsDatabase>,
  { companyId, secretId, version }: VersionPlace
): Promise<VersionRow | undefined> {
  return db
    .selectFrom('company_secret_versions')
    .select(listedColumns)
    .where('company_id', '=', companyId)
    .where('secret_id', '=', secretId)
    .where('version', '=', version)
    .executeTakeFirst()
}

/** Sets the status of a version, under the lock of its secret. A destroyed one loses its material in the same statement. */
export function updateVersionStatus(
  tx: Tx<SecretsDatabase>,
  { companyId, secretId, version }: VersionPlace,
  status: 'current' | 'previous' | 'disabled' | 'destroyed'
): Promise<VersionRow> {
  return tx
    .updateTable('company_secret_versions')
    .set({ status, ...(status === 'destroyed' ? { sealed: null, fingerprint: null } : {}) })
    .where('company_id', '=', companyId)
    .where('secret_id', '=', secretId)
    .where('version', '=', version)
    .where('status', '<>', 'destroyed')
    .returning(listedColumns)
    .executeTakeFirstOrThrow()
}

/** One page of a secret's versions, newest first. Served by the unique index on secret and version. */
export function listVersions(
  db: Db<SecretsDatabase>,
  { companyId, secretId }: Pick<ValuePlace, 'companyId' | 'secretId'>,
  { after, rowsMax }: { after: number | null; rowsMax: number }
): Promise<VersionRow[]> {
  let query = db
    .selectFrom('company_secret_versions')
    .select(listedColumns)
    .where('company_id', '=', companyId)
    .where('secret_id', '=', secretId)
    .where('version', 'is not', null)
  if (after !== null) query = query.where('version', '<', after)
  return query.orderBy('version', 'desc').limit(rowsMax).execute()
}
