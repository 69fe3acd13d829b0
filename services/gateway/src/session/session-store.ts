import type { Db, Tx } from '@paperclip/db'
import { sql } from 'kysely'
import type { GatewayDatabase } from '../database.js'

/** A session and whose it is. Never its token. */
export interface SessionRow {
  id: string
  userId: string
  createdAt: Date
  expiresAt: Date
  ipAddress: string | null
  userAgent: string | null
}

/** A session with the person it signs in. */
export interface SignedInRow {
  sessionId: string
  createdAt: Date
  expiresAt: Date
  userId: string
  name: string
  email: string
}

/**
 * Says in whose name this transaction changes users, accounts and sessions: those tables write their activity rows
 * themselves (migration 0004). Without it the row names the gateway.
 */
export async function actAs(tx: Tx<GatewayDatabase>, userId: string): Promise<void> {
  await sql`select set_config('paperclip.author', ${`user:${userId}`}, true)`.execute(tx)
}

/** Says whether a session is there, and keeps it from being ended until the transaction ends. Index: primary key. */
export async function holdSession(
  tx: Tx<GatewayDatabase>,
  { sessionId, userId }: { sessionId: string; userId: string }
): Promise<boolean> {
  const row = await tx
    .selectFrom('authSessions')
    .select('id')
    .where('id', '=', sessionId)
    .where('userId', '=', userId)
    .forKeyShare()
    .executeTakeFirst()
  return row !== undefined
}

/** Ends one session of a user; false when they have none by this id. Index: primary key. */
export async function deleteSession(
  tx: Tx<GatewayDatabase>,
  { sessionId, userId }: { sessionId: string; userId: string }
): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('authSessions')
    .where('id', '=', sessionId)
    .where('userId', '=', userId)
    .executeTakeFirst()
  return numDeletedRows > 0
}

/** Ends the sessions of a user, all or all but one; says how many. Index: `authSessions_user`. */
export async function deleteSessionsOf(
  tx: Tx<GatewayDatabase>,
  { userId, exceptSessionId }: { userId: string; exceptSessionId: string | null }
): Promise<number> {
  let statement = tx.deleteFrom('authSessions').where('userId', '=', userId)
  if (exceptSessionId !== null) statement = statement.where('id', '!=', exceptSessionId)
  const { numDeletedRows } = await statement.executeTakeFirst()
  return Number(numDeletedRows)
}

/** Reads a live session by its id. Index: primary key. */
export async function findSignedIn(
  db: Db<GatewayDatabase>,
  sessionId: string
): Promise<SignedInRow | undefined> {
  return await signedIn(db).where('s.id', '=', sessionId).executeTakeFirst()
}

/** Reads the live session that was just begun, by the token Better Auth gave. Index: `token`. */
export async function findSignedInByToken(
  db: Db<GatewayDatabase>,
  token: string
): Promise<SignedInRow | undefined> {
  return await signedIn(db).where('s.token', '=', token).executeTakeFirst()
}

function signedIn(db: Db<GatewayDatabase>) {
  return db
    .selectFrom('authSessions as s')
    .innerJoin('authUsers as u', 'u.id', 's.userId')
    .select(['s.id as sessionId', 's.createdAt', 's.expiresAt', 'u.id as userId', 'u.name', 'u.email'])
    .where('s.expiresAt', '>', sql<Date>`now()`)
}

/** Lists the live sessions of a user, newest first. Index: `authSessions_user`. */
export async function listSessionsOf(
  db: Db<GatewayDatabase>,
  { userId, rowsMax }: { userId: string; rowsMax: number }
): Promise<SessionRow[]> {
  return await db
    .selectFrom('authSessions')
    .select(['id', 'userId', 'createdAt', 'expiresAt', 'ipAddress', 'userAgent'])
    .where('userId', '=', userId)
    .where('expiresAt', '>', sql<Date>`now()`)
    .orderBy('id', 'desc')
    .limit(rowsMax)
    .execute()
}

/** Reads the e-mail of a user. */
export async function findEmail(db: Db<GatewayDatabase>, userId: string): Promise<string | undefined> {
  const row = await db.selectFrom('authUsers').select('email').where('id', '=', userId).executeTakeFirst()
  return row?.email
}

/**
 * Clears away sessions and verifications that have expired, and the addresses of callers that Better Auth has counted in
 * a window that is long over; some at a time, and rows in use are left for later.
 */
export async function deleteExpired(tx: Tx<GatewayDatabase>, rowsMax: number): Promise<void> {
  for (const table of ['authSessions', 'authVerifications'] as const)
    await sql`
      delete from ${sql.table(table)} where id in (
        select id from ${sql.table(table)} where "expiresAt" <= now()
        order by "expiresAt" limit ${rowsMax} for update skip locked
      )`.execute(tx)
  // Times are Better Auth's, in milliseconds of the gateway that counted.
  await sql`
    delete from "authRateLimits" where id in (
      select id from "authRateLimits"
      where "lastRequest" < extract(epoch from now()) * 1000 - ${countedAddressMsMax}
      limit ${rowsMax} for update skip locked
    )`.execute(tx)
}

/** Far beyond the window of a minute, and any difference of clocks. */
const countedAddressMsMax = 3_600_000
