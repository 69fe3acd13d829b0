import { hash, timingSafeEqual } from 'node:crypto'
import { type CompanyRole, localOperatorId } from '@paperclip/contracts'
import { AppError } from '@paperclip/server'
import type { BoardActor } from './actor.js'
import type { BoardKeyState, PersonState, SessionClaim } from './board-lookup-store.js'

/** Every board key begins like this, so that it can be told from others and found by secret scanners. */
export const boardKeyPrefix = 'paperclip_board_'

/** The one who sits at a `local_trusted` machine. */
export const localOperator: BoardActor = Object.freeze({
  kind: 'board',
  userId: localOperatorId,
  isInstanceAdmin: true,
  memberships: new Map(),
  onlyCompanyId: null,
  credentialKind: 'local_operator',
  credentialId: null,
  source: 'local_operator'
})

/** Gives the board key found for a token, or throws: unknown, revoked, expired, or without a user. */
export function requireLiveBoardKey(
  token: string,
  key: BoardKeyState | undefined,
  { localOperatorRules }: { localOperatorRules: boolean }
): BoardKeyState {
  if (key === undefined || !timingSafeEqual(key.keyHash, hash('sha256', token, 'buffer')))
    throw new AppError('unauthenticated', { detail: 'The credential is not valid.' })
  if (key.revoked) throw new AppError('credential_revoked')
  if (key.expired) throw new AppError('credential_expired')
  // A key of the local operator is worth something only while there is one.
  if (!key.userPresent && !(localOperatorRules && key.userId === localOperatorId))
    throw new AppError('credential_revoked')
  return key
}

/** The rights of a key: those of its user now, narrowed to what the key was made for. */
export function boardKeyActor(key: BoardKeyState): BoardActor {
  const isAdmin = key.isInstanceAdmin || (key.userId === localOperatorId && !key.userPresent)
  return {
    kind: 'board',
    userId: key.userId,
    isInstanceAdmin: isAdmin && key.instanceAdmin && key.companyId === null,
    memberships: key.companyId === null ? new Map(key.memberships) : narrowed(key, key.companyId, isAdmin),
    onlyCompanyId: key.companyId,
    credentialKind: 'board_key',
    credentialId: key.keyId,
    source: 'board_key'
  }
}

/** The rights of a session: all that its user has. */
export function sessionActor(person: PersonState, { sessionId }: SessionClaim): BoardActor {
  return {
    kind: 'board',
    userId: person.userId,
    isInstanceAdmin: person.isInstanceAdmin,
    memberships: new Map(person.memberships),
    onlyCompanyId: null,
    credentialKind: 'session',
    credentialId: sessionId,
    source: 'session'
  }
}

function narrowed(key: BoardKeyState, companyId: string, isAdmin: boolean): ReadonlyMap<string, CompanyRole> {
  const role = isAdmin ? 'owner' : new Map(key.memberships).get(companyId)
  return new Map(role === undefined ? [] : [[companyId, role]])
}
