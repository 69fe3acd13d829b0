import { type Static, Type } from 'typebox'
import { CompanyParams, Ok, ShortName, Time } from './common.js'
import { Uuid } from './ids.js'
import { PageQuery, pageOf } from './paging.js'
import { defineRoute } from './route.js'

export const CompanyView = Type.Object(
  {
    id: Uuid,
    name: Type.String({ maxLength: 120 }),
    status: Type.Enum(['active', 'archived']),
    createdAt: Time,
    updatedAt: Time
  },
  { additionalProperties: false }
)
export type CompanyView = Static<typeof CompanyView>

export const CreateCompany = Type.Object({ name: ShortName }, { additionalProperties: false })
export type CreateCompany = Static<typeof CreateCompany>
export const UpdateCompany = Type.Object(
  { name: Type.Optional(ShortName), status: Type.Optional(Type.Enum(['active', 'archived'])) },
  { additionalProperties: false, minProperties: 1 }
)
export type UpdateCompany = Static<typeof UpdateCompany>

export const listCompanies = defineRoute({
  operationId: 'listCompanies',
  summary: 'Lists the companies the caller may enter; an agent gets its own.',
  method: 'GET',
  path: '/companies',
  auth: { actors: ['board', 'agent_key', 'run'] },
  schema: { querystring: PageQuery, response: { 200: pageOf(CompanyView) } },
  problems: ['invalid_cursor']
})

export const createCompany = defineRoute({
  operationId: 'createCompany',
  summary: 'Creates a company.',
  method: 'POST',
  path: '/companies',
  auth: { actors: ['board'], instanceAdmin: true },
  schema: { body: CreateCompany, response: { 201: CompanyView } },
  problems: ['invalid_request']
})

export const getCompany = defineRoute({
  operationId: 'getCompany',
  summary: 'Shows one company.',
  method: 'GET',
  path: '/companies/:companyId',
  auth: { actors: ['board', 'agent_key', 'run'], role: 'viewer' },
  schema: { params: CompanyParams, response: { 200: CompanyView } },
  problems: ['company_forbidden', 'company_not_found']
})

export const updateCompany = defineRoute({
  operationId: 'updateCompany',
  summary: 'Renames, archives or reactivates a company; archiving closes its runs.',
  method: 'PATCH',
  path: '/companies/:companyId',
  auth: { actors: ['board'], role: 'admin' },
  schema: { params: CompanyParams, body: UpdateCompany, response: { 200: CompanyView } },
  problems: ['company_forbidden', 'company_not_found', 'read_only_role']
})

export const deleteCompany = defineRoute({
  operationId: 'deleteCompany',
  summary: 'Deletes a company for good and shreds its key; `confirm` repeats its name. Audit rows stay.',
  method: 'DELETE',
  path: '/companies/:companyId',
  auth: { actors: ['board'], instanceAdmin: true },
  schema: {
    params: CompanyParams,
    querystring: Type.Object({ confirm: Type.String({ maxLength: 120 }) }, { additionalProperties: false }),
    response: { 200: Ok }
  },
  problems: ['forbidden', 'company_not_found', 'company_deletion_disabled', 'confirmation_mismatch']
})
