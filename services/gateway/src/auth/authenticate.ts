import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { AppError } from '@paperclip/server'
import { type RunTokens, TokenRefusal } from '../run/run-token.js'
import { type Actor, anonymous, type BoardActor, type RunActor } from './actor.js'
import type { AgentKeyState } from './agent-key-lookup-store.js'
import { readBearer } from './bearer.js'
import { boardKeyActor, boardKeyPrefix, requireLiveBoardKey, sessionActor } from './board-actor.js'
import type { SessionClaim } from './board-lookup-store.js'
import type { CredentialLookup } from './credential-lookup.js'
import type { LastUsed } from './last-used.js'
import type { RunState } from './run-lookup-store.js'

/** Every agent key begins like this, so that it can be told from a run token and found by secret scanners. */
export const agentKeyPrefix = 'paperclip_agent_'

/** Reads who a session cookie belongs to; null when there is none that is valid. */
export type SessionReader = (headers: IncomingHttpHeaders) => Promise<SessionClaim | null>

/** What authentication rests on. */
export interface AuthenticateDeps {
  lookup: CredentialLookup
  lastUsed: LastUsed
  boardKeysLastUsed: LastUsed
  /** Null when no secret is configured: then no run token can be valid. */
  runTokens: RunTokens | null
  /** Null: there are no sessions in this mode. */
  readSession: SessionReader | null
  /** Who calls when no credential came: the local operator, or nobody. */
  implicitActor: BoardActor | null
  /** Told of a run that is open and past its time, so that it gets closed. */
  onOverdueRun: () => void
}

/**
 * Finds out who calls. A bearer decides alone: one that does not verify is 401 and never somebody else. Every
 * credential is checked in the database, on every request.
 */
export async function authenticate(deps: AuthenticateDeps, headers: IncomingHttpHeaders): Promise<Actor> {
  const bearer = readBearer(headers.authorization)
  if (bearer === undefined) return (await bySession(deps, headers)) ?? deps.implicitActor ?? anonymous
  if (bearer.startsWith(agentKeyPrefix)) return await byAgentKey(deps, bearer)
  if (bearer.startsWith(boardKeyPrefix)) return await byBoardKey(deps, bearer)
  if (bearer === '') throw unauthenticated()
  return await byRunToken(deps, bearer)
}

async function bySession(
  { readSession, lookup }: AuthenticateDeps,
  headers: IncomingHttpHeaders
): Promise<BoardActor | null> {
  if (readSession === null || headers.cookie === undefined) return null
  const claim = await readSession(headers)
  const person = claim && (await lookup.sessionPerson(claim))
  return claim && person ? sessionActor(person, claim) : null
}

async function byBoardKey(deps: AuthenticateDeps, token: string): Promise<BoardActor> {
  const found = await deps.lookup.boardKey(hash('sha256', token, 'buffer'))
  const key = requireLiveBoardKey(token, found, { localOperatorRules: deps.implicitActor !== null })
  if (key.touchDue) deps.boardKeysLastUsed.touch(key.keyId)
  return boardKeyActor(key)
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
