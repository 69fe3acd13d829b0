import type { Db } from '@paperclip/db'
import { sql } from 'kysely'
import type { SealedKind } from '../crypto/sealed-place.js'
import type { SecretsDatabase } from '../database.js'

/** One sealed row and where it belongs. */
export interface SealedRow {
  readonly companyId: string
  /** The secret; for kind `env`, the agent or project. */
  readonly secretId: string
  readonly versionId: string
  readonly kind: SealedKind
  readonly sealed: Buffer
}

/** A page of versions that hold a value here, by id, after `afterId`. Served by the primary key. */
export async function listSealedVersions(
  db: Db<SecretsDatabase>,
  { afterId, rowsMax }: { afterId: string; rowsMax: number }
): Promise<SealedRow[]> {
  const { rows } = await sql<SealedRow>`
    select company_id as "companyId", secret_id as "secretId", id as "versionId", 'value' as kind, sealed
    from company_secret_versions where id > ${afterId} and sealed is not null
    order by id limit ${rowsMax}`.execute(db)
  return rows
}

/** A page of environments with sealed plain values, by target, after `afterId`. Read seldom: no index. */
export async function listSealedEnvironments(
  db: Db<SecretsDatabase>,
  { afterId, rowsMax }: { afterId: string; rowsMax: number }
): Promise<SealedRow[]> {
  const { rows } = await sql<SealedRow>`
    select company_id as "companyId", target_id as "secretId", revision_id as "versionId", 'env' as kind, sealed
    from environments where target_id > ${afterId} and sealed is not null
    order by target_id limit ${rowsMax}`.execute(db)
  return rows
}

/** How many versions in use have their value elsewhere. */
export async function countRemoteVersions(db: Db<SecretsDatabase>): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from company_secret_versions
    where external_ref is not null and status in ('current', 'previous', 'disabled')`.execute(db)
  return rows[0]?.count ?? 0
}
