import type { CompanyRole, MemberView } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { sql } from 'kysely'
import type { GatewayDatabase } from '../database.js'
import type { PageRequest } from '../paging.js'

/** Who is a member of what. */
export interface MemberId {
  companyId: string
  userId: string
}

interface MemberRow {
  userId: string
  name: string
  email: string
  role: CompanyRole
  createdAt: Date
}

function toMember({ userId, name, email, role, createdAt }: MemberRow): MemberView {
  return { userId, name, email, role, createdAt: createdAt.toISOString() }
}

/** Active memberships of people who are there. Index: primary key. */
function membersOf(db: Db<GatewayDatabase>, companyId: string) {
  return db
    .selectFrom('company_memberships as m')
    .innerJoin('authUsers as u', 'u.id', 'm.principal_id')
    .select(['u.id as userId', 'u.name', 'u.email', 'm.role', 'm.created_at as createdAt'])
    .where('m.company_id', '=', companyId)
    .where('m.principal_type', '=', 'user')
    .where('m.status', '=', 'active')
}

/** Lists a company's members by user id, newest user first, one more than a page. */
export async function listMemberRows(
  db: Db<GatewayDatabase>,
  companyId: string,
  { rowsMax, before }: PageRequest
): Promise<MemberView[]> {
  let query = membersOf(db, companyId)
  if (before !== undefined) query = query.where('m.principal_id', '<', before)
  const rows = await query
    .orderBy('m.principal_id', 'desc')
    .limit(rowsMax + 1)
    .execute()
  return rows.map(toMember)
}

/** Finds a member of a company. */
export async function findMember(
  db: Db<GatewayDatabase>,
  { companyId, userId }: MemberId
): Promise<MemberView | undefined> {
  const row = await membersOf(db, companyId).where('m.principal_id', '=', userId).executeTakeFirst()
  return row && toMember(row)
}

/** An owner is one who can sign in: a membership without its user owns nothing. */
const isPresent = sql<boolean>`exists (
  select 1 from "authUsers" u where u.id = company_memberships.principal_id
)`

/**
 * Gives the role of a member, and how many owners the company has besides; both stay so until the transaction ends.
 * Undefined when there is no such member. Locks in the order of ids, so that two of these cannot wait for each other.
 */
export async function lockMember(
  tx: Tx<GatewayDatabase>,
  { companyId, userId }: MemberId
): Promise<{ role: CompanyRole; otherOwners: number } | undefined> {
  const rows = await tx
    .selectFrom('company_memberships')
    .select(['principal_id', 'role', isPresent.as('isPresent')])
    .where('company_id', '=', companyId)
    .where('principal_type', '=', 'user')
    .where('status', '=', 'active')
    .where(({ eb, or }) => or([eb('role', '=', 'owner'), eb('principal_id', '=', userId)]))
    .orderBy('principal_id')
    .forUpdate()
    .execute()
  const member = rows.find((row) => row.principal_id === userId)
  const others = rows.filter((row) => row.principal_id !== userId && row.isPresent)
  return member && { role: member.role, otherOwners: others.length }
}

/** A user's place in a company. */
export interface Membership {
  companyId: string
  role: CompanyRole
  /** Active, and nobody else there is an owner. */
  isLastOwner: boolean
}

/** Gives all memberships of a user; they and the owners beside them stay so until the transaction ends. */
export async function lockMembershipsOf(tx: Tx<GatewayDatabase>, userId: string): Promise<Membership[]> {
  const { rows } = await sql<{ companyId: string; userId: string; role: CompanyRole; status: string }>`
    select m.company_id as "companyId", m.principal_id as "userId", m.role, m.status
    from company_memberships m
    where m.principal_type = 'user'
      and m.company_id in (
        select o.company_id from company_memberships o where o.principal_type = 'user' and o.principal_id = ${userId}
      )
      and (m.principal_id = ${userId} or (m.role = 'owner' and m.status = 'active' and exists (
        select 1 from "authUsers" u where u.id = m.principal_id
      )))
    order by m.company_id, m.principal_id
    for update`.execute(tx)
  const owned = new Set(rows.filter((row) => row.userId !== userId).map((row) => row.companyId))
  return rows
    .filter((row) => row.userId === userId)
    .map(({ companyId, role, status }) => ({
      companyId,
      role,
      isLastOwner: role === 'owner' && status === 'active' && !owned.has(companyId)
    }))
}

/** Counts the memberships of a user, suspended ones too. Index: `company_memberships_principal`. */
export async function countMemberships(db: Db<GatewayDatabase>, userId: string): Promise<number> {
  const { count } = await db
    .selectFrom('company_memberships')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .where('principal_type', '=', 'user')
    .where('principal_id', '=', userId)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Says whether a user has a membership in a company, a suspended one too. */
export async function hasMembership(
  db: Db<GatewayDatabase>,
  { companyId, userId }: MemberId
): Promise<boolean> {
  const row = await db
    .selectFrom('company_memberships')
    .select('role')
    .where('company_id', '=', companyId)
    .where('principal_type', '=', 'user')
    .where('principal_id', '=', userId)
    .executeTakeFirst()
  return row !== undefined
}

/** Makes a user a member of a company. */
export async function insertMember(
  tx: Tx<GatewayDatabase>,
  { companyId, userId, role }: MemberId & { role: CompanyRole }
): Promise<void> {
  await tx
    .insertInto('company_memberships')
    .values({ company_id: companyId, principal_type: 'user', principal_id: userId, role })
    .execute()
}

/** Changes the role of a member. */
export async function updateMemberRole(
  tx: Tx<GatewayDatabase>,
  { companyId, userId, role }: MemberId & { role: CompanyRole }
): Promise<void> {
  await tx
    .updateTable('company_memberships')
    .set({ role, updated_at: sql<Date>`now()` })
    .where('company_id', '=', companyId)
    .where('principal_type', '=', 'user')
    .where('principal_id', '=', userId)
    .execute()
}

/** Takes a user out of a company. */
export async function deleteMember(tx: Tx<GatewayDatabase>, { companyId, userId }: MemberId): Promise<void> {
  await tx
    .deleteFrom('company_memberships')
    .where('company_id', '=', companyId)
    .where('principal_type', '=', 'user')
    .where('principal_id', '=', userId)
    .execute()
}
