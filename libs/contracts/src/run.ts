import { type Static, Type } from 'typebox'
import { CompanyParams, Time } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { PageQuery, pageOf } from './paging.js'
import { defineRoute } from './route.js'
import { RunView } from './run-view.js'

const TtlSeconds = Type.Integer({ minimum: limits.runSecondsMin, maximum: limits.runSecondsMax })
const RunToken = Type.String({ maxLength: 2048 })
const RunParams = Type.Object({ companyId: Uuid, runId: Uuid }, { additionalProperties: false })

export const OpenRun = Type.Object(
  {
    projectId: Type.Optional(Type.Union([Uuid, Type.Null()])),
    ttlSeconds: Type.Optional(TtlSeconds),
    leaseSeconds: Type.Optional(
      Type.Integer({ minimum: limits.leaseSecondsMin, maximum: limits.leaseSecondsMax })
    )
  },
  { additionalProperties: false }
)
export type OpenRun = Static<typeof OpenRun>

export const OpenedRun = Type.Object(
  { run: RunView, token: RunToken, expiresAt: Time },
  { additionalProperties: false }
)
export type OpenedRun = Static<typeof OpenedRun>

export const openRun = defineRoute({
  operationId: 'openRun',
  summary: 'Opens a run of an agent and mints its token.',
  method: 'POST',
  path: '/companies/:companyId/agents/:agentId/runs',
  auth: { actors: ['board', 'agent_key'], role: 'operator' },
  schema: {
    params: Type.Object({ companyId: Uuid, agentId: Uuid }, { additionalProperties: false }),
    body: OpenRun,
    response: { 201: OpenedRun }
  },
  problems: [
    'company_forbidden',
    'read_only_role',
    'not_found',
    'agent_inactive',
    'company_archived',
    'project_invalid',
    'run_tokens_unavailable'
  ],
  noStore: true
})

export const listRuns = defineRoute({
  operationId: 'listRuns',
  summary: 'Lists the runs of a company, newest first.',
  method: 'GET',
  path: '/companies/:companyId/runs',
  auth: { actors: ['board'], role: 'viewer' },
  schema: { params: CompanyParams, querystring: PageQuery, response: { 200: pageOf(RunView) } },
  problems: ['company_forbidden', 'invalid_cursor']
})

export const getRun = defineRoute({
  operationId: 'getRun',
  summary: 'Shows one run.',
  method: 'GET',
  path: '/companies/:companyId/runs/:runId',
  auth: { actors: ['board'], role: 'viewer' },
  schema: { params: RunParams, response: { 200: RunView } },
  problems: ['company_forbidden', 'not_found']
})

export const RenewRun = Type.Object(
  { ttlSeconds: Type.Optional(TtlSeconds) },
  { additionalProperties: false }
)
export type RenewRun = Static<typeof RenewRun>
export const RenewedRun = Type.Object(
  { run: RunView, expiresAt: Time, token: Type.Optional(RunToken) },
  { additionalProperties: false }
)
export type RenewedRun = Static<typeof RenewedRun>

export const renewRun = defineRoute({
  operationId: 'renewRun',
  summary: "Moves a run's lease; with `ttlSeconds` also its end, and then a new token is made.",
  method: 'POST',
  path: '/companies/:companyId/runs/:runId/renew',
  auth: { actors: ['run'] },
  schema: { params: RunParams, body: RenewRun, response: { 200: RenewedRun } },
  problems: ['company_forbidden', 'not_found', 'run_closed'],
  noStore: true
})

export const FinishRun = Type.Object(
  { status: Type.Enum(['succeeded', 'failed', 'cancelled']) },
  { additionalProperties: false }
)
export type FinishRun = Static<typeof FinishRun>

export const finishRun = defineRoute({
  operationId: 'finishRun',
  summary: 'Closes a run; its token is 401 from the next request on.',
  method: 'POST',
  path: '/companies/:companyId/runs/:runId/finish',
  auth: { actors: ['board', 'agent_key', 'run'], role: 'operator' },
  schema: { params: RunParams, body: FinishRun, response: { 200: RunView } },
  problems: ['company_forbidden', 'not_found', 'read_only_role', 'run_closed']
})
