import { type BoardClaimView, limits, newId } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Actor, BoardActor } from '../auth/actor.js'
import { requireBoard } from '../auth/authorize.js'
import type { GatewayDatabase } from '../database.js'
import { hashToken, isTokenOf, newOpaqueToken } from '../opaque-token.js'
import { activityOf } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import { actAs, deleteSessionsOf } from '../session/session-store.js'
import { holdRightsOf, insertInstanceAdmin } from '../user/user-store.js'
import {
  adoptCompanies,
  type ClaimState,
  countCompanies,
  deleteOldBoardClaims,
  findBoardClaim,
  hasInstanceAdmin,
  insertBoardClaim,
  lockInstance,
  updateClaimed
} from './board-claim-store.js'

/** How long a printed claim is good. */
export const claimHoursMax = 24
/** How long it is still told apart from one that never was, for whoever opens the log a day late. */
const claimKeptHours = 24

/** What the holder of the start-up log has. */
export interface ClaimTicket {
  token: string
  code: string
}

/** The way to the first instance admin. */
export interface BoardClaimService {
  /** Makes a claim while nobody administers the instance; null when somebody does. For the start-up log only. */
  mint(): Promise<ClaimTicket | null>
  /** Throws `not_found` alike for a wrong token and a wrong code. */
  read(ticket: { token: string; code: string | undefined }): Promise<BoardClaimView>
  /** Makes the caller the first admin and owner of the companies nobody owns; of all who try, one. */
  claim(actor: Actor, ticket: ClaimTicket): Promise<{ userId: string }>
}

/** Makes the service. */
export function createBoardClaimService(db: Db<GatewayDatabase>, mutate: Mutate): BoardClaimService {
  return {
    async mint() {
      await deleteOldBoardClaims(db, { keptHours: claimKeptHours })
      if (await hasInstanceAdmin(db)) return null
      const { token, hash: tokenHash } = newOpaqueToken()
      const { token: code, hash: codeHash } = newOpaqueToken()
      await insertBoardClaim(db, { id: newId(), tokenHash, codeHash, hoursMax: claimHoursMax })
      return { token, code }
    },
    async read(ticket) {
      const claim = await requireClaim(db, ticket)
      return {
        status: claim.claimed ? 'claimed' : claim.expired ? 'expired' : 'available',
        requiresSignIn: true,
        expiresAt: claim.expiresAt.toISOString(),
        claimedByUserId: claim.claimed ? claim.claimedByUserId : null
      }
    },
    async claim(actor, ticket) {
      const board = requireBoard(actor)
      await mutate(async (tx) => {
        // Whoever holds no claim must not be able to make others wait.
        await requireClaim(tx, ticket)
        await lockInstance(tx)
        const claim = await requireClaim(tx, ticket)
        if (claim.claimed) throw new AppError('already_claimed')
        if (claim.expired)
          throw new AppError('claim_expired', {
            detail: 'The claim has expired. Restart the gateway: it prints a new one.'
          })
        await makeFirstAdmin(tx, board)
      })
      return { userId: board.userId }
    }
  }
}

async function requireClaim(
  db: Db<GatewayDatabase>,
  { token, code }: { token: string; code: string | undefined }
): Promise<ClaimState> {
  const claim = await findBoardClaim(db, hashToken(token))
  const isRight = isTokenOf(code, claim?.codeHash)
  if (claim === undefined || !isRight) throw new AppError('not_found')
  return claim
}

async function makeFirstAdmin(tx: Tx<GatewayDatabase>, actor: BoardActor): Promise<void> {
  const { userId } = actor
  // Deleted since the request was let in: a role for nobody would close the claim to everybody.
  if (!(await holdRightsOf(tx, userId))) throw new AppError('unauthenticated')
  await insertInstanceAdmin(tx, userId)
  const owned = await adoptCompanies(tx, { userId, membershipsMax: limits.membershipsMax })
  const companies = await countCompanies(tx)
  await updateClaimed(tx, userId)
  // Whoever else holds a session of this user must not become an admin with it.
  await actAs(tx, userId)
  await deleteSessionsOf(tx, { userId, exceptSessionId: actor.credentialId })
  await insertOutbox(tx, [
    activityOf(actor, {
      companyId: null,
      action: 'instance.claimed',
      entityType: 'instance',
      entityId: 'instance',
      metadata: { companies, ownedCompanies: owned.length }
    }),
    activityOf(actor, {
      companyId: null,
      action: 'instance_admin.granted',
      entityType: 'user',
      entityId: userId
    }),
    ...owned.map((companyId) =>
      activityOf(actor, {
        companyId,
        action: 'member.added',
        entityType: 'member',
        entityId: userId,
        metadata: { role: 'owner' }
      })
    )
  ])
}
