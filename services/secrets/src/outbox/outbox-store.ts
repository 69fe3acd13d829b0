import type { OutboxItem } from '@paperclip/contracts'
import type { Tx } from '@paperclip/db'
import type { SecretsDatabase } from '../database.js'

/** Takes an item's id; false when it was applied before. */
export async function claimItem(tx: Tx<SecretsDatabase>, id: string): Promise<boolean> {
  const row = await tx
    .insertInto('applied_outbox_items')
    .values({ id })
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Writes an activity row as the gateway recorded it, with the gateway's id and time. */
export async function insertDelivered(
  tx: Tx<SecretsDatabase>,
  id: string,
  activity: NonNullable<OutboxItem['activity']>
): Promise<void> {
  await tx
    .insertInto('activity_log')
    .values({
      id,
      company_id: activity.companyId,
      action: activity.action,
      actor_type: activity.actorType,
      actor_id: activity.actorId,
      entity_type: activity.entityType,
      entity_id: activity.entityId,
      run_id: activity.runId,
      metadata: JSON.stringify(activity.metadata),
      timestamp: new Date(activity.timestamp)
    })
    .execute()
}
