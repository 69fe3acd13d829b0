import type { CompanyView } from '@paperclip/contracts'
import type { Db, Tx } from '@paperclip/db'
import { type Selectable, sql } from 'kysely'
import type { CompanyTable, GatewayDatabase } from '../database.js'
import type { PageRequest } from '../paging.js'

type CompanyRow = Selectable<CompanyTable>

/** Gives a row the form of the wire. */
export function toCompany(row: CompanyRow): CompanyView {
  return {
    id: row.id,
    name: row.name,
    status: row.status,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString()
  }
}

/** Lists companies newest first, one more than a page; `only` narrows it to some. Index: primary key. */
export async function listCompanyRows(
  db: Db<GatewayDatabase>,
  { rowsMax, before }: PageRequest,
  only: readonly string[] | null
): Promise<CompanyView[]> {
  let query = db.selectFrom('companies').selectAll()
  if (before !== undefined) query = query.where('id', '<', before)
  if (only !== null)
    query = only.length > 0 ? query.where('id', 'in', only) : query.where(sql<boolean>`false`)
  const rows = await query
    .orderBy('id', 'desc')
    .limit(rowsMax + 1)
    .execute()
  return rows.map(toCompany)
}

/** Finds a company. */
export async function findCompany(db: Db<GatewayDatabase>, id: string): Promise<CompanyView | undefined> {
  const row = await db.selectFrom('companies').selectAll().where('id', '=', id).executeTakeFirst()
  return row && toCompany(row)
}

/** Makes a company. */
export async function insertCompany(
  tx: Tx<GatewayDatabase>,
  company: { id: string; name: string }
): Promise<CompanyView> {
  return toCompany(await tx.insertInto('companies').values(company).returningAll().executeTakeFirstOrThrow())
}

/** Changes a company; undefined when there is none. Waits for runs that are being opened in it. */
export async function updateCompanyRow(
  tx: Tx<GatewayDatabase>,
  id: string,
  change: { name?: string; status?: CompanyRow['status'] }
): Promise<CompanyView | undefined> {
  const row = await tx
    .updateTable('companies')
    .set({ ...change, updated_at: sql<Date>`now()` })
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  return row && toCompany(row)
}

/** Finds a company and keeps everybody else from it until the transaction ends. */
export async function lockCompany(
  tx: Tx<GatewayDatabase>,
  id: string
): Promise<{ name: string } | undefined> {
  return await tx.selectFrom('companies').select('name').where('id', '=', id).forUpdate().executeTakeFirst()
}

/** Deletes a company, and by cascade all that belongs to it. */
export async function deleteCompanyRow(tx: Tx<GatewayDatabase>, id: string): Promise<void> {
  await tx.deleteFrom('companies').where('id', '=', id).execute()
}

/** Reads a company's status and keeps it from changing until the transaction ends. */
export async function holdCompanyStatus(
  tx: Tx<GatewayDatabase>,
  id: string
): Promise<CompanyRow['status'] | undefined> {
  const row = await tx
    .selectFrom('companies')
    .select('status')
    .where('id', '=', id)
    .forShare()
    .executeTakeFirst()
  return row?.status
}
