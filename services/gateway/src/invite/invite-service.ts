import {
  type CreateInvite,
  type InviteAccepted,
  type InviteOffer,
  type InviteView,
  limits,
  newId
} from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Actor } from '../auth/actor.js'
import { requireBoard, requireGrantable } from '../auth/authorize.js'
import { requireActiveCompany } from '../company/company-service.js'
import { holdCompanyStatus } from '../company/company-store.js'
import type { GatewayDatabase } from '../database.js'
import { memberActivity } from '../member/member-service.js'
import { countMemberships, hasMembership, insertMember } from '../member/member-store.js'
import { hashToken, newOpaqueToken } from '../opaque-token.js'
import { activityOf, type GatewayAction, type OutboxEntry } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import type { PageRequest } from '../paging.js'
import { holdRightsOf } from '../user/user-store.js'
import {
  acceptInviteRow,
  type FoundInvite,
  findInvite,
  holdInviterRights,
  insertInvite,
  isInviteRevoked,
  listInviteRows,
  revokeInviteRow
} from './invite-store.js'

/** Rules of invites. Nobody can invite to more than they are, when they invite and when it is accepted. */
export interface InviteService {
  list(companyId: string, page: PageRequest): Promise<InviteView[]>
  /** The token is in this reply and nowhere else. */
  create(actor: Actor, companyId: string, input: CreateInvite): Promise<InviteView & { token: string }>
  /** Taking back what was taken back changes nothing and succeeds; what was accepted is no invite any more. */
  revoke(actor: Actor, id: { companyId: string; inviteId: string }): Promise<void>
  offer(token: string): Promise<InviteOffer>
  accept(actor: Actor, token: string): Promise<InviteAccepted>
}

/** Makes the service. `localOperatorRules`: whoever sends no credential is the operator in this mode. */
export function createInviteService(
  db: Db<GatewayDatabase>,
  mutate: Mutate,
  mode: { localOperatorRules: boolean }
): InviteService {
  return {
    list: (companyId, page) => listInviteRows(db, companyId, page),
    async create(actor, companyId, { role, expiresInHours: hours = limits.inviteHoursDefault }) {
      const { userId: createdByUserId } = requireBoard(actor)
      requireGrantable(actor, companyId, role)
      const { token, hash: tokenHash } = newOpaqueToken()
      const invite = await mutate(async (tx) => {
        await requireActiveCompany(tx, companyId)
        const made = await insertInvite(tx, {
          id: newId(),
          companyId,
          role,
          tokenHash,
          createdByUserId,
          hours
        })
        await insertOutbox(tx, [inviteActivity(actor, 'invite.created', { ...made, companyId })])
        return made
      })
      return { ...invite, token }
    },
    revoke: (actor, id) =>
      mutate(async (tx) => {
        const invite = await revokeInviteRow(tx, id)
        if (invite !== undefined)
          await insertOutbox(tx, [
            inviteActivity(actor, 'invite.revoked', { ...invite, companyId: id.companyId })
          ])
        else if (!(await isInviteRevoked(tx, id))) throw new AppError('not_found')
      }),
    async offer(token) {
      const { companyId, companyName, role, expiresAt } = requireOpen(
        await findInvite(db, hashToken(token), mode)
      )
      return { companyId, companyName, role, expiresAt: expiresAt.toISOString() }
    },
    async accept(actor, token) {
      const find = (tx: Db<GatewayDatabase>) => findInvite(tx, hashToken(token), mode)
      // Whoever holds no invite must not be able to make others wait.
      requireOpen(await find(db))
      return await mutate((tx) => join(tx, actor, () => find(tx)))
    }
  }
}

/** Uses an invite up and makes the caller a member, or leaves both as they are. */
async function join(
  tx: Tx<GatewayDatabase>,
  actor: Actor,
  find: () => Promise<FoundInvite | undefined>
): Promise<InviteAccepted> {
  const { userId } = requireBoard(actor)
  // Deleted since the request was let in: nobody may become a member without a user.
  if (!(await holdRightsOf(tx, userId))) throw new AppError('unauthenticated')
  const { companyId, createdByUserId } = requireOpen(await find())
  // In the order of whoever archives or deletes the company: it first, then what is in it.
  await holdCompanyStatus(tx, companyId)
  await holdInviterRights(tx, { companyId, createdByUserId })
  const invite = requireOpen(await find())
  if (await hasMembership(tx, { companyId, userId }))
    throw new AppError('already_member', { detail: 'You are a member already. The invite stays open.' })
  if ((await countMemberships(tx, userId)) >= limits.membershipsMax)
    throw new AppError('membership_limit', {
      detail: `A user can be a member of ${limits.membershipsMax} companies. Leave one first.`
    })
  if (!(await acceptInviteRow(tx, { inviteId: invite.id, userId }))) throw closed()
  const { role } = invite
  await insertMember(tx, { companyId, userId, role })
  await insertOutbox(tx, [
    inviteActivity(actor, 'invite.accepted', invite),
    memberActivity(actor, 'member.added', { companyId, userId }, { role, inviteId: invite.id })
  ])
  return { companyId, role }
}

function requireOpen(invite: FoundInvite | undefined): FoundInvite {
  if (invite === undefined) throw new AppError('not_found')
  if (!invite.isOpen) throw closed()
  return invite
}

function closed(): AppError {
  return new AppError('invite_closed', { detail: 'Ask an admin of the company for a new one.' })
}

function inviteActivity(
  actor: Actor,
  action: Extract<GatewayAction, `invite.${string}`>,
  {
    companyId,
    id,
    role,
    expiresAt
  }: { companyId: string; id: string; role: string; expiresAt: string | Date }
): OutboxEntry {
  return activityOf(actor, {
    companyId,
    action,
    entityType: 'invite',
    entityId: id,
    metadata: { role, expiresAt: new Date(expiresAt).toISOString() }
  })
}
