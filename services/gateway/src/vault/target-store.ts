import { type Db, uuidArray } from '@paperclip/db'
import { sql } from 'kysely'
import type { GatewayDatabase } from '../database.js'

/** What an environment belongs to, for a reader. */
export interface TargetLabel {
  type: 'agent' | 'project'
  id: string
  companyId: string
  label: string
  status: 'active' | 'paused' | 'terminated'
}

interface TargetQuery {
  agentIds: readonly string[]
  projectIds: readonly string[]
  /** Where the reader may look; null: in every company. */
  companyIds: readonly string[] | null
}

/** Names agents and projects by their ids, in one statement; those that are gone, or out of reach, are missing. */
export async function findTargetLabels(
  db: Db<GatewayDatabase>,
  { agentIds, projectIds, companyIds }: TargetQuery
): Promise<TargetLabel[]> {
  const reach = companyIds === null ? sql`true` : sql`company_id = any(${uuidArray(companyIds)}::uuid[])`
  const { rows } = await sql<TargetLabel>`
    select 'agent' as type, id, company_id as "companyId", name as label, status
    from agents where id = any(${uuidArray(agentIds)}::uuid[]) and ${reach}
    union all
    select 'project', id, company_id, name, 'active'
    from projects where id = any(${uuidArray(projectIds)}::uuid[]) and ${reach}`.execute(db)
  return rows
}
