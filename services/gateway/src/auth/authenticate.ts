import { hash, timingSafeEqual } from 'node:crypto'
import { localOperatorId } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import { type RunTokens, TokenRefusal } from '../run/run-token.js'
import { type Actor, anonymous, type BoardActor, type RunActor } from './actor.js'
import type { AgentKeyState } from './agent-key-lookup-store.js'
import type { CredentialLookup } from './credential-lookup.js'
import type { LastUsed } from './last-used.js'
import type { RunState } from './run-lookup-store.js'

/** Every agent key begins like this, so that it can be told from a run token and found by secret scanners. */
export const agentKeyPrefix = 'paperclip_agent_'
const boardKeyPrefix = 'paperclip_board_'

/** What authentication rests on. */
export interface AuthenticateDeps {
  lookup: CredentialLookup
  lastUsed: LastUsed
  /** Null when no secret is configured: then no run token can be valid. */
  runTokens: RunTokens | null
  /** Who calls when no credential came: the local operator, or nobody. */
  implicitActor: BoardActor | null
  /** Told of a run that is open and past its time, so that it gets closed. */
  onOverdueRun: () => void
}

/** The one who sits at a `local_trusted` machine. */
export const localOperator: BoardActor = Object.freeze({
  kind: 'board',
  userId: localOperatorId,
  isInstanceAdmin: true,
  memberships: new Map(),
  credentialKind: 'local_operator',
  credentialId: null,
  source: 'local_operator'
})

/**
 * Finds out who calls. A bearer decides alone: one that does not verify is 401 and never somebody else. Every
 * credential is checked in the database, on every request.
 */
export async function authenticate(deps: AuthenticateDeps, bearer: string | undefined): Promise<Actor> {
  if (bearer === undefined) return deps.implicitActor ?? anonymous
  if (bearer.startsWith(agentKeyPrefix)) return await byAgentKey(deps, bearer)
  // No key like this exists before authenticated mode.
  if (bearer === '' || bearer.startsWith(boardKeyPrefix)) throw unauthenticated()
  return await byRunToken(deps, bearer)
}

async function byAgentKey({ lookup, lastUsed }: AuthenticateDeps, token: string): Promise<Actor> {
  const keyHash = hash('sha256', token, 'buffer')
  const key = await lookup.agentKey(keyHash)
  if (key === undefined || !timingSafeEqual(key.keyHash, keyHash)) throw unauthenticated()
  refuseDeadKey(key)
  if (key.touchDue) lastUsed.touch(key.keyId)
  return { kind: 'agent_key', agentId: key.agentId, companyId: key.companyId, keyId: key.keyId }
}

function refuseDeadKey(key: AgentKeyState): void {
  if (key.revoked || key.agentStatus === 'terminated') throw new AppError('credential_revoked')
  if (key.expired) throw new AppError('credential_expired')
  if (key.agentStatus !== 'active')
    throw new AppError('credential_revoked', {
      detail: 'The agent is paused: its keys do not work meanwhile.'
    })
  if (key.companyStatus !== 'active')
    throw new AppError('credential_revoked', {
      detail: 'The company is archived: its keys do not work meanwhile.'
    })
}

async function byRunToken(deps: AuthenticateDeps, token: string): Promise<RunActor> {
  if (deps.runTokens === null) throw unauthenticated()
  const claims = deps.runTokens.verify(token)
  if (claims === TokenRefusal.expired) throw new AppError('credential_expired')
  if (claims === TokenRefusal.invalid) throw unauthenticated()
  const { agentId, companyId, runId, tokenId } = claims
  const run = await deps.lookup.run({ runId, agentId, companyId })
  if (run === undefined) throw new AppError('run_closed')
  if (run.status === 'running' && run.overdue) deps.onOverdueRun()
  if (!isLive(run)) throw new AppError('run_closed')
  const { projectId, actorType, actorId, credentialKind, credentialId } = run
  return {
    kind: 'run',
    agentId,
    companyId,
    projectId,
    runId,
    tokenId,
    openedBy: { actorType, actorId, credentialKind, credentialId }
  }
}

function isLive(run: RunState): boolean {
  return (
    run.status === 'running' &&
    !run.overdue &&
    run.agentStatus === 'active' &&
    run.companyStatus === 'active' &&
    run.projectPresent
  )
}

function unauthenticated(): AppError {
  return new AppError('unauthenticated', { detail: 'The credential is not valid.' })
}
