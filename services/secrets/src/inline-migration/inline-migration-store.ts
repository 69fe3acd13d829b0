import type { Db, Tx } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import type { Target } from '../binding/binding-store.js'
import type { EnvironmentTable, SecretsDatabase } from '../database.js'
import type { EnvironmentRow } from '../environment/environment-store.js'

/** Where a walk over the environments of a company stands. */
export type EnvironmentPosition = Pick<Target, 'targetType' | 'targetId'>

/** An environment that holds plain values, and whose it is. */
export type PlacedEnvironment = EnvironmentRow &
  Pick<Selectable<EnvironmentTable>, 'target_type' | 'target_id'>

const holdsValues = sql<boolean>`(sealed is not null or plain <> '{}')`

function isAfter(after: EnvironmentPosition | null) {
  return after === null
    ? sql<boolean>`true`
    : sql<boolean>`(target_type, target_id) > (${after.targetType}, ${after.targetId}::uuid)`
}

/** The next environments with plain values, in order of target. Served by the primary key. */
export function listEnvironmentsAfter(
  db: Db<SecretsDatabase>,
  companyId: string,
  { after, rowsMax }: { after: EnvironmentPosition | null; rowsMax: number }
): Promise<PlacedEnvironment[]> {
  return db
    .selectFrom('environments')
    .select(['target_type', 'target_id', 'revision_id', 'names', 'plain', 'sealed'])
    .where('company_id', '=', companyId)
    .where(holdsValues)
    .where(isAfter(after))
    .orderBy('target_type')
    .orderBy('target_id')
    .limit(rowsMax)
    .execute()
}

/** How many environments with plain values are still to come. */
export async function countEnvironmentsAfter(
  db: Db<SecretsDatabase>,
  companyId: string,
  after: EnvironmentPosition | null
): Promise<number> {
  const row = await db
    .selectFrom('environments')
    .select((select) => select.fn.countAll<number>().as('count'))
    .where('company_id', '=', companyId)
    .where(holdsValues)
    .where(isAfter(after))
    .executeTakeFirstOrThrow()
  return row.count
}

/** Locks an environment that is there; undefined when it has gone. Writers of it wait for each other. */
export function lockPresentEnvironment(
  tx: Tx<SecretsDatabase>,
  target: Target
): Promise<EnvironmentRow | undefined> {
  return tx
    .selectFrom('environments')
    .select(['revision_id', 'names', 'plain', 'sealed'])
    .where('company_id', '=', target.companyId)
    .where('target_type', '=', target.targetType)
    .where('target_id', '=', target.targetId)
    .forUpdate()
    .executeTakeFirst()
}
