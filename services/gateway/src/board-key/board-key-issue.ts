import { type BoardKeyView, newId } from '@paperclip/contracts'
import type { Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { BoardActor } from '../auth/actor.js'
import { mayEnter } from '../auth/authorize.js'
import { holdCompanyStatus } from '../company/company-store.js'
import type { GatewayDatabase } from '../database.js'
import { activityOf, type OutboxEntry } from '../outbox/activity.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import { holdSession } from '../session/session-store.js'
import { countLiveBoardKeys, holdUser, insertBoardKey, lockBoardKeysOf } from './board-key-store.js'

/** A lost laptop's key is worth something no longer than this, unless its owner says otherwise. */
const lifetimeDaysDefault = 30
/** Enough for every machine and script of a person; more is a loop, or somebody else. */
export const boardKeysLiveMax = 100

/** What a key is to be. */
export interface BoardKeyWish {
  name: string
  keyHash: Buffer
  /** The only company it enters; null: every one of its user. */
  companyId: string | null
  /** Whether it carries its user's administration; never together with a company. */
  instanceAdmin: boolean
  expiresAt: Date | null
}

/** When a key ends of which nobody said when. */
export function boardKeyExpiryDefault(): Date {
  return new Date(Date.now() + lifetimeDaysDefault * 24 * 60 * 60 * 1_000)
}

/**
 * Makes a board key for the caller, with its activity row. Throws `company_forbidden` for a company the caller may
 * not enter or that does not exist, and `key_limit` beyond {@link boardKeysLiveMax} live keys.
 */
export async function issueBoardKey(
  tx: Tx<GatewayDatabase>,
  actor: BoardActor,
  wish: BoardKeyWish
): Promise<BoardKeyView> {
  const { userId } = actor
  if (wish.companyId !== null) await requireCompanyOf(tx, actor, wish.companyId)
  if (wish.instanceAdmin && (!actor.isInstanceAdmin || wish.companyId !== null))
    throw new AppError('forbidden')
  // The local operator has no row. Anybody else may have been deleted since the request was let in.
  if (actor.credentialKind !== 'local_operator' && !(await holdUser(tx, userId)))
    throw new AppError('unauthenticated')
  await requireOpenSession(tx, actor)
  await lockBoardKeysOf(tx, userId)
  if ((await countLiveBoardKeys(tx, userId)) >= boardKeysLiveMax)
    throw new AppError('key_limit', {
      detail: `You have ${boardKeysLiveMax} board keys that work. Revoke one first.`
    })
  const key = await insertBoardKey(tx, { id: newId(), userId, ...wish })
  await insertOutbox(tx, [boardKeyActivity(actor, 'board_key.created', key)])
  return key
}

/** Makes the activity row of a key, in the stream of its company if it has one. */
export function boardKeyActivity(
  actor: BoardActor,
  action: 'board_key.created' | 'board_key.revoked',
  { id, companyId, name, instanceAdmin, expiresAt }: BoardKeyView
): OutboxEntry {
  const metadata = { name, instanceAdmin, expiresAt }
  return activityOf(actor, { companyId, action, entityType: 'board_key', entityId: id, metadata })
}

/**
 * A key outlives the session that makes it. So whoever ends a session, to shut somebody out, finds every key that it
 * made in the list: none comes after.
 */
async function requireOpenSession(tx: Tx<GatewayDatabase>, actor: BoardActor): Promise<void> {
  const { credentialKind, credentialId: sessionId, userId } = actor
  if (credentialKind !== 'session') return
  if (sessionId === null || !(await holdSession(tx, { sessionId, userId })))
    throw new AppError('unauthenticated', { detail: 'The session has ended.' })
}

/** Who may enter every company is refused alike when there is none, so that no answer tells which there are. */
async function requireCompanyOf(
  tx: Tx<GatewayDatabase>,
  actor: BoardActor,
  companyId: string
): Promise<void> {
  if (!mayEnter(actor, companyId)) throw new AppError('company_forbidden')
  if ((await holdCompanyStatus(tx, companyId)) === undefined) throw new AppError('company_forbidden')
}
