import { finishRun, getRun, listRuns, openRun, renewRun } from '@paperclip/contracts'
import { mount, type Server } from '@paperclip/server'
import type { Paging } from '../paging.js'
import type { RunService } from './run-service.js'

/** Runs of agents. */
export function runRoutes(app: Server, { runs, paging }: { runs: RunService; paging: Paging }): void {
  app.route({
    ...mount('/api', openRun),
    handler: async (request, reply) => {
      const opened = await runs.open(request.actor, request.params, request.body)
      return reply.code(201).send(opened)
    }
  })
  app.route({
    ...mount('/api', listRuns),
    handler: async (request, reply) => {
      const of = request.params.companyId
      const page = paging.read(request, of)
      return paging.send(request, reply, { of, rowsMax: page.rowsMax, rows: await runs.list(of, page) })
    }
  })
  app.route({ ...mount('/api', getRun), handler: (request) => runs.get(request.params) })
  app.route({
    ...mount('/api', renewRun),
    handler: (request) => runs.renew(request.actor, request.params, request.body)
  })
  app.route({
    ...mount('/api', finishRun),
    handler: (request) => runs.finish(request.actor, request.params, request.body)
  })
}
