import {
  type ActivityMetadata,
  type ActivityView,
  newId,
  type OutboxItem,
  type TargetType
} from '@paperclip/contracts'
import type { Static } from 'typebox'
import { type Actor, actorIdOf } from '../auth/actor.js'

/** A row or a command on its way to the secrets service. */
export type OutboxEntry = Static<typeof OutboxItem>

/** What happened to what, without who and when. */
export interface Happening {
  companyId: string | null
  action: GatewayAction
  entityType:
    | 'company'
    | 'member'
    | 'invite'
    | 'project'
    | 'agent'
    | 'agent_key'
    | 'run'
    | 'instance'
    | 'user'
    | 'session'
    | 'board_key'
    | 'cli_auth_challenge'
  entityId: string
  /** The run it is about, when that is not the caller's own. */
  runId?: string
  metadata?: ActivityMetadata
}

/** The actions of the gateway; nouns and verbs in the past. */
export type GatewayAction =
  | 'company.created'
  | 'company.updated'
  | 'company.deleted'
  | 'company.exported'
  | 'company.imported'
  | 'member.added'
  | 'member.role_changed'
  | 'member.removed'
  | 'invite.created'
  | 'invite.revoked'
  | 'invite.accepted'
  | 'project.created'
  | 'project.updated'
  | 'project.deleted'
  | 'agent.created'
  | 'agent.updated'
  | 'agent.paused'
  | 'agent.resumed'
  | 'agent.terminated'
  | 'agent.deleted'
  | 'agent_key.created'
  | 'agent_key.revoked'
  | 'run.opened'
  | 'run.finished'
  | 'run.expired'
  | 'instance.claimed'
  | 'instance_admin.granted'
  | 'instance_admin.revoked'
  | 'user.created'
  | 'user.password_changed'
  | 'user.deleted'
  | 'user.sessions_ended'
  | 'session.created'
  | 'session.ended'
  | 'board_key.created'
  | 'board_key.revoked'
  | 'cli_auth_challenge.approved'
  | 'cli_auth_challenge.cancelled'

/** Who stands behind an activity row: a caller, or the gateway itself. */
export type Author = Actor | 'system'

/** Makes the activity row of a mutation. Metadata holds names, ids and counts, never a value or a token. */
export function activityOf(author: Author, happening: Happening): OutboxEntry {
  const { runId, metadata = {}, ...rest } = happening
  const activity: Omit<ActivityView, 'id'> = {
    ...rest,
    ...authorOf(author),
    runId: runId ?? (author !== 'system' && author.kind === 'run' ? author.runId : null),
    metadata,
    timestamp: new Date().toISOString()
  }
  return { id: newId(), activity, command: null }
}

/** Makes the command that takes away the environment and bindings of what is no more. */
export function targetDeleted(companyId: string, targetType: TargetType, targetId: string): OutboxEntry {
  return { id: newId(), activity: null, command: { type: 'target.deleted', companyId, targetType, targetId } }
}

/** Makes the command that destroys the key of a company that is no more. */
export function companyDeleted(companyId: string): OutboxEntry {
  return { id: newId(), activity: null, command: { type: 'company.deleted', companyId } }
}

function authorOf(author: Author): Pick<ActivityView, 'actorType' | 'actorId'> {
  if (author === 'system') return { actorType: 'system', actorId: 'gateway' }
  const actorId = actorIdOf(author)
  if (actorId === null) throw new TypeError('nobody cannot change anything')
  return { actorType: author.kind === 'board' ? 'user' : 'agent', actorId }
}
