import type { BoardKeyView } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import type { BoardKeyTable, GatewayDatabase } from '../database.js'
import type { PageRequest } from '../paging.js'

/** Never with the hash: nothing but the look-up needs it. */
const shown = [
  'id',
  'name',
  'company_id',
  'instance_admin',
  'created_at',
  'last_used_at',
  'revoked_at',
  'expires_at'
] as const

type ShownRow = Pick<Selectable<BoardKeyTable>, (typeof shown)[number]>

function toBoardKey(row: ShownRow): BoardKeyView {
  return {
    id: row.id,
    name: row.name,
    companyId: row.company_id,
    instanceAdmin: row.instance_admin,
    createdAt: row.created_at.toISOString(),
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
    revokedAt: row.revoked_at?.toISOString() ?? null,
    expiresAt: row.expires_at?.toISOString() ?? null
  }
}

/** Whose keys are meant: a user's, and of those only the ones for a company when one is given. */
export interface BoardKeyOwner {
  userId: string
  onlyCompanyId: string | null
}

/** Lists a user's keys newest first, one more than a page. Index: `(user_id, id)`. */
export async function listBoardKeyRows(
  db: Db<GatewayDatabase>,
  { userId, onlyCompanyId }: BoardKeyOwner,
  { rowsMax, before }: PageRequest
): Promise<BoardKeyView[]> {
  let query = db.selectFrom('board_api_keys').select(shown).where('user_id', '=', userId)
  if (onlyCompanyId !== null) query = query.where('company_id', '=', onlyCompanyId)
  if (before !== undefined) query = query.where('id', '<', before)
  const rows = await query
    .orderBy('id', 'desc')
    .limit(rowsMax + 1)
    .execute()
  return rows.map(toBoardKey)
}

/** Lets one transaction at a time make keys of a user, so that what it counts stays so. */
export async function lockBoardKeysOf(tx: Tx<GatewayDatabase>, userId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`board keys of ${userId}`}, 0))`.execute(tx)
}

/** Counts a user's keys that work. Index: `(user_id, id)`. */
export async function countLiveBoardKeys(tx: Tx<GatewayDatabase>, userId: string): Promise<number> {
  const { count } = await tx
    .selectFrom('board_api_keys')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
    .where(({ eb, or }) => or([eb('expires_at', 'is', null), eb('expires_at', '>', sql<Date>`now()`)]))
    .executeTakeFirstOrThrow()
  return count
}

/** Says whether a user is there, and keeps them from being deleted until the transaction ends. */
export async function holdUser(tx: Tx<GatewayDatabase>, userId: string): Promise<boolean> {
  const row = await tx
    .selectFrom('authUsers')
    .select('id')
    .where('id', '=', userId)
    .forKeyShare()
    .executeTakeFirst()
  return row !== undefined
}

/** Makes a key. Only its hash is kept. */
export async function insertBoardKey(
  tx: Tx<GatewayDatabase>,
  key: {
    id: string
    userId: string
    name: string
    keyHash: Buffer
    companyId: string | null
    instanceAdmin: boolean
    expiresAt: Date | null
  }
): Promise<BoardKeyView> {
  const row = await tx
    .insertInto('board_api_keys')
    .values({
      id: key.id,
      user_id: key.userId,
      name: key.name,
      key_hash: key.keyHash,
      company_id: key.companyId,
      instance_admin: key.instanceAdmin,
      expires_at: key.expiresAt,
      last_used_at: null,
      revoked_at: null
    })
    .returning(shown)
    .executeTakeFirstOrThrow()
  return toBoardKey(row)
}

/** Says whether a key is the owner's, revoked or not. Index: primary key. */
export async function hasBoardKey(
  db: Db<GatewayDatabase>,
  { userId, onlyCompanyId }: BoardKeyOwner,
  keyId: string
): Promise<boolean> {
  let query = db
    .selectFrom('board_api_keys')
    .select('id')
    .where('id', '=', keyId)
    .where('user_id', '=', userId)
  if (onlyCompanyId !== null) query = query.where('company_id', '=', onlyCompanyId)
  return (await query.executeTakeFirst()) !== undefined
}

/** Revokes a key of the owner; undefined when there is none that was not revoked before. Index: primary key. */
export async function revokeBoardKeyRow(
  tx: Tx<GatewayDatabase>,
  { userId, onlyCompanyId }: BoardKeyOwner,
  keyId: string
): Promise<BoardKeyView | undefined> {
  let query = tx
    .updateTable('board_api_keys')
    .set({ revoked_at: sql<Date>`now()` })
    .where('id', '=', keyId)
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
  if (onlyCompanyId !== null) query = query.where('company_id', '=', onlyCompanyId)
  const row = await query.returning(shown).executeTakeFirst()
  return row && toBoardKey(row)
}

/** Revokes every key of a user but one, and gives those that were not revoked before. Index: `(user_id, id)`. */
export async function revokeBoardKeyRowsOf(
  tx: Tx<GatewayDatabase>,
  { userId, exceptKeyId }: { userId: string; exceptKeyId: string | null }
): Promise<BoardKeyView[]> {
  let query = tx
    .updateTable('board_api_keys')
    .set({ revoked_at: sql<Date>`now()` })
    .where('user_id', '=', userId)
    .where('revoked_at', 'is', null)
  if (exceptKeyId !== null) query = query.where('id', '<>', exceptKeyId)
  return (await query.returning(shown).execute()).map(toBoardKey)
}
