import { type ActivityMetadata, type CompanyRole, limits, type MemberView } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Actor } from '../auth/actor.js'
import { requireBoard, requireGrantable } from '../auth/authorize.js'
import type { GatewayDatabase } from '../database.js'
import { activityOf, type GatewayAction, type OutboxEntry } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import type { PageRequest } from '../paging.js'
import { holdRightsOf } from '../user/user-store.js'
import {
  countMemberships,
  deleteMember,
  findMember,
  insertMember,
  listMemberRows,
  lockMember,
  type MemberId,
  updateMemberRole
} from './member-store.js'

/** Rules of the people of a company. It keeps an owner, and only owners make, change or remove owners. */
export interface MemberService {
  list(companyId: string, page: PageRequest): Promise<MemberView[]>
  /** Giving somebody the role they have changes nothing and succeeds. */
  setRole(actor: Actor, id: MemberId, role: CompanyRole): Promise<MemberView>
  remove(actor: Actor, id: MemberId): Promise<void>
}

/** Makes the service. */
export function createMemberService(db: Db<GatewayDatabase>, mutate: Mutate): MemberService {
  return {
    list: (companyId, page) => listMemberRows(db, companyId, page),
    setRole: (actor, id, role) =>
      mutate(async (tx) => {
        const former = await requireChangeable(tx, actor, id, role)
        if (former !== role) {
          await updateMemberRole(tx, { ...id, role })
          await insertOutbox(tx, [
            memberActivity(actor, 'member.role_changed', id, { oldRole: former, newRole: role })
          ])
        }
        const member = await findMember(tx, id)
        if (member === undefined) throw new AppError('not_found')
        return member
      }),
    remove: (actor, id) =>
      mutate(async (tx) => {
        const role = await requireChangeable(tx, actor, id, null)
        await deleteMember(tx, id)
        await insertOutbox(tx, [memberActivity(actor, 'member.removed', id, { role })])
      })
  }
}

/** Gives the role of a member who may be given another, or none. It stays theirs until the transaction ends. */
async function requireChangeable(
  tx: Tx<GatewayDatabase>,
  actor: Actor,
  id: MemberId,
  next: CompanyRole | null
): Promise<CompanyRole> {
  const member = await lockMember(tx, id)
  if (member === undefined) throw new AppError('not_found')
  requireGrantable(actor, id.companyId, member.role)
  if (next !== null) requireGrantable(actor, id.companyId, next)
  if (member.role === 'owner' && next !== 'owner' && member.otherOwners === 0)
    throw new AppError('last_owner', { detail: 'Make another member an owner first.' })
  return member.role
}

/**
 * Makes whoever creates a company its owner. Not the local operator, who is nobody's member, nor somebody with as
 * many memberships as there may be: an instance admin may enter the company all the same, and invite an owner.
 */
export async function addFounder(
  tx: Tx<GatewayDatabase>,
  actor: Actor,
  companyId: string
): Promise<OutboxEntry[]> {
  const { userId } = requireBoard(actor)
  if (!(await holdRightsOf(tx, userId))) return []
  if ((await countMemberships(tx, userId)) >= limits.membershipsMax) return []
  const founder = { companyId, userId, role: 'owner' } as const
  await insertMember(tx, founder)
  return [memberActivity(actor, 'member.added', founder, { role: founder.role })]
}

/** Makes the activity row of a member. */
export function memberActivity(
  actor: Actor,
  action: Extract<GatewayAction, `member.${string}`>,
  { companyId, userId }: MemberId,
  metadata: ActivityMetadata
): OutboxEntry {
  return activityOf(actor, { companyId, action, entityType: 'member', entityId: userId, metadata })
}
