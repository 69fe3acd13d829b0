import { localOperatorId } from '@paperclip/contracts'
import type { Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Actor } from '../auth/actor.js'
import { requireBoard } from '../auth/authorize.js'
import type { GatewayDatabase } from '../database.js'
import { holdInstanceAdmin } from './user-store.js'

/**
 * Refuses who is no instance admin any more, and keeps the others one until the transaction ends: what an admin does to
 * others must not come after they were told to be one no more.
 */
export async function requireStillAdmin(tx: Tx<GatewayDatabase>, actor: Actor): Promise<void> {
  const { userId } = requireBoard(actor)
  // The local operator is an admin without a row.
  if (userId !== localOperatorId && !(await holdInstanceAdmin(tx, userId))) throw new AppError('forbidden')
}
