import { createProject, deleteProject, getProject, listProjects, updateProject } from '@paperclip/contracts'
import { mount, type Server } from '@paperclip/server'
import type { Paging } from '../paging.js'
import type { ProjectService } from './project-service.js'

/** Projects of a company. */
export function projectRoutes(
  app: Server,
  { projects, paging }: { projects: ProjectService; paging: Paging }
): void {
  app.route({
    ...mount('/api', listProjects),
    handler: async (request, reply) => {
      const of = request.params.companyId
      const page = paging.read(request, of)
      return paging.send(request, reply, { of, rowsMax: page.rowsMax, rows: await projects.list(of, page) })
    }
  })
  app.route({
    ...mount('/api', createProject),
    handler: async (request, reply) => {
      const project = await projects.create(request.actor, request.params.companyId, request.body)
      return reply.code(201).send(project)
    }
  })
  app.route({ ...mount('/api', getProject), handler: (request) => projects.get(request.params) })
  app.route({
    ...mount('/api', updateProject),
    handler: (request) => projects.update(request.actor, request.params, request.body)
  })
  app.route({
    ...mount('/api', deleteProject),
    handler: async (request) => {
      await projects.delete(request.actor, request.params)
      return { ok: true as const }
    }
  })
}
