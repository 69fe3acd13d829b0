import { exportCompany, importCompany, listSecretDeclarations } from '@paperclip/contracts'
import { mount, type Server } from '@paperclip/server'
import type { FastifyRequest } from 'fastify'
import type { Caller } from '../agent/agent-service.js'
import { actorContextOf } from '../auth/actor-context.js'
import type { CompanyExport } from './company-export.js'
import type { CompanyImport } from './company-import.js'

/** Carrying a company from one instance to another, without its secrets. */
export function portabilityRoutes(
  app: Server,
  { exports, imports }: { exports: CompanyExport; imports: CompanyImport }
): void {
  app.route({
    ...mount('/api', listSecretDeclarations),
    handler: (request) => exports.declarations(callerOf(request), request.params.companyId, request.query)
  })
  app.route({
    ...mount('/api', exportCompany),
    handler: (request) => exports.manifest(callerOf(request), request.params.companyId)
  })
  app.route({
    ...mount('/api', importCompany),
    handler: (request) => imports.run(callerOf(request), request.params.companyId, request.body.manifest)
  })
}

function callerOf({ actor, id: requestId }: FastifyRequest): Caller {
  return { actor, contextFor: (companyId) => actorContextOf(actor, { companyId, requestId }) }
}
