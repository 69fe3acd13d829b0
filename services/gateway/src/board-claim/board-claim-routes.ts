import { claimBoard, getBoardClaim } from '@paperclip/contracts'
import { mount, type Server } from '@paperclip/server'
import type { BoardClaimService } from './board-claim-service.js'

/** The claim of the first admin. */
export function boardClaimRoutes(app: Server, { claims }: { claims: BoardClaimService }): void {
  app.route({
    ...mount('/api', getBoardClaim),
    handler: (request) => claims.read({ token: request.params.token, code: request.query.code })
  })
  app.route({
    ...mount('/api', claimBoard),
    handler: async (request) => {
      const { userId } = await claims.claim(request.actor, {
        token: request.params.token,
        code: request.body.code
      })
      return { claimed: true as const, userId }
    }
  })
}
