import { type Static, Type } from 'typebox'
import { CompanyRole, CredentialKind, UserId } from './actor.js'
import { NullableUuid } from './common.js'
import { Uuid } from './ids.js'
import { limits } from './limits.js'
import { defineRoute } from './route.js'

const ComponentState = Type.Object(
  {
    status: Type.Enum(['ok', 'degraded', 'unhealthy']),
    code: Type.Optional(Type.String({ maxLength: 64 })),
    message: Type.Optional(Type.String({ maxLength: 300 })),
    version: Type.Optional(Type.String({ maxLength: 40 }))
  },
  { additionalProperties: false }
)
export type ComponentState = Static<typeof ComponentState>

/** Strangers get the first four members; a board caller also versions and components. */
export const Health = Type.Object(
  {
    status: Type.Enum(['ok', 'degraded', 'unhealthy']),
    deploymentMode: Type.Enum(['local_trusted', 'authenticated']),
    deploymentExposure: Type.Enum(['private', 'public']),
    bootstrapStatus: Type.Enum(['ready', 'bootstrap_pending']),
    version: Type.Optional(Type.String({ maxLength: 40 })),
    warnings: Type.Optional(Type.Array(Type.String({ maxLength: 300 }), { maxItems: 20 })),
    components: Type.Optional(
      Type.Object(
        { database: ComponentState, secretsService: ComponentState, secretProvider: ComponentState },
        { additionalProperties: false }
      )
    )
  },
  { additionalProperties: false }
)
export type Health = Static<typeof Health>

export const getHealth = defineRoute({
  operationId: 'getHealth',
  summary: 'Says how the instance is. 503 when the database of the gateway is down.',
  method: 'GET',
  path: '/health',
  auth: { actors: ['anon', 'board', 'agent_key', 'run'] },
  schema: { response: { 200: Health, 503: Health } }
})

/** How a health warning about strict mode begins, for whoever checks strict mode itself and would say it twice. */
export const strictModeWarningStart = 'Strict mode is off'

/** The same of the warning that the database would let the secrets service change the record. */
export const triggersAloneWarningStart = 'The database role of the secrets service may change audit rows'

/** What the secrets service tells the gateway about itself, for a board caller's health. */
export const SecretsHealth = Type.Object(
  {
    status: Type.Enum(['ok', 'degraded', 'unhealthy']),
    version: Type.String({ maxLength: 40 }),
    strictMode: Type.Boolean(),
    warnings: Type.Array(Type.String({ maxLength: 300 }), { maxItems: 20 }),
    components: Type.Object(
      { database: ComponentState, masterKey: ComponentState, provider: ComponentState },
      { additionalProperties: false }
    )
  },
  { additionalProperties: false }
)
export type SecretsHealth = Static<typeof SecretsHealth>

export const getSecretsHealth = defineRoute({
  operationId: 'getSecretsHealth',
  summary: 'Says how the secrets service is; its provider check seals and opens a canary.',
  method: 'GET',
  path: '/health',
  owner: 'secrets',
  visibility: 'internal',
  auth: { actors: ['service', 'board'] },
  schema: { response: { 200: SecretsHealth } }
})

export const Me = Type.Object(
  {
    actorType: Type.Enum(['user', 'agent', 'none']),
    userId: Type.Union([UserId, Type.Null()]),
    agentId: NullableUuid,
    companyId: NullableUuid,
    runId: NullableUuid,
    isInstanceAdmin: Type.Boolean(),
    memberships: Type.Array(
      Type.Object({ companyId: Uuid, role: CompanyRole }, { additionalProperties: false }),
      { maxItems: limits.membershipsMax }
    ),
    credential: Type.Object(
      { kind: CredentialKind, id: Type.Union([Type.String({ maxLength: 64 }), Type.Null()]) },
      { additionalProperties: false }
    )
  },
  { additionalProperties: false }
)
export type Me = Static<typeof Me>

export const getMe = defineRoute({
  operationId: 'getMe',
  summary: 'Tells the caller who it is.',
  method: 'GET',
  path: '/me',
  auth: { actors: ['board', 'agent_key', 'run'] },
  schema: { response: { 200: Me } }
})

export const getOpenApi = defineRoute({
  operationId: 'getOpenApi',
  summary: 'This document.',
  method: 'GET',
  path: '/openapi.json',
  auth: { actors: ['anon', 'board', 'agent_key', 'run'] },
  schema: { response: { 200: Type.Unknown() } }
})

export const getApiDocs = defineRoute({
  operationId: 'getApiDocs',
  summary: 'The same document as a page to read.',
  method: 'GET',
  path: '/docs',
  auth: { actors: ['anon', 'board', 'agent_key', 'run'] },
  mediaType: 'text/html',
  schema: { response: { 200: Type.String() } }
})
