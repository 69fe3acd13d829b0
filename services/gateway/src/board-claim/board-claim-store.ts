import type { Db, Tx } from '@paperclip/db'
import { sql } from 'kysely'
import type { GatewayDatabase } from '../database.js'

/** A printed claim as it stands at the moment of asking. */
export interface ClaimState {
  codeHash: Buffer
  expiresAt: Date
  expired: boolean
  /** Somebody has claimed the instance since it was printed, or it has an admin by other means. */
  claimed: boolean
  claimedByUserId: string | null
}

/** An admin is one who can sign in: a role without its user counts for nothing. */
const adminExists = sql<boolean>`exists (
  select 1 from instance_user_roles r join "authUsers" u on u.id = r.user_id where r.role = 'instance_admin'
)`

/** Says whether anybody administers the instance. */
export async function hasInstanceAdmin(db: Db<GatewayDatabase>): Promise<boolean> {
  const { present } = await db.selectNoFrom(adminExists.as('present')).executeTakeFirstOrThrow()
  return present
}

/** Keeps a new claim, as hashes, for as long as it is good. */
export async function insertBoardClaim(
  db: Db<GatewayDatabase>,
  claim: { id: string; tokenHash: Buffer; codeHash: Buffer; hoursMax: number }
): Promise<void> {
  await db
    .insertInto('board_claims')
    .values({
      id: claim.id,
      token_hash: claim.tokenHash,
      code_hash: claim.codeHash,
      expires_at: sql<Date>`now() + make_interval(hours => ${claim.hoursMax})`
    })
    .execute()
}

/** Removes claims that ended so long ago that nobody opens them any more. Small table, no index. */
export async function deleteOldBoardClaims(
  db: Db<GatewayDatabase>,
  { keptHours }: { keptHours: number }
): Promise<void> {
  await db
    .deleteFrom('board_claims')
    .where('expires_at', '<', sql<Date>`now() - make_interval(hours => ${keptHours})`)
    .execute()
}

/** Finds a claim by its token's hash. Index: `token_hash`. */
export async function findBoardClaim(
  db: Db<GatewayDatabase>,
  tokenHash: Buffer
): Promise<ClaimState | undefined> {
  return await db
    .selectFrom('board_claims as c')
    .crossJoin('instance_settings as s')
    .select([
      'c.code_hash as codeHash',
      'c.expires_at as expiresAt',
      sql<boolean>`c.expires_at <= now()`.as('expired'),
      sql<boolean>`coalesce(s.claimed_at >= c.created_at, false) or ${adminExists}`.as('claimed'),
      's.claimed_by_user_id as claimedByUserId'
    ])
    .where('c.token_hash', '=', tokenHash)
    .executeTakeFirst()
}

/** Lets one claimant at a time proceed, over all gateways, until its transaction ends. */
export async function lockInstance(tx: Tx<GatewayDatabase>): Promise<void> {
  await tx.selectFrom('instance_settings').select('id').forUpdate().execute()
}

/** Notes who has the instance and since when, which voids every claim printed so far. */
export async function updateClaimed(tx: Tx<GatewayDatabase>, userId: string): Promise<void> {
  await tx
    .updateTable('instance_settings')
    // Not now(), when the transaction began: a claim printed while it waited is to be void too.
    .set({ claimed_at: sql<Date>`clock_timestamp()`, claimed_by_user_id: userId })
    .execute()
}

/**
 * Makes a user the owner of companies that no person owns, active ones and old ones first, as far as the limit of
 * memberships reaches. Gives their ids.
 */
export async function adoptCompanies(
  tx: Tx<GatewayDatabase>,
  { userId, membershipsMax }: { userId: string; membershipsMax: number }
): Promise<string[]> {
  const { rows } = await sql<{ companyId: string }>`
    insert into company_memberships (company_id, principal_type, principal_id, role)
    select c.id, 'user', ${userId}, 'owner' from companies c
    where not exists (
      select 1 from company_memberships m join "authUsers" u on u.id = m.principal_id
      where m.company_id = c.id and m.principal_type = 'user' and m.role = 'owner' and m.status = 'active'
    )
    order by c.status, c.id
    limit greatest(0, ${membershipsMax} - (
      select count(*)::int from company_memberships m
      where m.principal_type = 'user' and m.principal_id = ${userId}
    ))
    on conflict (company_id, principal_type, principal_id)
      do update set role = 'owner', status = 'active', updated_at = now()
    returning company_id as "companyId"`.execute(tx)
  return rows.map((row) => row.companyId)
}

/** Counts companies. */
export async function countCompanies(tx: Tx<GatewayDatabase>): Promise<number> {
  const { count } = await tx
    .selectFrom('companies')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return count
}
