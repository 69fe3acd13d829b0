import { type CompanyRole, type InviteView, localOperatorId } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { sql } from 'kysely'
import type { GatewayDatabase } from '../database.js'
import type { PageRequest } from '../paging.js'

const shown = ['id', 'role', 'expires_at', 'created_at'] as const

interface ShownRow {
  id: string
  role: CompanyRole
  expires_at: Date
  created_at: Date
}

function toInvite(row: ShownRow): InviteView {
  return {
    id: row.id,
    role: row.role,
    expiresAt: row.expires_at.toISOString(),
    createdAt: row.created_at.toISOString()
  }
}

/** Lists a company's invites that nobody used, took back or let lapse, newest first. Index: `(company_id, id)`. */
export async function listInviteRows(
  db: Db<GatewayDatabase>,
  companyId: string,
  { rowsMax, before }: PageRequest
): Promise<InviteView[]> {
  let query = db
    .selectFrom('company_invites')
    .select(shown)
    .where('company_id', '=', companyId)
    .where('accepted_at', 'is', null)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', sql<Date>`now()`)
  if (before !== undefined) query = query.where('id', '<', before)
  const rows = await query
    .orderBy('id', 'desc')
    .limit(rowsMax + 1)
    .execute()
  return rows.map(toInvite)
}

/** Makes an invite. Only the hash of its token is kept. */
export async function insertInvite(
  tx: Tx<GatewayDatabase>,
  invite: {
    id: string
    companyId: string
    role: CompanyRole
    tokenHash: Buffer
    createdByUserId: string
    hours: number
  }
): Promise<InviteView> {
  const row = await tx
    .insertInto('company_invites')
    .values({
      id: invite.id,
      company_id: invite.companyId,
      role: invite.role,
      token_hash: invite.tokenHash,
      created_by_user_id: invite.createdByUserId,
      expires_at: sql<Date>`now() + make_interval(hours => ${invite.hours})`,
      accepted_at: null,
      accepted_by_user_id: null,
      revoked_at: null
    })
    .returning(shown)
    .executeTakeFirstOrThrow()
  return toInvite(row)
}

/** Takes an invite of a company back; undefined when it was used or taken back before, or is none. */
export async function revokeInviteRow(
  tx: Tx<GatewayDatabase>,
  { companyId, inviteId }: { companyId: string; inviteId: string }
): Promise<InviteView | undefined> {
  const row = await tx
    .updateTable('company_invites')
    .set({ revoked_at: sql<Date>`now()` })
    .where('company_id', '=', companyId)
    .where('id', '=', inviteId)
    .where('accepted_at', 'is', null)
    .where('revoked_at', 'is', null)
    .returning(shown)
    .executeTakeFirst()
  return row && toInvite(row)
}

/** Says whether an invite of a company was taken back. */
export async function isInviteRevoked(
  db: Db<GatewayDatabase>,
  { companyId, inviteId }: { companyId: string; inviteId: string }
): Promise<boolean> {
  const row = await db
    .selectFrom('company_invites')
    .select('id')
    .where('company_id', '=', companyId)
    .where('id', '=', inviteId)
    .where('revoked_at', 'is not', null)
    .executeTakeFirst()
  return row !== undefined
}

/** An invite as the holder of its token finds it. */
export interface FoundInvite {
  id: string
  companyId: string
  companyName: string
  createdByUserId: string
  role: CompanyRole
  expiresAt: Date
  /** Neither used, taken back nor lapsed; its company is active, and who made it could make it now. */
  isOpen: boolean
}

/**
 * Finds an invite by the hash of its token. Index: `token_hash`. Invites of the local operator count while there is
 * one (`localOperatorRules`): a claimed instance must not be entered by what its machine's processes made before.
 */
export async function findInvite(
  db: Db<GatewayDatabase>,
  tokenHash: Buffer,
  { localOperatorRules }: { localOperatorRules: boolean }
): Promise<FoundInvite | undefined> {
  return await db
    .selectFrom('company_invites as i')
    .innerJoin('companies as c', 'c.id', 'i.company_id')
    .select([
      'i.id',
      'i.company_id as companyId',
      'c.name as companyName',
      'i.created_by_user_id as createdByUserId',
      'i.role',
      'i.expires_at as expiresAt'
    ])
    .select(
      sql<boolean>`
        i.accepted_at is null and i.revoked_at is null and i.expires_at > now() and c.status = 'active' and (
          exists (
            select 1 from instance_user_roles r
            where r.user_id = i.created_by_user_id and r.role = 'instance_admin'
          ) or exists (
            select 1 from company_memberships m
            where m.company_id = i.company_id and m.principal_type = 'user'
              and m.principal_id = i.created_by_user_id and m.status = 'active'
              and (m.role = 'owner' or (m.role = 'admin' and i.role <> 'owner'))
          ) or (${localOperatorRules} and i.created_by_user_id = ${localOperatorId})
        )`.as('isOpen')
    )
    .where('i.token_hash', '=', tokenHash)
    .executeTakeFirst()
}

/** Keeps whatever lets somebody invite to a company as it is until the transaction ends. */
export async function holdInviterRights(
  tx: Tx<GatewayDatabase>,
  { companyId, createdByUserId }: { companyId: string; createdByUserId: string }
): Promise<void> {
  await tx
    .selectFrom('company_memberships')
    .select('role')
    .where('company_id', '=', companyId)
    .where('principal_type', '=', 'user')
    .where('principal_id', '=', createdByUserId)
    .forShare()
    .execute()
  await tx
    .selectFrom('instance_user_roles')
    .select('role')
    .where('user_id', '=', createdByUserId)
    .forShare()
    .execute()
}

/** Uses an invite up for a user; false when somebody did before, or it closed. Of many at once one succeeds. */
export async function acceptInviteRow(
  tx: Tx<GatewayDatabase>,
  { inviteId, userId }: { inviteId: string; userId: string }
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable('company_invites')
    .set({ accepted_at: sql<Date>`now()`, accepted_by_user_id: userId })
    .where('id', '=', inviteId)
    .where('accepted_at', 'is', null)
    .where('revoked_at', 'is', null)
    .where('expires_at', '>', sql<Date>`now()`)
    .executeTakeFirst()
  return numUpdatedRows > 0
}
