import type { ActivityMetadata, ActivityQuery } from '@paperclip/contracts'
import { newId } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import { type Caller, principalOf } from '../auth/caller.js'
import type { ActivityTable, SecretsDatabase } from '../database.js'

/** A mutation to record: what was done to what, with facts that are not secret. */
export interface Activity {
  readonly companyId: string | null
  readonly action: string
  readonly entityType: string
  readonly entityId: string
  readonly metadata: ActivityMetadata
}

/** Whom a row names. */
export interface ActivityAuthor {
  readonly type: 'user' | 'agent' | 'service' | 'system'
  readonly id: string
  readonly runId: string | null
}

/** The author that a verified caller is. */
export function activityAuthorOf(caller: Caller): ActivityAuthor {
  return { ...principalOf(caller), runId: caller.actor.runId }
}

/** Records a mutation in its own transaction. Who did it comes from the verified caller, never from a body. */
export function insertActivity(tx: Tx<SecretsDatabase>, caller: Caller, activity: Activity): Promise<void> {
  return insertActivityOf(tx, activityAuthorOf(caller), activity)
}

/** As {@link insertActivity}, for work that is finished for whoever asked for it earlier. */
export function insertActivityOf(
  tx: Tx<SecretsDatabase>,
  author: ActivityAuthor,
  activity: Activity
): Promise<void> {
  return insertActivitiesOf(tx, author, [activity])
}

/** As {@link insertActivityOf}, for several mutations of one transaction; there must be one at least. */
export async function insertActivitiesOf(
  tx: Tx<SecretsDatabase>,
  { type, id, runId }: ActivityAuthor,
  activities: readonly Activity[]
): Promise<void> {
  await tx
    .insertInto('activity_log')
    .values(
      activities.map((activity) => ({
        id: newId(),
        company_id: activity.companyId,
        action: activity.action,
        actor_type: type,
        actor_id: id,
        entity_type: activity.entityType,
        entity_id: activity.entityId,
        run_id: runId,
        metadata: JSON.stringify(activity.metadata)
      }))
    )
    .execute()
}

const viewColumns = [
  'id',
  'company_id',
  'action',
  'actor_type',
  'actor_id',
  'entity_type',
  'entity_id',
  'run_id',
  'metadata',
  'timestamp'
] as const

/** A row as it is shown. */
export type ActivityRow = Pick<Selectable<ActivityTable>, (typeof viewColumns)[number]>

/** Which rows a list shows: one company's, or those of the instance and of deleted companies. */
export type ActivityStream = { companyId: string } | 'instance'

/**
 * One page, newest first, after the row with id `after`. Ids are UUIDs of version 7, so their order is that of
 * time. Served by `activity_log_of_company`.
 */
export function listActivity(
  db: Db<SecretsDatabase>,
  stream: ActivityStream,
  { filter, after, rowsMax }: { filter: ActivityQuery; after: string | null; rowsMax: number }
): Promise<ActivityRow[]> {
  let query = db.selectFrom('activity_log').select(viewColumns)
  query =
    stream === 'instance'
      ? query.where(
          sql<boolean>`(company_id is null or company_id in (select k.company_id from company_keys k where k.shredded_at is not null))`
        )
      : query.where('company_id', '=', stream.companyId)
  if (filter.entityType !== undefined) query = query.where('entity_type', '=', filter.entityType)
  if (filter.entityId !== undefined) query = query.where('entity_id', '=', filter.entityId)
  if (filter.action !== undefined) query = query.where('action', '=', filter.action)
  if (filter.actorId !== undefined) query = query.where('actor_id', '=', filter.actorId)
  if (filter.from !== undefined) query = query.where('timestamp', '>=', new Date(filter.from))
  if (filter.to !== undefined) query = query.where('timestamp', '<', new Date(filter.to))
  if (after !== null) query = query.where('id', '<', after)
  return query.orderBy('id', 'desc').limit(rowsMax).execute()
}
