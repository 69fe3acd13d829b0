import type { Db } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import type { Target } from '../binding/binding-store.js'
import type { EnvironmentTable, SecretsDatabase } from '../database.js'

/** What of an environment may be declared: sealed values and references are not read. */
export type DeclarableRow = Pick<
  Selectable<EnvironmentTable>,
  'target_type' | 'target_id' | 'names' | 'plain'
>

/** The next environments that hold anything, in order of target. Served by the primary key. */
export function listDeclarable(
  db: Db<SecretsDatabase>,
  companyId: string,
  { after, rowsMax }: { after: Pick<Target, 'targetType' | 'targetId'> | null; rowsMax: number }
): Promise<DeclarableRow[]> {
  let query = db
    .selectFrom('environments')
    .select(['target_type', 'target_id', 'names', 'plain'])
    .where('company_id', '=', companyId)
    .where(sql<boolean>`names <> '{}'`)
  if (after !== null)
    query = query.where(
      sql<boolean>`(target_type, target_id) > (${after.targetType}, ${after.targetId}::uuid)`
    )
  return query.orderBy('target_type').orderBy('target_id').limit(rowsMax).execute()
}
