import { createBatcher } from '@paperclip/server'
import type { Pool } from 'pg'
import { type AgentKeyState, findAgentKeyStates } from './agent-key-lookup-store.js'
import {
  type BoardKeyState,
  findBoardKeyStates,
  findSessionPeople,
  type PersonState,
  type SessionClaim
} from './board-lookup-store.js'
import { findCompaniesPresent } from './company-lookup-store.js'
import { findRunStates, type RunClaim, type RunState } from './run-lookup-store.js'

/** Authorising reads, asked anew for every request. */
export interface CredentialLookup {
  agentKey(hash: Buffer): Promise<AgentKeyState | undefined>
  boardKey(hash: Buffer): Promise<BoardKeyState | undefined>
  /** Undefined when the session has ended. */
  sessionPerson(claim: SessionClaim): Promise<PersonState | undefined>
  run(claim: RunClaim): Promise<RunState | undefined>
  companyPresent(id: string): Promise<boolean>
}

/** One statement answers this many requests at most; beyond it the arrays stop being cheap. */
const itemsMax = 256
/** One at a time collects best while it runs, and a second gains nothing (measured). */
const inFlightMax = 1
/** What may wait while the database is slow; more is refused at once instead of piling up. */
const waitingMax = 4_096

/**
 * Makes the look-ups of authentication. Requests that come together share a statement, but only one that has not
 * been sent when they come: whoever asks after a revocation was acknowledged sees it.
 */
export function createCredentialLookup(pool: Pool): CredentialLookup {
  const limits = { itemsMax, inFlightMax, waitingMax }
  const agentKeys = createBatcher({ run: (hashes: Buffer[]) => findAgentKeyStates(pool, hashes), ...limits })
  const boardKeys = createBatcher({ run: (hashes: Buffer[]) => findBoardKeyStates(pool, hashes), ...limits })
  const sessions = createBatcher({
    run: (claims: SessionClaim[]) => findSessionPeople(pool, claims),
    ...limits
  })
  const runs = createBatcher({ run: (claims: RunClaim[]) => findRunStates(pool, claims), ...limits })
  const companies = createBatcher({ run: (ids: string[]) => findCompaniesPresent(pool, ids), ...limits })
  return {
    agentKey: (hash) => agentKeys.submit(hash),
    boardKey: (hash) => boardKeys.submit(hash),
    sessionPerson: (claim) => sessions.submit(claim),
    run: (claim) => runs.submit(claim),
    companyPresent: (id) => companies.submit(id)
  }
}
