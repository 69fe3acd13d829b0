import { limits } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { GatewayDatabase } from '../database.js'

/** An agent or project of a company, as a manifest knows it. */
export interface CompanyTarget {
  readonly type: 'agent' | 'project'
  readonly id: string
  readonly name: string
  /** Null for a project. */
  readonly adapterType: string | null
}

/**
 * Lists the agents that were not terminated and the projects of a company, oldest first. Throws `export_too_large` when
 * there are more of a kind than a manifest may hold. Index: `(company_id, id)`.
 */
export async function listCompanyTargets(
  db: Db<GatewayDatabase>,
  companyId: string
): Promise<CompanyTarget[]> {
  const rowsMax = limits.manifestTargetsMax + 1
  const agents = await db
    .selectFrom('agents')
    .select(['id', 'name', 'adapter_type'])
    .where('company_id', '=', companyId)
    .where('status', '<>', 'terminated')
    .orderBy('id')
    .limit(rowsMax)
    .execute()
  const projects = await db
    .selectFrom('projects')
    .select(['id', 'name'])
    .where('company_id', '=', companyId)
    .orderBy('id')
    .limit(rowsMax)
    .execute()
  if (agents.length === rowsMax || projects.length === rowsMax)
    throw new AppError('export_too_large', {
      detail: `A manifest holds at most ${limits.manifestTargetsMax} agents and as many projects.`
    })
  return [
    ...agents.map(({ id, name, adapter_type }) => ({
      type: 'agent' as const,
      id,
      name,
      adapterType: adapter_type
    })),
    ...projects.map(({ id, name }) => ({ type: 'project' as const, id, name, adapterType: null }))
  ]
}
