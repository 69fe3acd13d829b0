import { type Static, Type } from 'typebox'
import { CompanyParams, Ok, ShortName, Time } from './common.js'
import { Uuid } from './ids.js'
import { PageQuery, pageOf } from './paging.js'
import { defineRoute } from './route.js'

export const ProjectView = Type.Object(
  { id: Uuid, companyId: Uuid, name: Type.String({ maxLength: 120 }), createdAt: Time, updatedAt: Time },
  { additionalProperties: false }
)
export type ProjectView = Static<typeof ProjectView>

export const CreateProject = Type.Object({ name: ShortName }, { additionalProperties: false })
export const UpdateProject = Type.Object(
  { name: Type.Optional(ShortName) },
  { additionalProperties: false, minProperties: 1 }
)
const ProjectParams = Type.Object({ companyId: Uuid, projectId: Uuid }, { additionalProperties: false })

export const listProjects = defineRoute({
  operationId: 'listProjects',
  summary: 'Lists the projects of a company, newest first.',
  method: 'GET',
  path: '/companies/:companyId/projects',
  auth: { actors: ['board'], role: 'viewer' },
  schema: { params: CompanyParams, querystring: PageQuery, response: { 200: pageOf(ProjectView) } },
  problems: ['company_forbidden', 'invalid_cursor']
})

export const createProject = defineRoute({
  operationId: 'createProject',
  summary: 'Creates a project.',
  method: 'POST',
  path: '/companies/:companyId/projects',
  auth: { actors: ['board'], role: 'operator' },
  schema: { params: CompanyParams, body: CreateProject, response: { 201: ProjectView } },
  problems: ['company_forbidden', 'read_only_role', 'company_archived']
})

export const getProject = defineRoute({
  operationId: 'getProject',
  summary: 'Shows one project.',
  method: 'GET',
  path: '/companies/:companyId/projects/:projectId',
  auth: { actors: ['board'], role: 'viewer' },
  schema: { params: ProjectParams, response: { 200: ProjectView } },
  problems: ['company_forbidden', 'not_found']
})

export const updateProject = defineRoute({
  operationId: 'updateProject',
  summary: 'Renames a project.',
  method: 'PATCH',
  path: '/companies/:companyId/projects/:projectId',
  auth: { actors: ['board'], role: 'operator' },
  schema: { params: ProjectParams, body: UpdateProject, response: { 200: ProjectView } },
  problems: ['company_forbidden', 'not_found', 'read_only_role']
})

export const deleteProject = defineRoute({
  operationId: 'deleteProject',
  summary: 'Deletes a project and its environment; open runs of it are closed.',
  method: 'DELETE',
  path: '/companies/:companyId/projects/:projectId',
  auth: { actors: ['board'], role: 'operator' },
  schema: { params: ProjectParams, response: { 200: Ok } },
  problems: ['company_forbidden', 'not_found', 'read_only_role']
})
