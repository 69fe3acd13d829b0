import { type Static, Type } from 'typebox'
import { mapOf } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { defineRoute } from './route.js'

/** What replies show in place of a sealed plain value; sent back, it keeps the stored value. */
export const redactionPlaceholder = '***REDACTED***'

/** The names an environment may use; `PAPERCLIP_*` belongs to the product. */
export const environmentNameExpression = /^[A-Za-z_][A-Za-z0-9_]*$/

const PlainText = Type.String({ maxLength: limits.plainValueBytesMax })
const VersionSelector = Type.Union([
  Type.Literal('latest'),
  Type.Integer({ minimum: 1, maximum: 2_147_483_647 })
])

const PlainEntry = Type.Object(
  { type: Type.Literal('plain'), value: PlainText },
  { additionalProperties: false }
)
const SecretRefEntry = Type.Object(
  { type: Type.Literal('secret_ref'), secretId: Uuid, version: Type.Optional(VersionSelector) },
  { additionalProperties: false }
)

/** One variable as it is sent: text, `$secret:key[@n]`, a plain value, or a reference (`latest` when unsaid). */
export const EnvironmentEntry = Type.Union([PlainText, PlainEntry, SecretRefEntry])
export type EnvironmentEntry = Static<typeof EnvironmentEntry>

/** Name to entry. Names are checked by the service, so that a bad one is 422 with its path. */
export const Environment = mapOf(EnvironmentEntry, {
  nameCharsMax: limits.environmentNameCharsMax,
  membersMax: limits.environmentEntriesMax
})
export type Environment = Static<typeof Environment>

/** One variable as it is shown: a sensitive plain value is replaced by {@link redactionPlaceholder}. */
export const EnvironmentEntryView = Type.Union([
  PlainEntry,
  Type.Object(
    { type: Type.Literal('secret_ref'), secretId: Uuid, version: VersionSelector },
    { additionalProperties: false }
  )
])
export type EnvironmentEntryView = Static<typeof EnvironmentEntryView>

export const EnvironmentView = Type.Object(
  {
    env: mapOf(EnvironmentEntryView, {
      nameCharsMax: limits.environmentNameCharsMax,
      membersMax: limits.environmentEntriesMax
    })
  },
  { additionalProperties: false }
)
export type EnvironmentView = Static<typeof EnvironmentView>

export const PutEnvironment = Type.Object({ env: Environment }, { additionalProperties: false })
export type PutEnvironment = Static<typeof PutEnvironment>

const AgentParams = Type.Object({ companyId: Uuid, agentId: Uuid }, { additionalProperties: false })
const ProjectParams = Type.Object({ companyId: Uuid, projectId: Uuid }, { additionalProperties: false })

const read = { actors: ['board'], role: 'viewer' } as const
const write = { actors: ['board'], role: 'operator' } as const
const putProblems = [
  'company_forbidden',
  'not_found',
  'read_only_role',
  'env_invalid',
  'integrity_failure',
  'company_shredded'
] as const

export const getAgentEnvironment = defineRoute({
  operationId: 'getAgentEnvironment',
  summary: "Shows an agent's environment; sensitive plain values are redacted.",
  method: 'GET',
  path: '/companies/:companyId/agents/:agentId/env',
  owner: 'secrets',
  auth: read,
  schema: { params: AgentParams, response: { 200: EnvironmentView } },
  problems: ['company_forbidden', 'not_found']
})

export const putAgentEnvironment = defineRoute({
  operationId: 'putAgentEnvironment',
  summary: "Replaces an agent's environment and its bindings, all or nothing.",
  method: 'PUT',
  path: '/companies/:companyId/agents/:agentId/env',
  owner: 'secrets',
  auth: write,
  schema: { params: AgentParams, body: PutEnvironment, response: { 200: EnvironmentView } },
  bodyBytesMax: limits.environmentBodyBytesMax,
  problems: putProblems
})

export const getProjectEnvironment = defineRoute({
  operationId: 'getProjectEnvironment',
  summary: "Shows a project's environment; sensitive plain values are redacted.",
  method: 'GET',
  path: '/companies/:companyId/projects/:projectId/env',
  owner: 'secrets',
  auth: read,
  schema: { params: ProjectParams, response: { 200: EnvironmentView } },
  problems: ['company_forbidden', 'not_found']
})

export const putProjectEnvironment = defineRoute({
  operationId: 'putProjectEnvironment',
  summary: "Replaces a project's environment and its bindings, all or nothing.",
  method: 'PUT',
  path: '/companies/:companyId/projects/:projectId/env',
  owner: 'secrets',
  auth: write,
  schema: { params: ProjectParams, body: PutEnvironment, response: { 200: EnvironmentView } },
  bodyBytesMax: limits.environmentBodyBytesMax,
  problems: putProblems
})
