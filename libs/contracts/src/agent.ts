import { type Static, Type } from 'typebox'
import { CompanyParams, IdParams, Instant, NullableTime, Ok, ShortName, Time } from './common.js'
import { Environment } from './environment.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { PageQuery, pageOf } from './paging.js'
import { defineRoute } from './route.js'
import { RunView } from './run-view.js'

export const AgentStatus = Type.Enum(['active', 'paused', 'terminated'])
export const AgentView = Type.Object(
  {
    id: Uuid,
    companyId: Uuid,
    name: Type.String({ maxLength: 120 }),
    adapterType: Type.String({ maxLength: 120 }),
    status: AgentStatus,
    createdAt: Time,
    updatedAt: Time
  },
  { additionalProperties: false }
)
export type AgentView = Static<typeof AgentView>

/** What kind of program an agent is; opaque here. */
export const AdapterType = Type.String({ minLength: 1, maxLength: 120, pattern: '^[A-Za-z0-9_.-]+$' })
export const CreateAgent = Type.Object(
  { name: ShortName, adapterType: Type.Optional(AdapterType), env: Type.Optional(Environment) },
  { additionalProperties: false }
)
export type CreateAgent = Static<typeof CreateAgent>
export const UpdateAgent = Type.Object(
  {
    name: Type.Optional(ShortName),
    adapterType: Type.Optional(AdapterType),
    env: Type.Optional(Environment)
  },
  { additionalProperties: false, minProperties: 1 }
)
export type UpdateAgent = Static<typeof UpdateAgent>

const operatorById = { actors: ['board'], role: 'operator' } as const

export const listAgents = defineRoute({
  operationId: 'listAgents',
  summary: 'Lists the agents of a company, newest first; an agent sees itself.',
  method: 'GET',
  path: '/companies/:companyId/agents',
  auth: { actors: ['board', 'agent_key', 'run'], role: 'viewer' },
  schema: { params: CompanyParams, querystring: PageQuery, response: { 200: pageOf(AgentView) } },
  problems: ['company_forbidden', 'invalid_cursor']
})

export const createAgent = defineRoute({
  operationId: 'createAgent',
  summary: 'Creates an agent, with its environment when one is given.',
  method: 'POST',
  path: '/companies/:companyId/agents',
  auth: { actors: ['board'], role: 'operator' },
  schema: { params: CompanyParams, body: CreateAgent, response: { 201: AgentView } },
  bodyBytesMax: limits.environmentBodyBytesMax,
  problems: ['company_forbidden', 'read_only_role', 'env_invalid', 'company_archived', 'secrets_unavailable']
})

export const getAgent = defineRoute({
  operationId: 'getAgent',
  summary: 'Shows one agent.',
  method: 'GET',
  path: '/agents/:id',
  auth: operatorById,
  schema: { params: IdParams, response: { 200: AgentView } },
  problems: ['not_found']
})

export const updateAgent = defineRoute({
  operationId: 'updateAgent',
  summary: 'Changes an agent, its environment included.',
  method: 'PATCH',
  path: '/agents/:id',
  auth: operatorById,
  schema: { params: IdParams, body: UpdateAgent, response: { 200: AgentView } },
  bodyBytesMax: limits.environmentBodyBytesMax,
  problems: ['not_found', 'read_only_role', 'env_invalid', 'secrets_unavailable']
})

export const deleteAgent = defineRoute({
  operationId: 'deleteAgent',
  summary: 'Deletes an agent, its keys, its runs and its environment; audit rows stay.',
  method: 'DELETE',
  path: '/agents/:id',
  auth: operatorById,
  schema: { params: IdParams, response: { 200: Ok } },
  problems: ['not_found', 'read_only_role']
})

const agentStateRoute = <const V extends 'pause' | 'resume' | 'terminate'>(verb: V, summary: string) =>
  defineRoute({
    operationId: `${verb}Agent`,
    summary,
    method: 'POST',
    path: `/agents/:id/${verb}`,
    auth: operatorById,
    schema: { params: IdParams, response: { 200: AgentView } },
    problems: ['not_found', 'read_only_role', 'state_conflict']
  })
export const pauseAgent = agentStateRoute('pause', 'Pauses an agent: its runs close, its keys stop working.')
export const resumeAgent = agentStateRoute('resume', 'Resumes a paused agent.')
export const terminateAgent = agentStateRoute(
  'terminate',
  'Ends an agent for good: keys revoked, runs closed.'
)

export const AgentSelf = Type.Object(
  {
    id: Uuid,
    companyId: Uuid,
    name: Type.String({ maxLength: 120 }),
    status: AgentStatus,
    run: Type.Optional(RunView)
  },
  { additionalProperties: false }
)
export type AgentSelf = Static<typeof AgentSelf>

export const getAgentSelf = defineRoute({
  operationId: 'getAgentSelf',
  summary: 'Tells an agent who it is, and which run its token belongs to.',
  method: 'GET',
  path: '/agents/me',
  auth: { actors: ['agent_key', 'run'] },
  schema: { response: { 200: AgentSelf } }
})

export const AgentKeyView = Type.Object(
  {
    id: Uuid,
    name: Type.String({ maxLength: 120 }),
    createdAt: Time,
    lastUsedAt: NullableTime,
    revokedAt: NullableTime,
    expiresAt: NullableTime
  },
  { additionalProperties: false }
)
export type AgentKeyView = Static<typeof AgentKeyView>

export const CreateAgentKey = Type.Object(
  {
    name: ShortName,
    expiresAt: Type.Optional(Type.Union([Instant, Type.Null()]))
  },
  { additionalProperties: false }
)
export type CreateAgentKey = Static<typeof CreateAgentKey>

export const CreatedAgentKey = Type.Object(
  {
    id: Uuid,
    name: Type.String({ maxLength: 120 }),
    token: Type.String({ maxLength: 80 }),
    createdAt: Time,
    expiresAt: NullableTime
  },
  { additionalProperties: false }
)
export type CreatedAgentKey = Static<typeof CreatedAgentKey>

export const listAgentKeys = defineRoute({
  operationId: 'listAgentKeys',
  summary: "Lists an agent's keys, newest first, never their tokens.",
  method: 'GET',
  path: '/agents/:id/keys',
  auth: operatorById,
  schema: { params: IdParams, querystring: PageQuery, response: { 200: pageOf(AgentKeyView) } },
  problems: ['not_found', 'read_only_role', 'invalid_cursor']
})

export const createAgentKey = defineRoute({
  operationId: 'createAgentKey',
  summary: 'Makes a key for an agent; the reply is the only time its token is shown.',
  method: 'POST',
  path: '/agents/:id/keys',
  auth: operatorById,
  schema: { params: IdParams, body: CreateAgentKey, response: { 201: CreatedAgentKey } },
  limit: 'keyCreation',
  problems: ['not_found', 'read_only_role', 'agent_inactive', 'rate_limited'],
  noStore: true
})

export const revokeAgentKey = defineRoute({
  operationId: 'revokeAgentKey',
  summary: 'Revokes a key; the next request with it is 401.',
  method: 'DELETE',
  path: '/agents/:id/keys/:keyId',
  auth: operatorById,
  schema: {
    params: Type.Object({ id: Uuid, keyId: Uuid }, { additionalProperties: false }),
    response: { 200: Ok }
  },
  problems: ['not_found', 'read_only_role']
})
