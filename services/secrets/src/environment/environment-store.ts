import { newId } from '@paperclip/contracts'
import { type Db, type Tx, textArray, uuidArray } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import type { Target } from '../binding/binding-store.js'
import type { EnvironmentTable, SecretsDatabase } from '../database.js'

/** What is stored of an environment besides its references. */
export type EnvironmentRow = Pick<Selectable<EnvironmentTable>, 'revision_id' | 'names' | 'plain' | 'sealed'>

const columns = ['revision_id', 'names', 'plain', 'sealed'] as const

/** Finds an environment. Served by the primary key. */
export function findEnvironment(
  db: Db<SecretsDatabase>,
  target: Target
): Promise<EnvironmentRow | undefined> {
  return db
    .selectFrom('environments')
    .select(columns)
    .where('company_id', '=', target.companyId)
    .where('target_type', '=', target.targetType)
    .where('target_id', '=', target.targetId)
    .executeTakeFirst()
}

/** Locks an environment, making an empty one first, so that two writers of a new one also wait for each other. */
export async function lockEnvironment(tx: Tx<SecretsDatabase>, target: Target): Promise<EnvironmentRow> {
  await tx
    .insertInto('environments')
    .values({
      company_id: target.companyId,
      target_type: target.targetType,
      target_id: target.targetId,
      revision_id: newId(),
      names: sql`'{}'::text[]`,
      plain: '{}',
      sealed: null
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return tx
    .selectFrom('environments')
    .select(columns)
    .where('company_id', '=', target.companyId)
    .where('target_type', '=', target.targetType)
    .where('target_id', '=', target.targetId)
    .forUpdate()
    .executeTakeFirstOrThrow()
}

/** Writes a locked environment. */
export async function updateEnvironment(
  tx: Tx<SecretsDatabase>,
  target: Target,
  { revision_id, names, plain, sealed }: EnvironmentRow
): Promise<void> {
  await sql`
    update environments
    set revision_id = ${revision_id}, names = ${textArray(names)}::text[], plain = ${plain}, sealed = ${sealed},
        updated_at = now()
    where company_id = ${target.companyId} and target_type = ${target.targetType}
      and target_id = ${target.targetId}`.execute(tx)
}

/** Removes an environment. */
export async function deleteEnvironment(tx: Tx<SecretsDatabase>, target: Target): Promise<void> {
  await tx
    .deleteFrom('environments')
    .where('company_id', '=', target.companyId)
    .where('target_type', '=', target.targetType)
    .where('target_id', '=', target.targetId)
    .execute()
}

/** Removes all environments of a company. */
export async function deleteEnvironmentsOf(tx: Tx<SecretsDatabase>, companyId: string): Promise<void> {
  await tx.deleteFrom('environments').where('company_id', '=', companyId).execute()
}

/** A secret that some reference names, and which of the wanted versions it has. */
export interface ReferencedSecret {
  readonly id: string
  readonly key: string
  readonly latest_version: number
  /** Numbers of versions that still have material. */
  readonly versions: number[]
}

/**
 * Finds the live secrets of one company that are named by id or by key, and holds them against deletion until the
 * transaction ends. In order of id, so that two writers never wait for each other in a circle.
 */
export async function lockReferencedSecrets(
  tx: Tx<SecretsDatabase>,
  companyId: string,
  { ids, keys }: { ids: readonly string[]; keys: readonly string[] }
): Promise<ReferencedSecret[]> {
  const { rows } = await sql<ReferencedSecret>`
    select s.id, s.key, s.latest_version,
      array(
        select v.version from company_secret_versions v
        where v.secret_id = s.id and v.company_id = s.company_id and v.version is not null and v.status <> 'destroyed'
      ) as versions
    from company_secrets s
    where s.company_id = ${companyId} and s.deleted_at is null and s.latest_version > 0
      and (s.id = any(${uuidArray(ids)}::uuid[]) or s.key = any(${textArray(keys)}::text[]))
    order by s.id
    for share of s`.execute(tx)
  return rows
}
