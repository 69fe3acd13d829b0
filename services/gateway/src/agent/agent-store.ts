import type { AgentView } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import type { AgentStatus, AgentTable, GatewayDatabase } from '../database.js'
import type { PageRequest } from '../paging.js'

function toAgent(row: Selectable<AgentTable>): AgentView {
  return {
    id: row.id,
    companyId: row.company_id,
    name: row.name,
    adapterType: row.adapter_type,
    status: row.status,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString()
  }
}

/** Lists a company's agents newest first, one more than a page; `only` narrows it to one. Index: `(company_id, id)`. */
export async function listAgentRows(
  db: Db<GatewayDatabase>,
  companyId: string,
  { rowsMax, before }: PageRequest,
  only: string | null
): Promise<AgentView[]> {
  let query = db.selectFrom('agents').selectAll().where('company_id', '=', companyId)
  if (before !== undefined) query = query.where('id', '<', before)
  if (only !== null) query = query.where('id', '=', only)
  const rows = await query
    .orderBy('id', 'desc')
    .limit(rowsMax + 1)
    .execute()
  return rows.map(toAgent)
}

/** Finds an agent. */
export async function findAgent(db: Db<GatewayDatabase>, id: string): Promise<AgentView | undefined> {
  const row = await db.selectFrom('agents').selectAll().where('id', '=', id).executeTakeFirst()
  return row && toAgent(row)
}

/** Says whether an agent belongs to a company. */
export async function isAgentOf(
  db: Db<GatewayDatabase>,
  { companyId, agentId }: { companyId: string; agentId: string }
): Promise<boolean> {
  const row = await db
    .selectFrom('agents')
    .select('id')
    .where('company_id', '=', companyId)
    .where('id', '=', agentId)
    .executeTakeFirst()
  return row !== undefined
}

/** Reads an agent's status and keeps it from changing until the transaction ends. */
export async function holdAgentStatus(
  tx: Tx<GatewayDatabase>,
  { companyId, agentId }: { companyId: string; agentId: string }
): Promise<AgentStatus | undefined> {
  const row = await tx
    .selectFrom('agents')
    .select('status')
    .where('company_id', '=', companyId)
    .where('id', '=', agentId)
    .forShare()
    .executeTakeFirst()
  return row?.status
}

/** Makes an agent. */
export async function insertAgent(
  tx: Tx<GatewayDatabase>,
  agent: { id: string; company_id: string; name: string; adapter_type: string }
): Promise<AgentView> {
  return toAgent(await tx.insertInto('agents').values(agent).returningAll().executeTakeFirstOrThrow())
}

/** Changes an agent; undefined when there is none. */
export async function updateAgentRow(
  tx: Tx<GatewayDatabase>,
  id: string,
  change: { name?: string; adapter_type?: string }
): Promise<AgentView | undefined> {
  const row = await tx
    .updateTable('agents')
    .set({ ...change, updated_at: sql<Date>`now()` })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  return row && toAgent(row)
}

/** Moves an agent from one of some states to another; undefined when it is in none of them. */
export async function moveAgent(
  tx: Tx<GatewayDatabase>,
  id: string,
  { from, to }: { from: readonly AgentStatus[]; to: AgentStatus }
): Promise<AgentView | undefined> {
  const row = await tx
    .updateTable('agents')
    .set({ status: to, updated_at: sql<Date>`now()` })
    .where('id', '=', id)
    .where('status', 'in', from)
    .returningAll()
    .executeTakeFirst()
  return row && toAgent(row)
}

/** Keeps an agent from changing until the transaction ends; false when there is none. */
export async function lockAgent(tx: Tx<GatewayDatabase>, id: string): Promise<boolean> {
  const row = await tx.selectFrom('agents').select('id').where('id', '=', id).forUpdate().executeTakeFirst()
  return row !== undefined
}

/** Deletes an agent; its keys and runs go with it. */
export async function deleteAgentRow(tx: Tx<GatewayDatabase>, id: string): Promise<void> {
  await tx.deleteFrom('agents').where('id', '=', id).execute()
}
