import { type Db, uuidArray } from '@paperclip/db'
import { sql } from 'kysely'
import type { GatewayDatabase } from '../database.js'

/** What an environment belongs to, for a reader. */
export interface TargetLabel {
  type: 'agent' | 'project'
  id: string
  label: string
  status: 'active' | 'paused' | 'terminated'
}

/** Names agents and projects by their ids, in one statement; those that are gone are missing. */
export async function findTargetLabels(
  db: Db<GatewayDatabase>,
  { agentIds, projectIds }: { agentIds: readonly string[]; projectIds: readonly string[] }
): Promise<TargetLabel[]> {
  const { rows } = await sql<TargetLabel>`
    select 'agent' as type, id, name as label, status from agents where id = any(${uuidArray(agentIds)}::uuid[])
    union all
    select 'project', id, name, 'active' from projects where id = any(${uuidArray(projectIds)}::uuid[])`.execute(
    db
  )
  return rows
}
