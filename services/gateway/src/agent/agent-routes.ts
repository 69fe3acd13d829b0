import {
  createAgent,
  deleteAgent,
  getAgent,
  listAgents,
  pauseAgent,
  resumeAgent,
  terminateAgent,
  updateAgent
} from '@paperclip/contracts'
import { mount, type Server } from '@paperclip/server'
import type { FastifyRequest } from 'fastify'
import { actorContextOf } from '../auth/actor-context.js'
import type { Paging } from '../paging.js'
import type { AgentService, Caller } from './agent-service.js'
import type { AgentStates } from './agent-state.js'

interface AgentRoutesDeps {
  agents: AgentService
  states: AgentStates
  paging: Paging
}

/** Agents. */
export function agentRoutes(app: Server, { agents, states, paging }: AgentRoutesDeps): void {
  app.route({
    ...mount('/api', listAgents),
    handler: async (request, reply) => {
      const of = request.params.companyId
      const page = paging.read(request, of)
      const rows = await agents.list(request.actor, of, page)
      return paging.send(request, reply, { of, rowsMax: page.rowsMax, rows })
    }
  })
  app.route({
    ...mount('/api', createAgent),
    handler: async (request, reply) => {
      const agent = await agents.create(callerOf(request), request.params.companyId, request.body)
      return reply.code(201).send(agent)
    }
  })
  app.route({
    ...mount('/api', getAgent),
    handler: (request) => agents.get(request.actor, request.params.id)
  })
  app.route({
    ...mount('/api', updateAgent),
    handler: (request) => agents.update(callerOf(request), request.params.id, request.body)
  })
  app.route({
    ...mount('/api', deleteAgent),
    handler: async (request) => {
      await agents.delete(request.actor, request.params.id)
      return { ok: true as const }
    }
  })
  app.route({
    ...mount('/api', pauseAgent),
    handler: (request) => states.move(request.actor, request.params.id, 'pause')
  })
  app.route({
    ...mount('/api', resumeAgent),
    handler: (request) => states.move(request.actor, request.params.id, 'resume')
  })
  app.route({
    ...mount('/api', terminateAgent),
    handler: (request) => states.move(request.actor, request.params.id, 'terminate')
  })
}

function callerOf({ actor, id: requestId }: FastifyRequest): Caller {
  return { actor, contextFor: (companyId) => actorContextOf(actor, { companyId, requestId }) }
}
