import {
  createBoardKey,
  listBoardKeys,
  revokeBoardKey,
  revokeCurrentBoardKey,
  revokeUserKeys
} from '@paperclip/contracts'
import { mount, type Server } from '@paperclip/server'
import { actorIdOf } from '../auth/actor.js'
import type { Paging } from '../paging.js'
import type { BoardKeyService } from './board-key-service.js'

/** Board keys of the caller, and taking away those of others. */
export function boardKeyRoutes(
  app: Server,
  { keys, paging }: { keys: BoardKeyService; paging: Paging }
): void {
  app.route({
    ...mount('/api', listBoardKeys),
    handler: async (request, reply) => {
      const of = actorIdOf(request.actor) ?? ''
      const page = paging.read(request, of)
      const rows = await keys.list(request.actor, page)
      return paging.send(request, reply, { of, rowsMax: page.rowsMax, rows })
    }
  })
  app.route({
    ...mount('/api', createBoardKey),
    handler: async (request, reply) => {
      const key = await keys.create(request.actor, request.body)
      return reply.code(201).send(key)
    }
  })
  app.route({
    ...mount('/api', revokeBoardKey),
    handler: async (request) => {
      await keys.revoke(request.actor, request.params.keyId)
      return { ok: true as const }
    }
  })
  app.route({
    ...mount('/api', revokeCurrentBoardKey),
    handler: async (request) => {
      const keyId = await keys.revokeCurrent(request.actor)
      return { revoked: true as const, keyId }
    }
  })
  app.route({
    ...mount('/api', revokeUserKeys),
    handler: async (request) => ({ revoked: await keys.revokeAllOf(request.actor, request.params.id) })
  })
}
