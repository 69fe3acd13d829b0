import { createCompany, deleteCompany, getCompany, listCompanies, updateCompany } from '@paperclip/contracts'
import { mount, type Server } from '@paperclip/server'
import type { Paging } from '../paging.js'
import type { CompanyDeletion } from './company-deletion.js'
import type { CompanyService } from './company-service.js'

/** Companies. */
export function companyRoutes(
  app: Server,
  { companies, deletion, paging }: { companies: CompanyService; deletion: CompanyDeletion; paging: Paging }
): void {
  app.route({
    ...mount('/api', listCompanies),
    handler: async (request, reply) => {
      const of = 'instance'
      const page = paging.read(request, of)
      const rows = await companies.list(request.actor, page)
      return paging.send(request, reply, { of, rowsMax: page.rowsMax, rows })
    }
  })
  app.route({
    ...mount('/api', createCompany),
    handler: async (request, reply) => {
      const company = await companies.create(request.actor, request.body)
      return reply.code(201).send(company)
    }
  })
  app.route({
    ...mount('/api', getCompany),
    handler: (request) => companies.get(request.params.companyId)
  })
  app.route({
    ...mount('/api', updateCompany),
    handler: (request) => companies.update(request.actor, request.params.companyId, request.body)
  })
  app.route({
    ...mount('/api', deleteCompany),
    handler: async (request) => {
      await deletion.delete(request.actor, request.params.companyId, request.query)
      return { ok: true as const }
    }
  })
}
