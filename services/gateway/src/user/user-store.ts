import type { UserView } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { sql } from 'kysely'
import type { GatewayDatabase } from '../database.js'
import type { PageRequest } from '../paging.js'

interface UserRow {
  id: string
  name: string
  email: string
  createdAt: Date
  isInstanceAdmin: boolean
}

function toUser({ id, name, email, createdAt, isInstanceAdmin }: UserRow): UserView {
  return { id, name, email, isInstanceAdmin, createdAt: createdAt.toISOString() }
}

const isInstanceAdmin = sql<boolean>`exists (
  select 1 from instance_user_roles r where r.user_id = u.id and r.role = 'instance_admin'
)`.as('isInstanceAdmin')

/** Lists users newest first, one more than a page: ids are UUIDs of version 7. Index: primary key. */
export async function listUserRows(
  db: Db<GatewayDatabase>,
  { rowsMax, before }: PageRequest
): Promise<UserView[]> {
  let query = db
    .selectFrom('authUsers as u')
    .select(['u.id', 'u.name', 'u.email', 'u.createdAt', isInstanceAdmin])
  if (before !== undefined) query = query.where('u.id', '<', before)
  const rows = await query
    .orderBy('u.id', 'desc')
    .limit(rowsMax + 1)
    .execute()
  return rows.map(toUser)
}

/** Finds a user. */
export async function findUser(db: Db<GatewayDatabase>, userId: string): Promise<UserView | undefined> {
  const row = await db
    .selectFrom('authUsers as u')
    .select(['u.id', 'u.name', 'u.email', 'u.createdAt', isInstanceAdmin])
    .where('u.id', '=', userId)
    .executeTakeFirst()
  return row && toUser(row)
}

/**
 * Says whether a user is there. Until the transaction ends nobody deletes them, and whoever else changes their roles
 * or memberships by way of this waits: what is counted meanwhile stays so.
 */
export async function holdRightsOf(tx: Tx<GatewayDatabase>, userId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('authUsers')
    .select('id')
    .where('id', '=', userId)
    .forNoKeyUpdate()
    .executeTakeFirst()
  return row !== undefined
}

/** Says whether a user is there, and lets nobody else begin anything for them until the transaction ends. */
export async function lockUser(tx: Tx<GatewayDatabase>, userId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('authUsers')
    .select('id')
    .where('id', '=', userId)
    .forUpdate()
    .executeTakeFirst()
  return row !== undefined
}

/** Deletes a user; sessions and accounts go by cascade, what names them only by id through `forget_user`. */
export async function deleteUserRow(tx: Tx<GatewayDatabase>, userId: string): Promise<void> {
  await tx.deleteFrom('authUsers').where('id', '=', userId).execute()
}

/**
 * Gives the ids of all instance admins, and keeps them as they are until the transaction ends. Only of those who can
 * sign in: a role without its user administers nothing.
 */
export async function lockInstanceAdmins(tx: Tx<GatewayDatabase>): Promise<string[]> {
  const rows = await tx
    .selectFrom('instance_user_roles as r')
    .innerJoin('authUsers as u', 'u.id', 'r.user_id')
    .select('r.user_id')
    .where('r.role', '=', 'instance_admin')
    .orderBy('r.user_id')
    .forUpdate('r')
    .execute()
  return rows.map((row) => row.user_id)
}

/** Says whether a user is an instance admin, and keeps them one until the transaction ends. */
export async function holdInstanceAdmin(tx: Tx<GatewayDatabase>, userId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('instance_user_roles')
    .select('user_id')
    .where('user_id', '=', userId)
    .where('role', '=', 'instance_admin')
    .forKeyShare()
    .executeTakeFirst()
  return row !== undefined
}

/** Makes a user an instance admin; false when they are one. */
export async function insertInstanceAdmin(tx: Tx<GatewayDatabase>, userId: string): Promise<boolean> {
  const row = await tx
    .insertInto('instance_user_roles')
    .values({ user_id: userId, role: 'instance_admin' })
    .onConflict((conflict) => conflict.doNothing())
    .returning('user_id')
    .executeTakeFirst()
  return row !== undefined
}

/** Takes instance administration from a user. */
export async function deleteInstanceAdmin(tx: Tx<GatewayDatabase>, userId: string): Promise<void> {
  await tx
    .deleteFrom('instance_user_roles')
    .where('user_id', '=', userId)
    .where('role', '=', 'instance_admin')
    .execute()
}
