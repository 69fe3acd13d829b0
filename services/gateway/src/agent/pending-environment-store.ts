import type { Db, Tx } from '@paperclip/db'
import { sql } from 'kysely'
import type { GatewayDatabase } from '../database.js'

/** An environment at the secrets service whose agent is yet to come. */
export interface PendingEnvironment {
  agentId: string
  companyId: string
}

/** Notes that an environment is about to be written for an agent that does not exist yet. */
export async function insertPendingEnvironment(
  db: Db<GatewayDatabase>,
  { agentId, companyId }: PendingEnvironment
): Promise<void> {
  await db
    .insertInto('pending_agent_environments')
    .values({ agent_id: agentId, company_id: companyId })
    .execute()
}

/** Takes the note away; false when the sweep came first. */
export async function deletePendingEnvironment(db: Db<GatewayDatabase>, agentId: string): Promise<boolean> {
  const result = await db
    .deleteFrom('pending_agent_environments')
    .where('agent_id', '=', agentId)
    .executeTakeFirst()
  return result.numDeletedRows > 0n
}

/** Takes notes away whose agent never came, oldest first, and gives them. Index: their age. */
export async function takeStalePendingEnvironments(
  tx: Tx<GatewayDatabase>,
  { olderThanSeconds, rowsMax }: { olderThanSeconds: number; rowsMax: number }
): Promise<PendingEnvironment[]> {
  const rows = await tx
    .with('stale', (query) =>
      query
        .selectFrom('pending_agent_environments')
        .select('agent_id')
        .where(sql<boolean>`created_at < now() - make_interval(secs => ${olderThanSeconds})`)
        .orderBy('created_at')
        .limit(rowsMax)
        .forUpdate()
        .skipLocked()
    )
    .deleteFrom('pending_agent_environments')
    .using('stale')
    .whereRef('pending_agent_environments.agent_id', '=', 'stale.agent_id')
    .returning(['pending_agent_environments.agent_id', 'pending_agent_environments.company_id'])
    .execute()
  return rows.map((row) => ({ agentId: row.agent_id, companyId: row.company_id }))
}
