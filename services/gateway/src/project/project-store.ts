import type { ProjectView } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import type { GatewayDatabase, ProjectTable } from '../database.js'
import type { PageRequest } from '../paging.js'

function toProject(row: Selectable<ProjectTable>): ProjectView {
  return {
    id: row.id,
    companyId: row.company_id,
    name: row.name,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString()
  }
}

interface ProjectId {
  companyId: string
  projectId: string
}

/** Lists a company's projects newest first, one more than a page. Index: `(company_id, id)`. */
export async function listProjectRows(
  db: Db<GatewayDatabase>,
  companyId: string,
  { rowsMax, before }: PageRequest
): Promise<ProjectView[]> {
  let query = db.selectFrom('projects').selectAll().where('company_id', '=', companyId)
  if (before !== undefined) query = query.where('id', '<', before)
  const rows = await query
    .orderBy('id', 'desc')
    .limit(rowsMax + 1)
    .execute()
  return rows.map(toProject)
}

/** Finds a project of a company. */
export async function findProject(
  db: Db<GatewayDatabase>,
  { companyId, projectId }: ProjectId
): Promise<ProjectView | undefined> {
  const row = await db
    .selectFrom('projects')
    .selectAll()
    .where('company_id', '=', companyId)
    .where('id', '=', projectId)
    .executeTakeFirst()
  return row && toProject(row)
}

/** Says whether a project of a company exists, and keeps it from being deleted until the transaction ends. */
export async function holdProject(
  tx: Tx<GatewayDatabase>,
  { companyId, projectId }: ProjectId
): Promise<boolean> {
  const row = await tx
    .selectFrom('projects')
    .select('id')
    .where('company_id', '=', companyId)
    .where('id', '=', projectId)
    .forKeyShare()
    .executeTakeFirst()
  return row !== undefined
}

/** Makes a project. */
export async function insertProject(
  tx: Tx<GatewayDatabase>,
  project: { id: string; company_id: string; name: string }
): Promise<ProjectView> {
  return toProject(await tx.insertInto('projects').values(project).returningAll().executeTakeFirstOrThrow())
}

/** Changes a project; undefined when there is none. */
export async function updateProjectRow(
  tx: Tx<GatewayDatabase>,
  { companyId, projectId }: ProjectId,
  change: { name?: string }
): Promise<ProjectView | undefined> {
  const row = await tx
    .updateTable('projects')
    .set({ ...change, updated_at: sql<Date>`now()` })
    .where('company_id', '=', companyId)
    .where('id', '=', projectId)
    .returningAll()
    .executeTakeFirst()
  return row && toProject(row)
}

/** Deletes a project and gives what it was. Waits for runs that are being opened in it. */
export async function deleteProjectRow(
  tx: Tx<GatewayDatabase>,
  { companyId, projectId }: ProjectId
): Promise<ProjectView | undefined> {
  const row = await tx
    .deleteFrom('projects')
    .where('company_id', '=', companyId)
    .where('id', '=', projectId)
    .returningAll()
    .executeTakeFirst()
  return row && toProject(row)
}
