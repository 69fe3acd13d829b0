import type { CliAccess, CliChallengeView } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { sql } from 'kysely'
import type { GatewayDatabase } from '../database.js'

/** A challenge as it stands at the moment of asking. */
export interface Challenge extends Omit<CliChallengeView, 'expiresAt'> {
  tokenHash: Buffer
  /** Of the board key to be. */
  keyHash: Buffer
  expiresAt: Date
}

const challengeColumns = [
  'id',
  'token_hash as tokenHash',
  'key_hash as keyHash',
  'command',
  'client_name as clientName',
  'requested_access as requestedAccess',
  'requested_company_id as requestedCompanyId',
  'expires_at as expiresAt',
  // What was decided stays so; only waiting ends by the clock.
  sql<CliChallengeView['status']>`
    case when status = 'pending' and expires_at <= now() then 'expired' else status end`.as('status')
] as const

/** Begins a challenge; only hashes of its two tokens are kept. Gives when it ends. */
export async function insertChallenge(
  db: Db<GatewayDatabase>,
  challenge: {
    id: string
    tokenHash: Buffer
    keyHash: Buffer
    command: string
    clientName: string | null
    requestedAccess: CliAccess
    requestedCompanyId: string | null
    minutesMax: number
  }
): Promise<Date> {
  const { expires_at } = await db
    .insertInto('cli_auth_challenges')
    .values({
      id: challenge.id,
      token_hash: challenge.tokenHash,
      key_hash: challenge.keyHash,
      command: challenge.command,
      client_name: challenge.clientName,
      requested_access: challenge.requestedAccess,
      requested_company_id: challenge.requestedCompanyId,
      expires_at: sql<Date>`now() + make_interval(mins => ${challenge.minutesMax})`
    })
    .returning('expires_at')
    .executeTakeFirstOrThrow()
  return expires_at
}

/** Finds a challenge by its id. Index: primary key. */
export async function findChallenge(db: Db<GatewayDatabase>, id: string): Promise<Challenge | undefined> {
  return await db
    .selectFrom('cli_auth_challenges')
    .select(challengeColumns)
    .where('id', '=', id)
    .executeTakeFirst()
}

/** Finds a challenge and lets nobody else decide on it until the transaction ends. Index: primary key. */
export async function lockChallenge(tx: Tx<GatewayDatabase>, id: string): Promise<Challenge | undefined> {
  return await tx
    .selectFrom('cli_auth_challenges')
    .select(challengeColumns)
    .where('id', '=', id)
    .forUpdate()
    .executeTakeFirst()
}

/** Decides on a challenge that is locked and pending. */
export async function updateChallengeStatus(
  tx: Tx<GatewayDatabase>,
  id: string,
  status: 'approved' | 'cancelled'
): Promise<void> {
  await tx.updateTable('cli_auth_challenges').set({ status }).where('id', '=', id).execute()
}

/** Removes challenges that ended a while ago, some at a time; gives how many. Index: `expires_at`. */
export async function deleteOldChallenges(
  db: Db<GatewayDatabase>,
  { keptMinutes, rowsMax }: { keptMinutes: number; rowsMax: number }
): Promise<number> {
  const { numAffectedRows } = await sql`
    delete from cli_auth_challenges where id in (
      select id from cli_auth_challenges where expires_at < now() - make_interval(mins => ${keptMinutes})
      order by expires_at limit ${rowsMax} for update skip locked
    )`.execute(db)
  return Number(numAffectedRows ?? 0)
}

/** Finds who a user's id belongs to; undefined for the local operator. */
export async function findPerson(
  db: Db<GatewayDatabase>,
  userId: string
): Promise<{ id: string; name: string; email: string } | undefined> {
  return await db
    .selectFrom('authUsers')
    .select(['id', 'name', 'email'])
    .where('id', '=', userId)
    .executeTakeFirst()
}
