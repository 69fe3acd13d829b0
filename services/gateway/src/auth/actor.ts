import type { ActorContext, CompanyRole, CredentialKind, OpenedBy } from '@paperclip/contracts'

/** Nobody: no credential came, and the mode has no implicit operator. */
export interface AnonymousActor {
  readonly kind: 'anon'
}

/** A person: the local operator, a session, or a board key. */
export interface BoardActor {
  readonly kind: 'board'
  readonly userId: string
  readonly isInstanceAdmin: boolean
  /** Role by company id; an instance admin may enter every company without one. */
  readonly memberships: ReadonlyMap<string, CompanyRole>
  /** The one company the credential was made for; null: whatever the person may do. */
  readonly onlyCompanyId: string | null
  readonly credentialKind: CredentialKind
  readonly credentialId: string | null
  readonly source: string
}

/** An agent that authenticated with one of its keys. */
export interface AgentKeyActor {
  readonly kind: 'agent_key'
  readonly agentId: string
  readonly companyId: string
  readonly keyId: string
}

/** An open run of an active agent, proved by its token and the database. */
export interface RunActor {
  readonly kind: 'run'
  readonly agentId: string
  readonly companyId: string
  readonly projectId: string | null
  readonly runId: string
  readonly tokenId: string
  readonly openedBy: OpenedBy
}

/** Who is behind a request. */
export type Actor = AnonymousActor | BoardActor | AgentKeyActor | RunActor

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before the body is read; routes that anyone may call see `anon` unless a credential came. */
    actor: Actor
  }
}

export const anonymous: AnonymousActor = Object.freeze({ kind: 'anon' })

/** The id an actor has in the log and in records; null for nobody. */
export function actorIdOf(actor: Actor): string | null {
  switch (actor.kind) {
    case 'anon':
      return null
    case 'board':
      return actor.userId
    default:
      return actor.agentId
  }
}

/** Says how an actor authenticated, the way `openedBy` and the actor context name it. */
export function credentialOf(actor: BoardActor | AgentKeyActor | RunActor): ActorContext['credential'] {
  switch (actor.kind) {
    case 'board':
      return { kind: actor.credentialKind, id: actor.credentialId }
    case 'agent_key':
      return { kind: 'agent_key', id: actor.keyId }
    case 'run':
      return { kind: 'run_token', id: actor.tokenId }
  }
}
