import { type Kysely, sql } from 'kysely'
import { migrationLockTable, migrationTable } from './schema-version.js'
import { assertName } from './startup-options.js'

/** What a role may be allowed to do with a table. */
export type TableVerb = 'select' | 'insert' | 'update' | 'delete'

/** The verbs of the runtime role for every table of a schema; an empty list means none at all. */
export type Grants = Readonly<Record<string, readonly TableVerb[]>>

/** Says which tables are not declared, or declared and absent. */
export class GrantError extends Error {
  readonly code = 'grants_do_not_match'
  override readonly name = 'GrantError'
}

interface GrantOptions {
  readonly schema: string
  readonly runtimeRole: string
  readonly grants: Grants
}

/**
 * Gives the runtime role exactly the declared privileges on a schema and takes all others away, from
 * PUBLIC too, in one transaction: a running service never sees a moment without its rights.
 *
 * Partitions are reached through their parent and get nothing of their own. The record of migrations
 * is always readable, since services check it at start. Throws {@link GrantError}.
 */
export async function applyGrants(
  db: Kysely<unknown>,
  { schema, runtimeRole, grants }: GrantOptions
): Promise<'applied' | 'skipped_role_absent' | 'skipped_same_role'> {
  assertName(runtimeRole)
  const all: Grants = { ...grants, [migrationTable]: ['select'], [migrationLockTable]: [] }
  await refuseMismatch(db, schema, all)
  const found = await sql<{ same: boolean }>`
    select rolname = current_user as same from pg_roles where rolname = ${runtimeRole}`.execute(db)
  const role = found.rows[0]
  if (!role) return 'skipped_role_absent'
  if (role.same) return 'skipped_same_role'
  await db.transaction().execute(async (tx) => {
    await revokeAll(tx, { schema, runtimeRole })
    for (const [table, verbs] of Object.entries(all)) {
      if (verbs.length === 0) continue
      const target = sql`${sql.id(schema, table)} to ${sql.id(runtimeRole)}`
      await sql`grant ${sql.raw([...new Set(verbs)].join(', '))} on table ${target}`.execute(tx)
    }
    const to = sql`${sql.id(schema)} to ${sql.id(runtimeRole)}`
    await sql`grant usage on schema ${to}`.execute(tx)
    await sql`grant usage on all sequences in schema ${to}`.execute(tx)
    await sql`grant execute on all routines in schema ${to}`.execute(tx)
  })
  return 'applied'
}

async function revokeAll(
  tx: Kysely<unknown>,
  { schema, runtimeRole }: { schema: string; runtimeRole: string }
): Promise<void> {
  const from = sql`${sql.id(schema)} from ${sql.id(runtimeRole)}, public`
  await sql`revoke all on all tables in schema ${from}`.execute(tx)
  await sql`revoke all on all sequences in schema ${from}`.execute(tx)
  await sql`revoke all on all routines in schema ${from}`.execute(tx)
  await sql`revoke all on schema ${from}`.execute(tx)
}

async function refuseMismatch(db: Kysely<unknown>, schema: string, grants: Grants): Promise<void> {
  // r table, p partitioned, v view, m materialised view, f foreign table.
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_class
    where relnamespace = ${schema}::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f') and not relispartition
    order by relname`.execute(db)
  const present = new Set(rows.map((row) => row.name))
  const undeclared = [...present].filter((name) => !(name in grants))
  const absent = Object.keys(grants).filter((name) => !present.has(name))
  if (undeclared.length === 0 && absent.length === 0) return
  const list = (names: string[]) => (names.length === 0 ? 'none' : names.join(', '))
  throw new GrantError(
    `grants of schema ${schema} differ from its tables: undeclared ${list(undeclared)}; absent ${list(absent)}`
  )
}
