import { setTimeout as sleep } from 'node:timers/promises'
import { type Kysely, type MigrationProvider, Migrator, sql } from 'kysely'
import pg from 'pg'
import { connect } from './connect.js'
import { parseDatabaseUrl } from './database-url.js'
import { applyGrants, type Grants } from './grants.js'
import { listMigrations, type MigrationFile, readMigration } from './migration-folder.js'
import { isConnectionFailure } from './pg-errors.js'
import {
  appliedMigrations,
  migrationLockTable,
  migrationTable,
  SchemaVersionError
} from './schema-version.js'
import { assertName } from './startup-options.js'

/** What to migrate, and who may then use it. */
export interface MigrateOptions {
  /** Connects as the role that shall own the tables. */
  readonly url: string
  /** Made when absent, which needs CREATE on the database. Holds the migration tables too. */
  readonly schema: string
  /** Holds `NNNN_verb_object.sql` files and nothing else. */
  readonly folder: string
  /** The role the service runs as. Grants are skipped when it does not exist or is the migrating role. */
  readonly runtimeRole: string
  /** Exactly what the runtime role may do with every table of the schema. */
  readonly grants: Grants
  readonly logger?: { info(message: string): void }
  /** How long to wait for a database that cannot be reached yet. */
  readonly waitMsMax?: number
}

/** What a migration run did: the files it applied, and whether privileges now are exactly as declared. */
export interface MigrateResult {
  readonly applied: readonly string[]
  readonly grants: 'applied' | 'skipped_role_absent' | 'skipped_same_role'
}

/** Says which migration file failed, with PostgreSQL's code; the cause has the rest. */
export class MigrationError extends Error {
  readonly code = 'migration_failed'
  override readonly name = 'MigrationError'
}

// One number for the product: runners of every schema of a database wait for each other, in order.
const runnerLockId = 7_226_109_804
// Waiting for other runners may take as long as their migrations do.
const runnerLockWaitMsMax = 300_000
// A migration may rewrite a table, but must not queue long for its lock while a service is running:
// everything that comes after it would queue behind it.
const statementTimeoutMs = 600_000
const lockTimeoutMs = 30_000
const connectionTimeoutMs = 10_000
// Long enough for a database container to start beside us.
const defaultWaitMsMax = 60_000
const waitPollMs = 250

/**
 * Brings one schema to the newest migration of its folder and sets its privileges; does nothing twice.
 *
 * All new files run in one transaction. Any number of runners may start at once: one works, the others
 * wait and find it done. Waits for a database that is still starting. Throws {@link MigrationError} when a
 * file fails (nothing is kept), `SchemaVersionError` when the database cannot be reached or has migrations
 * the folder does not know, and `GrantError` when tables and declared grants differ.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const files = await listMigrations(options.folder)
  const unlock = await lockRunners(options)
  const { db, close } = connect<unknown>({
    url: options.url,
    schema: options.schema,
    applicationName: `migrate ${assertName(options.schema)}`,
    poolMax: 1,
    statementTimeoutMs,
    lockTimeoutMs,
    idleInTransactionTimeoutMs: statementTimeoutMs,
    connectionTimeoutMs,
    queryTimeoutMs: statementTimeoutMs + connectionTimeoutMs,
    onError: () => {}
  })
  try {
    await createSchema(db, options.schema)
    await refuseUnknown(db, { schema: options.schema, files })
    const applied = await runFiles(db, { schema: options.schema, files })
    for (const name of applied) options.logger?.info(`applied ${options.schema} ${name}`)
    return { applied, grants: await applyGrants(db, options) }
  } finally {
    await close()
    await unlock()
  }
}

// Held by a connection of its own, so that it spans schema, files and grants, and ends with the process.
async function lockRunners({
  url,
  waitMsMax = defaultWaitMsMax
}: MigrateOptions): Promise<() => Promise<void>> {
  const client = await connectWithin(url, waitMsMax)
  try {
    await client.query('select pg_advisory_lock($1)', [runnerLockId])
  } catch (error) {
    await client.end()
    throw error
  }
  return () => client.end()
}

/** Only what time may cure is tried again: a refused password is final. */
async function connectWithin(url: string, waitMsMax: number): Promise<pg.Client> {
  const deadline = performance.now() + waitMsMax
  for (;;) {
    const client = new pg.Client({
      connectionString: parseDatabaseUrl(url).url,
      application_name: 'migrate lock',
      connectionTimeoutMillis: connectionTimeoutMs,
      statement_timeout: runnerLockWaitMsMax,
      keepAlive: true
    })
    client.on('error', () => {})
    try {
      await client.connect()
      return client
    } catch (error) {
      // Its socket may be gone already, and then this never settles.
      void client.end().catch(() => {})
      if (!isConnectionFailure(error)) throw error
      if (performance.now() + waitPollMs > deadline) throw SchemaVersionError.unreachable(error)
      await sleep(waitPollMs)
    }
  }
}

async function createSchema(db: Kysely<unknown>, schema: string): Promise<void> {
  // CREATE SCHEMA IF NOT EXISTS asks for CREATE on the database even when there is nothing to make.
  const found = await sql`select 1 from pg_namespace where nspname = ${schema}`.execute(db)
  if (found.rows.length === 0) await sql`create schema ${sql.id(schema)}`.execute(db)
}

async function refuseUnknown(
  db: Kysely<unknown>,
  { schema, files }: { schema: string; files: readonly MigrationFile[] }
): Promise<void> {
  const known = new Set(files.map((file) => file.name))
  const unknown = (await appliedMigrations(db, schema)).filter((name) => !known.has(name))
  if (unknown.length > 0) throw SchemaVersionError.newer(schema, unknown)
}

async function runFiles(
  db: Kysely<unknown>,
  { schema, files }: { schema: string; files: readonly MigrationFile[] }
): Promise<string[]> {
  const provider: MigrationProvider = {
    async getMigrations() {
      const entries = files.map(async (file) => {
        const text = await readMigration(file)
        const up = async (tx: Kysely<unknown>) => void (await sql.raw(text).execute(tx))
        return [file.name, { up }] as const
      })
      return Object.fromEntries(await Promise.all(entries))
    }
  }
  const migrator = new Migrator({
    db,
    provider,
    migrationTableSchema: schema,
    migrationTableName: migrationTable,
    migrationLockTableName: migrationLockTable
  })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) {
    const failed = results.find((result) => result.status === 'Error')
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    throw new MigrationError(`migration ${schema} ${failed?.migrationName ?? 'run'} failed${code}`, {
      cause: error
    })
  }
  return results.map((result) => result.migrationName)
}
