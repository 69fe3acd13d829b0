import {
  type BoardKeyCreated,
  type BoardKeyView,
  type CreateBoardKey,
  localOperatorId
} from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Actor, BoardActor } from '../auth/actor.js'
import { requireBoard } from '../auth/authorize.js'
import { boardKeyPrefix } from '../auth/board-actor.js'
import type { GatewayDatabase } from '../database.js'
import { readExpiry } from '../expiry.js'
import { newOpaqueToken } from '../opaque-token.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import type { PageRequest } from '../paging.js'
import { cleanName } from '../text.js'
import { requireStillAdmin } from '../user/still-admin.js'
import { boardKeyActivity, boardKeyExpiryDefault, issueBoardKey } from './board-key-issue.js'
import {
  hasBoardKey,
  holdUser,
  listBoardKeyRows,
  lockBoardKeysOf,
  revokeBoardKeyRow,
  revokeBoardKeyRowsOf
} from './board-key-store.js'

/** Rules of board keys: everybody has and sees their own only. */
export interface BoardKeyService {
  /** A key made for one company sees the keys of that company only. */
  list(actor: Actor, page: PageRequest): Promise<BoardKeyView[]>
  /** The token is in this reply and nowhere else. */
  create(actor: Actor, input: CreateBoardKey): Promise<BoardKeyCreated>
  /** Revoking what is revoked changes nothing and succeeds; another's key is as absent. */
  revoke(actor: Actor, keyId: string): Promise<void>
  /** Revokes the key that the caller came with, and gives its id. */
  revokeCurrent(actor: Actor): Promise<string>
  /**
   * Revokes every key of a user but the one that the caller came with, and says how many worked or had run out. A key
   * that is made at the same moment is either revoked too, or made by a session that is still open.
   */
  revokeAllOf(actor: Actor, userId: string): Promise<number>
}

/** Makes the service. */
export function createBoardKeyService(db: Db<GatewayDatabase>, mutate: Mutate): BoardKeyService {
  async function revoke(actor: BoardActor, keyId: string): Promise<void> {
    await mutate(async (tx) => {
      const key = await revokeBoardKeyRow(tx, actor, keyId)
      if (key !== undefined) await insertOutbox(tx, [boardKeyActivity(actor, 'board_key.revoked', key)])
      else if (!(await hasBoardKey(tx, actor, keyId))) throw new AppError('not_found')
    })
  }

  return {
    list: (actor, page) => listBoardKeyRows(db, requireBoard(actor), page),
    async create(actor, input) {
      const board = requireBoard(actor)
      const name = cleanName(input.name, '/name')
      const expiresAt = input.expiresAt === undefined ? boardKeyExpiryDefault() : readExpiry(input.expiresAt)
      const { token, hash: keyHash } = newOpaqueToken(boardKeyPrefix)
      const companyId = input.companyId ?? null
      const instanceAdmin = board.isInstanceAdmin && companyId === null
      const { lastUsedAt, revokedAt, ...made } = await mutate((tx) =>
        issueBoardKey(tx, board, { name, keyHash, companyId, instanceAdmin, expiresAt })
      )
      return { ...made, token }
    },
    revoke: (actor, keyId) => revoke(requireBoard(actor), keyId),
    async revokeCurrent(actor) {
      const board = requireBoard(actor)
      if (board.credentialKind !== 'board_key' || board.credentialId === null) throw new AppError('forbidden')
      await revoke(board, board.credentialId)
      return board.credentialId
    },
    revokeAllOf: (actor, userId) => mutate((tx) => revokeAllOf(tx, requireBoard(actor), userId))
  }
}

async function revokeAllOf(tx: Tx<GatewayDatabase>, actor: BoardActor, userId: string): Promise<number> {
  // The local operator has keys, and no row.
  if (userId !== localOperatorId && !(await holdUser(tx, userId))) throw new AppError('not_found')
  await requireStillAdmin(tx, actor)
  await lockBoardKeysOf(tx, userId)
  const exceptKeyId = actor.credentialKind === 'board_key' ? actor.credentialId : null
  const keys = await revokeBoardKeyRowsOf(tx, { userId, exceptKeyId })
  await insertOutbox(
    tx,
    keys.map((key) => boardKeyActivity(actor, 'board_key.revoked', key))
  )
  return keys.length
}
