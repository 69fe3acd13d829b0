import { type CliChallengeView, type CliMe, type CreateCliChallenge, newId } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Actor, BoardActor } from '../auth/actor.js'
import { requireBoard } from '../auth/authorize.js'
import { boardKeyPrefix } from '../auth/board-actor.js'
import { boardKeyExpiryDefault, issueBoardKey } from '../board-key/board-key-issue.js'
import type { GatewayDatabase } from '../database.js'
import { isTokenOf, newOpaqueToken } from '../opaque-token.js'
import { activityOf, type GatewayAction } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import { cleanName } from '../text.js'
import {
  type Challenge,
  deleteOldChallenges,
  findChallenge,
  findPerson,
  insertChallenge,
  lockChallenge,
  updateChallengeStatus
} from './cli-auth-store.js'

/** Time to open a browser and sign in, and too little to leave a link lying about. */
const challengeMinutesMax = 10
/** How long an ended one still says how it ended, for a CLI that asks late. */
const challengeKeptMinutes = 10
const boardKeyNameCharsMax = 120
/** How often ended challenges are removed. */
export const challengeSweepIntervalMs = 60_000
const sweepRowsMax = 1_000

/** A challenge with the two tokens of the CLI, which nobody sees again. */
export interface BegunChallenge {
  id: string
  /** Asks for the state; the approving page carries it too. */
  token: string
  /** Becomes a board key when the challenge is approved. */
  boardApiToken: string
  expiresAt: string
}

/** What the holder of a challenge has. */
export interface ChallengeTicket {
  id: string
  token: string | undefined
}

/** Signing in the CLI through a browser. */
export interface CliAuthService {
  begin(input: CreateCliChallenge): Promise<BegunChallenge>
  /** Throws `not_found` alike for an unknown id and a wrong token, here and below. */
  read(ticket: ChallengeTicket): Promise<CliChallengeView>
  /** Makes the key, limited to what was asked. Does nothing to a challenge that is not pending. */
  approve(actor: Actor, ticket: ChallengeTicket): Promise<CliChallengeView>
  /** Ends a pending challenge, whoever holds it. */
  cancel(actor: Actor, ticket: ChallengeTicket): Promise<CliChallengeView>
  me(actor: Actor): Promise<CliMe>
}

/** Makes the service. */
export function createCliAuthService(db: Db<GatewayDatabase>, mutate: Mutate): CliAuthService {
  /** Runs `decide` on a challenge while it is locked and pending; gives how it stands then. */
  async function decide(
    ticket: ChallengeTicket,
    work: (tx: Tx<GatewayDatabase>, challenge: Challenge) => Promise<'approved' | 'cancelled'>
  ): Promise<CliChallengeView> {
    // A stranger who knows an id only must not be able to make others wait.
    requireHolder(await findChallenge(db, ticket.id), ticket)
    return await mutate(async (tx) => {
      const challenge = requireHolder(await lockChallenge(tx, ticket.id), ticket)
      if (challenge.status !== 'pending') return toView(challenge)
      const status = await work(tx, challenge)
      await updateChallengeStatus(tx, challenge.id, status)
      return toView({ ...challenge, status })
    })
  }

  return {
    begin: (input) => beginChallenge(db, input),
    read: async (ticket) => toView(requireHolder(await findChallenge(db, ticket.id), ticket)),
    async approve(actor, ticket) {
      const board = requireBoard(actor)
      return await decide(ticket, async (tx, challenge) => {
        await approveChallenge(tx, board, challenge)
        return 'approved'
      })
    },
    cancel: (actor, ticket) =>
      decide(ticket, async (tx, challenge) => {
        // Nothing was granted; a stranger's change of mind is not worth a row for ever.
        if (actor.kind === 'board')
          await insertOutbox(tx, [challengeActivity(actor, 'cli_auth_challenge.cancelled', challenge)])
        return 'cancelled'
      }),
    async me(actor) {
      const { userId, isInstanceAdmin, memberships, source, credentialKind, credentialId } =
        requireBoard(actor)
      return {
        user: (await findPerson(db, userId)) ?? null,
        userId,
        isInstanceAdmin,
        companyIds: [...memberships.keys()],
        memberships: [...memberships].map(([companyId, role]) => ({ companyId, role })),
        source,
        keyId: credentialKind === 'board_key' ? credentialId : null
      }
    }
  }
}

/** Removes challenges that ended a while ago; safe on many gateways at once. */
export async function sweepChallenges(db: Db<GatewayDatabase>): Promise<void> {
  const batch = { keptMinutes: challengeKeptMinutes, rowsMax: sweepRowsMax }
  let deleted: number
  do deleted = await deleteOldChallenges(db, batch)
  while (deleted === sweepRowsMax)
}

async function beginChallenge(db: Db<GatewayDatabase>, input: CreateCliChallenge): Promise<BegunChallenge> {
  const { requestedAccess = 'board', requestedCompanyId = null } = input
  const command = cleanName(input.command, '/command')
  const clientName = input.clientName === undefined ? null : cleanName(input.clientName, '/clientName')
  if (requestedAccess === 'instance_admin_required' && requestedCompanyId !== null)
    throw new AppError('invalid_request', {
      detail: 'Body member "/requestedCompanyId" does not go with administration of the instance.',
      errors: [{ pointer: '/requestedCompanyId', message: 'does not go with instance_admin_required' }]
    })
  const id = newId()
  const { token, hash: tokenHash } = newOpaqueToken()
  const { token: boardApiToken, hash: keyHash } = newOpaqueToken(boardKeyPrefix)
  const asked = { command, clientName, requestedAccess, requestedCompanyId }
  const minutesMax = challengeMinutesMax
  const expiresAt = await insertChallenge(db, { id, tokenHash, keyHash, minutesMax, ...asked })
  return { id, token, boardApiToken, expiresAt: expiresAt.toISOString() }
}

async function approveChallenge(
  tx: Tx<GatewayDatabase>,
  actor: BoardActor,
  challenge: Challenge
): Promise<void> {
  const instanceAdmin = challenge.requestedAccess === 'instance_admin_required'
  if (instanceAdmin && !actor.isInstanceAdmin)
    throw new AppError('forbidden', { detail: 'Only an instance admin may approve this.' })
  const { keyHash, requestedCompanyId: companyId } = challenge
  const name = [...(challenge.clientName ?? challenge.command)].slice(0, boardKeyNameCharsMax).join('')
  const expiresAt = boardKeyExpiryDefault()
  const key = await issueBoardKey(tx, actor, { name, keyHash, companyId, instanceAdmin, expiresAt })
  await insertOutbox(tx, [challengeActivity(actor, 'cli_auth_challenge.approved', challenge, key.id)])
}

function requireHolder(challenge: Challenge | undefined, { token }: ChallengeTicket): Challenge {
  const isHolder = isTokenOf(token, challenge?.tokenHash)
  if (challenge === undefined || !isHolder) throw new AppError('not_found')
  return challenge
}

function challengeActivity(
  actor: BoardActor,
  action: Extract<GatewayAction, `cli_auth_challenge.${string}`>,
  { id, requestedAccess, requestedCompanyId: companyId }: Challenge,
  keyId?: string
) {
  const metadata = { requestedAccess, ...(keyId === undefined ? {} : { keyId }) }
  // A cancelled one may name any company; what was never checked must not reach its stream.
  const stream = action === 'cli_auth_challenge.approved' ? companyId : null
  return activityOf(actor, {
    companyId: stream,
    action,
    entityType: 'cli_auth_challenge',
    entityId: id,
    metadata
  })
}

function toView({ tokenHash, keyHash, expiresAt, ...shown }: Challenge): CliChallengeView {
  return { ...shown, expiresAt: expiresAt.toISOString() }
}
