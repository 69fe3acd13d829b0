import type { TargetType } from '@paperclip/contracts'
import { newId } from '@paperclip/contracts'
import { type Db, intArray, type Tx, textArray, uuidArray } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import type { BindingTable, SecretsDatabase } from '../database.js'

/** An environment: of an agent or a project, in a company. */
export interface Target {
  readonly companyId: string
  readonly targetType: TargetType
  readonly targetId: string
}

/** One reference of an environment; `version` null follows the latest. */
export interface Reference {
  readonly name: string
  readonly secretId: string
  readonly version: number | null
}

/** The references of one environment, by name. Served by the primary key. */
export async function listBindings(db: Db<SecretsDatabase>, target: Target): Promise<Reference[]> {
  const rows = await db
    .selectFrom('company_secret_bindings')
    .select(['config_path', 'secret_id', 'version'])
    .where('company_id', '=', target.companyId)
    .where('target_type', '=', target.targetType)
    .where('target_id', '=', target.targetId)
    .execute()
  return rows.map((row) => ({
    name: row.config_path.slice('env.'.length),
    secretId: row.secret_id,
    version: row.version
  }))
}

/** Replaces the references of one environment, under its lock. */
export async function replaceBindings(
  tx: Tx<SecretsDatabase>,
  target: Target,
  references: readonly Reference[]
): Promise<void> {
  await deleteBindings(tx, target)
  await insertBindings(tx, target, references)
}

/** Adds references of one environment, under its lock; their names must be free. */
export async function insertBindings(
  tx: Tx<SecretsDatabase>,
  target: Target,
  references: readonly Reference[]
): Promise<void> {
  if (references.length === 0) return
  await sql`
    insert into company_secret_bindings (id, company_id, target_type, target_id, config_path, secret_id, version)
    select r.id, ${target.companyId}, ${target.targetType}, ${target.targetId}, 'env.' || r.name, r.secret_id, r.version
    from unnest(
      ${uuidArray(references.map(() => newId()))}::uuid[],
      ${textArray(references.map((reference) => reference.name))}::text[],
      ${uuidArray(references.map((reference) => reference.secretId))}::uuid[],
      ${intArray(references.map((reference) => reference.version))}::int[]
    ) as r (id, name, secret_id, version)`.execute(tx)
}

/** Removes all references of a company. */
export async function deleteBindingsOf(tx: Tx<SecretsDatabase>, companyId: string): Promise<void> {
  await tx.deleteFrom('company_secret_bindings').where('company_id', '=', companyId).execute()
}

/** Removes the references of one environment. */
export async function deleteBindings(tx: Tx<SecretsDatabase>, target: Target): Promise<void> {
  await tx
    .deleteFrom('company_secret_bindings')
    .where('company_id', '=', target.companyId)
    .where('target_type', '=', target.targetType)
    .where('target_id', '=', target.targetId)
    .execute()
}

/** Where a secret is bound, by target. Served by `company_secret_bindings_of_secret`. */
export function listUsage(
  db: Db<SecretsDatabase>,
  { companyId, secretId, rowsMax }: { companyId: string; secretId: string; rowsMax: number }
): Promise<Selectable<BindingTable>[]> {
  return db
    .selectFrom('company_secret_bindings')
    .selectAll()
    .where('company_id', '=', companyId)
    .where('secret_id', '=', secretId)
    .orderBy('id')
    .limit(rowsMax)
    .execute()
}

/** How many entries are pinned to a version of a secret that is older than a number. */
export async function countPinsBefore(
  db: Db<SecretsDatabase>,
  { companyId, secretId, version }: { companyId: string; secretId: string; version: number }
): Promise<number> {
  const row = await db
    .selectFrom('company_secret_bindings')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('company_id', '=', companyId)
    .where('secret_id', '=', secretId)
    .where('version', '<', version)
    .executeTakeFirstOrThrow()
  return row.count
}
