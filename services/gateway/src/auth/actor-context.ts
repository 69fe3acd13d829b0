import { serviceActor } from '@paperclip/client'
import { type ActorContext, newId } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { type Actor, type BoardActor, credentialOf } from './actor.js'

/**
 * Says who is behind a request in the form that is signed and sent to the secrets service. This is the only
 * place that makes one for somebody else.
 *
 * `companyId`: that of a company route, whose role alone then goes along; null on id-only routes, where all
 * memberships do.
 */
export function actorContextOf(
  actor: Actor,
  { companyId, requestId }: { companyId: string | null; requestId: string }
): ActorContext {
  if (actor.kind === 'anon') throw new AppError('unauthenticated')
  const common = { v: 1, credential: credentialOf(actor), requestId } as const
  if (actor.kind === 'board')
    return {
      ...common,
      type: 'board',
      userId: actor.userId,
      agentId: null,
      companyId: null,
      runId: null,
      projectId: null,
      openedBy: null,
      isInstanceAdmin: actor.isInstanceAdmin,
      memberships: membershipsFor(actor, companyId),
      source: actor.source
    }
  const run = actor.kind === 'run' ? actor : null
  return {
    ...common,
    type: 'agent',
    userId: null,
    agentId: actor.agentId,
    companyId: actor.companyId,
    runId: run?.runId ?? null,
    projectId: run?.projectId ?? null,
    openedBy: run?.openedBy ?? null,
    isInstanceAdmin: false,
    memberships: [],
    source: run === null ? 'agent_key' : 'run_token'
  }
}

function membershipsFor(actor: BoardActor, companyId: string | null): ActorContext['memberships'] {
  const all = [...actor.memberships].map(([id, role]) => ({ companyId: id, role }))
  return companyId === null ? all : all.filter((membership) => membership.companyId === companyId)
}

/** The gateway speaking for itself: delivering its outbox, asking for health, sending a batch of proved runs. */
export function gatewayContext(keyId: string): ActorContext {
  return serviceActor({ caller: 'gateway', keyId, requestId: newId() })
}
