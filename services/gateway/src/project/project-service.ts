import { newId, type ProjectView } from '@paperclip/contracts'
import type { Db } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Actor } from '../auth/actor.js'
import { requireActiveCompany } from '../company/company-service.js'
import type { GatewayDatabase } from '../database.js'
import { activityOf, type GatewayAction, type OutboxEntry, targetDeleted } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import type { PageRequest } from '../paging.js'
import { closeRunsOf } from '../run/run-closing.js'
import { cleanName } from '../text.js'
import {
  deleteProjectRow,
  findProject,
  insertProject,
  listProjectRows,
  updateProjectRow
} from './project-store.js'

interface ProjectId {
  companyId: string
  projectId: string
}

/** Rules of projects. */
export interface ProjectService {
  list(companyId: string, page: PageRequest): Promise<ProjectView[]>
  create(actor: Actor, companyId: string, input: { name: string }): Promise<ProjectView>
  get(id: ProjectId): Promise<ProjectView>
  update(actor: Actor, id: ProjectId, input: { name?: string }): Promise<ProjectView>
  delete(actor: Actor, id: ProjectId): Promise<void>
}

/** Makes the service. */
export function createProjectService(db: Db<GatewayDatabase>, mutate: Mutate): ProjectService {
  return {
    list: (companyId, page) => listProjectRows(db, companyId, page),
    async create(actor, companyId, { name }) {
      const project = { id: newId(), company_id: companyId, name: cleanName(name, '/name') }
      return await mutate(async (tx) => {
        await requireActiveCompany(tx, companyId)
        const view = await insertProject(tx, project)
        await insertOutbox(tx, [projectActivity(actor, 'project.created', view)])
        return view
      })
    },
    async get(id) {
      const project = await findProject(db, id)
      if (project === undefined) throw new AppError('not_found')
      return project
    },
    async update(actor, id, input) {
      const change = input.name === undefined ? {} : { name: cleanName(input.name, '/name') }
      return await mutate(async (tx) => {
        const view = await updateProjectRow(tx, id, change)
        if (view === undefined) throw new AppError('not_found')
        await insertOutbox(tx, [projectActivity(actor, 'project.updated', view)])
        return view
      })
    },
    async delete(actor, id) {
      await mutate(async (tx) => {
        const project = await deleteProjectRow(tx, id)
        if (project === undefined) throw new AppError('not_found')
        // After the row is gone: whoever was opening a run in it has committed, and nobody can any more.
        await closeRunsOf(tx, { projectId: project.id }, { author: actor, reason: 'project_deleted' })
        await insertOutbox(tx, [
          projectActivity(actor, 'project.deleted', project),
          targetDeleted(project.companyId, 'project', project.id)
        ])
      })
    }
  }
}

function projectActivity(actor: Actor, action: GatewayAction, project: ProjectView): OutboxEntry {
  return activityOf(actor, {
    companyId: project.companyId,
    action,
    entityType: 'project',
    entityId: project.id,
    metadata: { name: project.name }
  })
}
