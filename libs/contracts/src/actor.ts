import { type Static, Type } from 'typebox'
import { Uuid } from './ids.js'
import { limits } from './limits.js'

/** The id that stands for whoever sits at a `local_trusted` machine. */
export const localOperatorId = 'local-board'

/** Company roles, least first: each may do what those before it may. */
export const companyRoles = ['viewer', 'operator', 'admin', 'owner'] as const
export type CompanyRole = (typeof companyRoles)[number]

/** Says whether `role` is `least` or above. */
export function roleReaches(role: CompanyRole, least: CompanyRole): boolean {
  return companyRoles.indexOf(role) >= companyRoles.indexOf(least)
}

export const CompanyRole = Type.Enum([...companyRoles])

/** A user's id: UUIDs of version 7 as text, and the local operator has a name. Visible ASCII. */
export const UserId = Type.String({ minLength: 1, maxLength: 64, pattern: '^[!-~]+$' })

export const credentialKinds = [
  'local_operator',
  'session',
  'board_key',
  'agent_key',
  'run_token',
  'service_key'
] as const
export const CredentialKind = Type.Enum([...credentialKinds])
export type CredentialKind = (typeof credentialKinds)[number]

/** A request's id: visible ASCII, because it goes into logs and records as it is. */
export const RequestId = Type.String({ minLength: 1, maxLength: 64, pattern: '^[!-~]+$' })

/** Who opened a run: the person or key that stands behind every reveal of that run. */
export const OpenedBy = Type.Object(
  {
    actorType: Type.Enum(['user', 'agent', 'service']),
    actorId: Type.String({ maxLength: 64 }),
    credentialKind: CredentialKind,
    credentialId: Type.Union([Type.String({ maxLength: 64 }), Type.Null()])
  },
  { additionalProperties: false }
)
export type OpenedBy = Static<typeof OpenedBy>

/**
 * The caller, as the gateway proved it and signs it into `paperclip-actor` (base64url JSON).
 *
 * `memberships` holds the role in the company of a company route, or all active memberships on an id-only
 * route. `companyId` is an agent's own company. Only the gateway's key may send types other than `service`.
 */
export const ActorContext = Type.Object(
  {
    v: Type.Literal(1),
    type: Type.Enum(['board', 'agent', 'service']),
    userId: Type.Union([UserId, Type.Null()]),
    agentId: Type.Union([Uuid, Type.Null()]),
    companyId: Type.Union([Uuid, Type.Null()]),
    credential: Type.Object(
      { kind: CredentialKind, id: Type.Union([Type.String({ maxLength: 64 }), Type.Null()]) },
      { additionalProperties: false }
    ),
    runId: Type.Union([Uuid, Type.Null()]),
    projectId: Type.Union([Uuid, Type.Null()]),
    openedBy: Type.Union([OpenedBy, Type.Null()]),
    isInstanceAdmin: Type.Boolean(),
    memberships: Type.Array(
      Type.Object({ companyId: Uuid, role: CompanyRole }, { additionalProperties: false }),
      { maxItems: limits.membershipsMax }
    ),
    source: Type.String({ maxLength: 64 }),
    requestId: RequestId
  },
  { additionalProperties: false }
)
export type ActorContext = Static<typeof ActorContext>

/** What an internal key may be allowed to do. */
export const serviceScopes = ['resolve', 'audit:read', 'activity:write'] as const
export type ServiceScope = (typeof serviceScopes)[number]
