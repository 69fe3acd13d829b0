import type { UserView } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { AppError } from '@paperclip/server'
import type { Actor } from '../auth/actor.js'
import { requireBoard } from '../auth/authorize.js'
import type { GatewayDatabase } from '../database.js'
import { lockMembershipsOf } from '../member/member-store.js'
import { activityOf, type GatewayAction, type OutboxEntry } from '../outbox/activity.js'
import type { Mutate } from '../outbox/mutation.js'
import { insertOutbox } from '../outbox/outbox-store.js'
import type { PageRequest } from '../paging.js'
import { actAs, deleteSessionsOf } from '../session/session-store.js'
import { requireStillAdmin } from './still-admin.js'
import {
  deleteInstanceAdmin,
  deleteUserRow,
  findUser,
  holdRightsOf,
  insertInstanceAdmin,
  listUserRows,
  lockInstanceAdmins,
  lockUser
} from './user-store.js'

/**
 * Rules of the people of an instance. Whose administration changes, either way, signs in again: all their sessions
 * end with it.
 */
export interface UserService {
  list(page: PageRequest): Promise<UserView[]>
  /** Promoting an admin changes nothing and succeeds. */
  promote(actor: Actor, userId: string): Promise<UserView>
  /** Demoting somebody who is no admin changes nothing and succeeds; the last admin stays. */
  demote(actor: Actor, userId: string): Promise<UserView>
  /** Refuses instance admins, and whoever is the last owner of a company. */
  delete(actor: Actor, userId: string): Promise<void>
  endSessions(actor: Actor, userId: string): Promise<void>
}

/** Makes the service. */
export function createUserService(db: Db<GatewayDatabase>, mutate: Mutate): UserService {
  return {
    list: (page) => listUserRows(db, page),
    promote: (actor, userId) =>
      mutate(async (tx) => {
        if (!(await holdRightsOf(tx, userId))) throw new AppError('not_found')
        await requireStillAdmin(tx, actor)
        if (await insertInstanceAdmin(tx, userId))
          await changedAdmin(tx, actor, { userId, action: 'instance_admin.granted' })
        return await requireUser(tx, userId)
      }),
    demote: (actor, userId) =>
      mutate(async (tx) => {
        if (!(await holdRightsOf(tx, userId))) throw new AppError('not_found')
        const admins = await lockInstanceAdmins(tx)
        await requireStillAdmin(tx, actor)
        if (admins.includes(userId)) {
          if (admins.length === 1)
            throw new AppError('last_admin', { detail: 'Make somebody else an instance admin first.' })
          await deleteInstanceAdmin(tx, userId)
          await changedAdmin(tx, actor, { userId, action: 'instance_admin.revoked' })
        }
        return await requireUser(tx, userId)
      }),
    delete: (actor, userId) => mutate((tx) => deleteUser(tx, actor, userId)),
    endSessions: (actor, userId) =>
      mutate(async (tx) => {
        if (!(await holdRightsOf(tx, userId))) throw new AppError('not_found')
        const sessions = await endAllSessions(tx, actor, userId)
        await insertOutbox(tx, [
          userActivity(actor, { userId, action: 'user.sessions_ended', metadata: { sessions } })
        ])
      })
  }
}

async function deleteUser(tx: Tx<GatewayDatabase>, actor: Actor, userId: string): Promise<void> {
  if (!(await lockUser(tx, userId))) throw new AppError('not_found')
  await requireStillAdmin(tx, actor)
  if ((await requireUser(tx, userId)).isInstanceAdmin)
    throw new AppError('user_is_admin', { detail: 'Take instance administration from the user first.' })
  const memberships = await lockMembershipsOf(tx, userId)
  const [orphan, ...others] = memberships.filter(({ isLastOwner }) => isLastOwner)
  if (orphan !== undefined) {
    const more = others.length === 0 ? '' : ` and of ${others.length} more`
    throw new AppError('last_owner', {
      detail: `The user is the last owner of company ${orphan.companyId}${more}. Make another member an owner there first.`
    })
  }
  const sessions = await endAllSessions(tx, actor, userId)
  await deleteUserRow(tx, userId)
  // Neither name nor e-mail: what stays of the user is the bare id.
  await insertOutbox(tx, [
    ...memberships.map(({ companyId, role }) =>
      activityOf(actor, {
        companyId,
        action: 'member.removed',
        entityType: 'member',
        entityId: userId,
        metadata: { role, reason: 'user_deleted' }
      })
    ),
    userActivity(actor, {
      userId,
      action: 'user.deleted',
      metadata: { memberships: memberships.length, sessions }
    })
  ])
}

/** Records a change of administration, and ends the sessions that were begun with other rights. */
async function changedAdmin(
  tx: Tx<GatewayDatabase>,
  actor: Actor,
  { userId, action }: { userId: string; action: 'instance_admin.granted' | 'instance_admin.revoked' }
): Promise<void> {
  const sessions = await endAllSessions(tx, actor, userId)
  await insertOutbox(tx, [userActivity(actor, { userId, action, metadata: { sessionsEnded: sessions } })])
}

async function endAllSessions(tx: Tx<GatewayDatabase>, actor: Actor, userId: string): Promise<number> {
  await actAs(tx, requireBoard(actor).userId)
  return await deleteSessionsOf(tx, { userId, exceptSessionId: null })
}

async function requireUser(db: Db<GatewayDatabase>, userId: string): Promise<UserView> {
  const user = await findUser(db, userId)
  if (user === undefined) throw new AppError('not_found')
  return user
}

function userActivity(
  actor: Actor,
  { userId, action, metadata }: { userId: string; action: GatewayAction; metadata: Record<string, number> }
): OutboxEntry {
  return activityOf(actor, { companyId: null, action, entityType: 'user', entityId: userId, metadata })
}
