import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import type { Db } from './connect.js'
import { listMigrations } from './migration-folder.js'
import { isConnectionFailure, isInsufficientPrivilege } from './pg-errors.js'

/** The table, in each service's own schema, that lists the migrations applied. */
export const migrationTable = 'schema_migration'
/** The table Kysely's migrator locks; holds one row. */
export const migrationLockTable = 'schema_migration_lock'

/** What a service needs from its database before it starts. */
export interface ExpectSchemaOptions {
  readonly schema: string
  /** The migrations this build knows. */
  readonly folder: string
  /** How long to wait for the database, and for the migration to be run. */
  readonly waitMsMax?: number
  readonly pollMs?: number
}

/** Says in one sentence why a service cannot use its database; holds no credentials. */
export class SchemaVersionError extends Error {
  override readonly name = 'SchemaVersionError'
  readonly code: 'schema_older' | 'schema_newer' | 'database_unreachable'

  constructor(code: SchemaVersionError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  /** The database was migrated by a newer build than this one. */
  static newer(schema: string, unknown: readonly string[]): SchemaVersionError {
    const names = unknown.join(', ')
    return new SchemaVersionError(
      'schema_newer',
      `the database schema "${schema}" is newer than this program (it has ${names}): run a newer build`
    )
  }

  /** Nothing answers where the database should be, or it turns us away. */
  static unreachable(cause: unknown): SchemaVersionError {
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''
    const what = isConnectionFailure(cause) ? 'cannot be reached' : 'refused the connection'
    return new SchemaVersionError('database_unreachable', `the database ${what}${code}`, { cause })
  }
}

// Long enough for a database container to start and a migration to run beside us.
const defaultWaitMsMax = 60_000
const defaultPollMs = 250

/**
 * Resolves once the schema has exactly the migrations of the folder. Waits while the database cannot be
 * reached or the schema is older; throws {@link SchemaVersionError} when that lasts, and at once when
 * the schema is newer, since waiting cannot help.
 */
export async function expectSchemaVersion<DB>(db: Db<DB>, options: ExpectSchemaOptions): Promise<void> {
  const { schema, folder, waitMsMax = defaultWaitMsMax, pollMs = defaultPollMs } = options
  const expected = (await listMigrations(folder)).map((file) => file.name)
  const deadline = performance.now() + waitMsMax
  for (;;) {
    const problem = await findProblem(db, schema, expected)
    if (!problem) return
    if (problem.code === 'schema_newer' || performance.now() + pollMs > deadline) throw problem
    await sleep(pollMs)
  }
}

/** Lists the migrations a schema has, oldest first; none when the schema or its record does not exist yet. */
export async function appliedMigrations<DB>(db: Kysely<DB>, schema: string): Promise<string[]> {
  try {
    const { rows } = await sql<{ name: string }>`
      select name from ${sql.table(`${schema}.${migrationTable}`)} order by name`.execute(db)
    return rows.map((row) => row.name)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

async function findProblem<DB>(
  db: Kysely<DB>,
  schema: string,
  expected: readonly string[]
): Promise<SchemaVersionError | undefined> {
  const applied = await appliedMigrations(db, schema).catch((error: unknown) => toProblem(error, schema))
  if (applied instanceof SchemaVersionError) return applied
  const unknown = applied.filter((name) => !expected.includes(name))
  if (unknown.length > 0) return SchemaVersionError.newer(schema, unknown)
  const missing = expected.filter((name) => !applied.includes(name))
  if (missing.length === 0) return undefined
  return new SchemaVersionError(
    'schema_older',
    `the database schema "${schema}" is older than this program (it lacks ${missing.join(', ')}): run the migration`
  )
}

function toProblem(error: unknown, schema: string): SchemaVersionError {
  if (isInsufficientPrivilege(error)) {
    const message = `the database schema "${schema}" may not be read by this role: run the migration`
    return new SchemaVersionError('schema_older', message, { cause: error })
  }
  return SchemaVersionError.unreachable(error)
}

// 42P01 undefined_table, 3F000 invalid_schema_name.
function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === '42P01' || error.code === '3F000')
}
