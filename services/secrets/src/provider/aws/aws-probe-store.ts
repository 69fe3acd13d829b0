import type { Db } from '@paperclip/db'
import { type SqlBool, sql } from 'kysely'
import type { SecretsDatabase } from '../../database.js'

/** Whether AWS took no tags of the newest secret that a company made in a vault, or, for null, without one. */
export async function isLastUntagged(
  db: Db<SecretsDatabase>,
  { companyId, vaultId }: { companyId: string; vaultId: string | null }
): Promise<boolean> {
  const newest = await db
    .selectFrom('company_secret_versions as v')
    .innerJoin('company_secrets as s', 's.id', 'v.secret_id')
    .select('v.tagged')
    .where('s.company_id', '=', companyId)
    .where('s.provider', '=', 'aws_secrets_manager')
    .where('v.provider_config_id', vaultId === null ? 'is' : '=', vaultId)
    .where('v.tagged', 'is not', null)
    .orderBy('v.id', 'desc')
    .limit(1)
    .executeTakeFirst()
  return newest?.tagged === false
}

/** Whether any vault of any company leads to AWS. */
export async function hasVaults(db: Db<SecretsDatabase>): Promise<boolean> {
  const vault = await db
    .selectFrom('company_secret_provider_configs')
    .select('id')
    .where('provider', '=', 'aws_secrets_manager')
    .where('status', '<>', 'disabled')
    .limit(1)
    .executeTakeFirst()
  return vault !== undefined
}

/** Whether several companies keep secrets or vaults here. */
export async function hasSeveralCompanies(db: Db<SecretsDatabase>): Promise<boolean> {
  const { rows } = await sql<{ several: SqlBool }>`
    with kept as not materialized (
      select company_id from company_secrets where deleted_at is null
      union all
      select company_id from company_secret_provider_configs where status <> 'disabled'
    )
    select exists (
      select from kept where company_id <> (select company_id from kept limit 1)
    ) as several`.execute(db)
  return rows[0]?.several === true
}
