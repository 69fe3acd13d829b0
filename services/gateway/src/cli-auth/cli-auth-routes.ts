import {
  approveCliChallenge,
  cancelCliChallenge,
  createCliChallenge,
  fillPath,
  getCliChallenge,
  getCliMe
} from '@paperclip/contracts'
import { mount, type Server } from '@paperclip/server'
import { type AddressRule, publicAddressOf } from '../public-address.js'
import type { CliAuthService } from './cli-auth-service.js'

interface CliAuthRoutesDeps {
  cliAuth: CliAuthService
  address: AddressRule
}

/** A waiting CLI gets its answer at once for a person's taste, and costs little. */
const suggestedPollIntervalMs = 2_000

/** Signing in the CLI through a browser. Paths in replies begin at the origin. */
export function cliAuthRoutes(app: Server, { cliAuth, address }: CliAuthRoutesDeps): void {
  app.route({
    ...mount('/api', createCliChallenge),
    handler: async (request, reply) => {
      const { id, token, boardApiToken, expiresAt } = await cliAuth.begin(request.body)
      const approvalPath = `/cli-auth/${id}?token=${token}`
      const approvalUrl = new URL(approvalPath, publicAddressOf(address, request)).href
      const pollPath = `/api${fillPath(getCliChallenge.path, { id })}`
      return reply.code(201).send({
        id,
        token,
        boardApiToken,
        approvalPath,
        approvalUrl,
        pollPath,
        expiresAt,
        suggestedPollIntervalMs
      })
    }
  })
  app.route({
    ...mount('/api', getCliChallenge),
    handler: (request) => cliAuth.read({ id: request.params.id, token: request.query.token })
  })
  app.route({
    ...mount('/api', approveCliChallenge),
    handler: (request) => cliAuth.approve(request.actor, { id: request.params.id, token: request.body.token })
  })
  app.route({
    ...mount('/api', cancelCliChallenge),
    handler: (request) => cliAuth.cancel(request.actor, { id: request.params.id, token: request.body.token })
  })
  app.route({ ...mount('/api', getCliMe), handler: (request) => cliAuth.me(request.actor) })
}
