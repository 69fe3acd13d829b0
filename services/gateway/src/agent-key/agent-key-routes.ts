import { createAgentKey, listAgentKeys, revokeAgentKey } from '@paperclip/contracts'
import { mount, type Server } from '@paperclip/server'
import type { Paging } from '../paging.js'
import type { AgentKeyService } from './agent-key-service.js'

/** Keys of agents. */
export function agentKeyRoutes(
  app: Server,
  { keys, paging }: { keys: AgentKeyService; paging: Paging }
): void {
  app.route({
    ...mount('/api', listAgentKeys),
    handler: async (request, reply) => {
      const of = request.params.id
      const page = paging.read(request, of)
      const rows = await keys.list(request.actor, of, page)
      return paging.send(request, reply, { of, rowsMax: page.rowsMax, rows })
    }
  })
  app.route({
    ...mount('/api', createAgentKey),
    handler: async (request, reply) => {
      const key = await keys.create(request.actor, request.params.id, request.body)
      return reply.code(201).send(key)
    }
  })
  app.route({
    ...mount('/api', revokeAgentKey),
    handler: async (request) => {
      const { id: agentId, keyId } = request.params
      await keys.revoke(request.actor, { agentId, keyId })
      return { ok: true as const }
    }
  })
}
