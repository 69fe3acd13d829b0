import { type Static, Type } from 'typebox'
import { OpenedBy } from './actor.js'
import { CompanyParams, IdParams, Instant, mapOf, NullableUuid, Time } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { pageOf, pageQuery } from './paging.js'
import { defineRoute } from './route.js'
import { ProviderId, TargetType } from './secret.js'

const NullableText = (charsMax: number) => Type.Union([Type.String({ maxLength: charsMax }), Type.Null()])
const Nullable = <T extends import('typebox').TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** One reveal or refusal. A row about an unknown secret has no `secretId`; ids of events sort by time. */
export const AccessEventView = Type.Object(
  {
    id: Uuid,
    companyId: Uuid,
    secretId: NullableUuid,
    secretKey: NullableText(limits.keyCharsMax),
    version: Nullable(Type.Integer({ minimum: 1 })),
    provider: Nullable(ProviderId),
    actorType: Type.Enum(['user', 'agent', 'service']),
    actorId: Type.String({ maxLength: 64 }),
    openedBy: Nullable(OpenedBy),
    targetType: Nullable(TargetType),
    targetId: NullableUuid,
    configPath: NullableText(300),
    runId: NullableUuid,
    outcome: Type.Enum(['success', 'denied', 'failure']),
    code: NullableText(64),
    followsEventId: NullableUuid,
    requestId: Type.String({ maxLength: 64 }),
    createdAt: Time
  },
  { additionalProperties: false }
)
export type AccessEventView = Static<typeof AccessEventView>

const eventQuery = {
  ...pageQuery,
  agentId: Type.Optional(Uuid),
  runId: Type.Optional(Uuid),
  outcome: Type.Optional(Type.Enum(['success', 'denied', 'failure'])),
  from: Type.Optional(Instant),
  to: Type.Optional(Instant)
}
export const AccessEventQuery = Type.Object(
  { ...eventQuery, secretId: Type.Optional(Uuid) },
  { additionalProperties: false }
)
export type AccessEventQuery = Static<typeof AccessEventQuery>

export const listCompanyAccessEvents = defineRoute({
  operationId: 'listCompanyAccessEvents',
  summary: 'Lists every reveal and refusal of a company, newest first.',
  method: 'GET',
  path: '/companies/:companyId/secret-access-events',
  owner: 'secrets',
  auth: { actors: ['board', 'service'], role: 'viewer', scope: 'audit:read' },
  schema: {
    params: CompanyParams,
    querystring: AccessEventQuery,
    response: { 200: pageOf(AccessEventView) }
  },
  problems: ['company_forbidden', 'invalid_cursor']
})

export const listSecretAccessEvents = defineRoute({
  operationId: 'listSecretAccessEvents',
  summary: 'Lists the reveals and refusals of one secret, newest first; also of a deleted one.',
  method: 'GET',
  path: '/secrets/:id/access-events',
  owner: 'secrets',
  auth: { actors: ['board'], role: 'viewer' },
  schema: {
    params: IdParams,
    querystring: Type.Object(eventQuery, { additionalProperties: false }),
    response: { 200: pageOf(AccessEventView) }
  },
  problems: ['secret_not_found', 'invalid_cursor']
})

/** Flat facts about a mutation: names, ids, counts; never a value. */
export const ActivityMetadata = mapOf(
  Type.Union([Type.String({ maxLength: 512 }), Type.Number(), Type.Boolean(), Type.Null()]),
  { nameCharsMax: 64, membersMax: 20 }
)
export type ActivityMetadata = Static<typeof ActivityMetadata>

const activityFacts = {
  companyId: NullableUuid,
  actorType: Type.Enum(['user', 'agent', 'system', 'service']),
  actorId: Type.String({ maxLength: 64 }),
  entityType: Type.String({ maxLength: 64 }),
  entityId: Type.String({ maxLength: 64 }),
  runId: NullableUuid,
  metadata: ActivityMetadata
}
export const ActivityView = Type.Object(
  { id: Uuid, ...activityFacts, action: Type.String({ maxLength: 80 }), timestamp: Time },
  { additionalProperties: false }
)
export type ActivityView = Static<typeof ActivityView>

const activityFilter = {
  entityType: Type.Optional(Type.String({ maxLength: 64 })),
  entityId: Type.Optional(Type.String({ maxLength: 64 })),
  action: Type.Optional(Type.String({ maxLength: 80 })),
  actorId: Type.Optional(Type.String({ maxLength: 64 })),
  from: Type.Optional(Instant),
  to: Type.Optional(Instant)
}
export const ActivityQuery = Type.Object({ ...pageQuery, ...activityFilter }, { additionalProperties: false })
export type ActivityQuery = Static<typeof ActivityQuery>

export const listActivity = defineRoute({
  operationId: 'listActivity',
  summary: 'Lists the mutations of a company, newest first.',
  method: 'GET',
  path: '/companies/:companyId/activity',
  owner: 'secrets',
  auth: { actors: ['board', 'service'], role: 'viewer', scope: 'audit:read' },
  schema: { params: CompanyParams, querystring: ActivityQuery, response: { 200: pageOf(ActivityView) } },
  problems: ['company_forbidden', 'invalid_cursor']
})

export const exportActivityCsv = defineRoute({
  operationId: 'exportActivityCsv',
  summary: 'Streams the mutations of a company as CSV, safe to open in a spreadsheet; itself recorded.',
  method: 'GET',
  path: '/companies/:companyId/activity.csv',
  owner: 'secrets',
  mediaType: 'text/csv',
  effect: true,
  auth: { actors: ['board'], role: 'admin' },
  schema: {
    params: CompanyParams,
    querystring: Type.Object(activityFilter, { additionalProperties: false }),
    response: { 200: Type.String() }
  },
  problems: ['company_forbidden', 'read_only_role']
})

export const listInstanceActivity = defineRoute({
  operationId: 'listInstanceActivity',
  summary: 'Lists the mutations of the instance itself and of deleted companies, newest first.',
  method: 'GET',
  path: '/admin/activity',
  owner: 'secrets',
  auth: { actors: ['board'], instanceAdmin: true },
  schema: { querystring: ActivityQuery, response: { 200: pageOf(ActivityView) } },
  problems: ['forbidden', 'invalid_cursor']
})

/** What the gateway's outbox delivers: an activity row, or a command that follows from one. Applied once, by id. */
export const OutboxItem = Type.Object(
  {
    id: Uuid,
    activity: Nullable(
      Type.Object(
        {
          ...activityFacts,
          action: Type.String({ maxLength: 80, pattern: '^[a-z_.]+$' }),
          timestamp: Instant
        },
        { additionalProperties: false }
      )
    ),
    command: Nullable(
      Type.Union([
        Type.Object(
          {
            type: Type.Literal('target.deleted'),
            companyId: Uuid,
            targetType: TargetType,
            targetId: Uuid
          },
          { additionalProperties: false }
        ),
        Type.Object(
          { type: Type.Literal('company.deleted'), companyId: Uuid },
          { additionalProperties: false }
        )
      ])
    )
  },
  { additionalProperties: false }
)
export type OutboxItem = Static<typeof OutboxItem>

export const deliverOutbox = defineRoute({
  operationId: 'deliverOutbox',
  summary: "Takes the gateway's activity rows and commands, each applied once by its id.",
  method: 'POST',
  path: '/activity',
  owner: 'secrets',
  visibility: 'internal',
  auth: { actors: ['service'], scope: 'activity:write' },
  schema: {
    body: Type.Object(
      { items: Type.Array(OutboxItem, { minItems: 1, maxItems: limits.activityBatchItemsMax }) },
      { additionalProperties: false }
    ),
    response: {
      200: Type.Object({ applied: Type.Integer({ minimum: 0 }) }, { additionalProperties: false })
    }
  },
  bodyBytesMax: limits.internalBodyBytesMax
})
