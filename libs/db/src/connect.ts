import { Kysely, PostgresDialect, type Transaction } from 'kysely'
import pg from 'pg'
import { columnTypes } from './column-types.js'
import { parseDatabaseUrl } from './database-url.js'
import { guardedPool } from './guarded-pool.js'
import { assertName, startupOptions } from './startup-options.js'
import { keepWarm } from './warm-pool.js'

/** Anything statements can be sent through: the pool or a transaction. */
export type Db<DB> = Kysely<DB>

/** An open transaction. A store function takes this when it only makes sense inside one. */
export type Tx<DB> = Transaction<DB>

/** How to connect; every limit is stated by the caller, in milliseconds. */
export interface ConnectOptions {
  readonly url: string
  /** The only schema on the `search_path`, so that no statement reaches another one by accident. */
  readonly schema: string
  /** Shown in `pg_stat_activity`. */
  readonly applicationName: string
  readonly poolMax: number
  /** The server cancels a statement after this long. */
  readonly statementTimeoutMs: number
  /**
   * The server gives up waiting for one lock after this long. Make it longer than the server's
   * `deadlock_timeout` (1 s): else a deadlock shows as a lock timeout, which `transaction` does not repeat.
   */
  readonly lockTimeoutMs: number
  /** The server closes a session that sits in a transaction without a statement for this long. */
  readonly idleInTransactionTimeoutMs: number
  /** Limit for obtaining a connection: making a new one, or waiting for a free one. */
  readonly connectionTimeoutMs: number
  /** The driver gives up on a statement after this long, for a server that no longer answers at all. */
  readonly queryTimeoutMs: number
  /** Told of connections lost while idle. They are replaced by themselves: this is for the log only. */
  readonly onError: (error: Error) => void
  /**
   * Connections that stay, however long nothing is asked: made at the first {@link Database.warm}, and anew when one
   * is lost or has lived long enough. For a pool whose `connectionTimeoutMs` is shorter than connecting may take.
   */
  readonly poolMin?: number
  /** A connection beyond `poolMin` that nobody has used for this long is closed; 30 s when absent. */
  readonly idleTimeoutMs?: number
  /** Further server settings of these connections, such as `{ jit: 'off' }`. */
  readonly settings?: Readonly<Record<string, string>>
}

/** A connected database. */
export interface Database<DB> {
  readonly db: Kysely<DB>
  /** The driver's pool, for named statements. Release with `release(mustDestroyClient(error))`. */
  readonly pool: pg.Pool
  /** Makes the connections that are to stay. Never rejects: what cannot be made now is made when it is needed. */
  warm(): Promise<void>
  /** Waits for connections in use to come back, then closes all. May be called more than once. */
  close(): Promise<void>
}

const keepAliveInitialDelayMs = 10_000
// Long enough to ride out pauses, short enough that a burst's connections do not stay for good.
const idleTimeoutMsDefault = 30_000
// A bounded life moves connections to a new primary or address without a restart.
const lifetimeSecondsMax = 1_800

/**
 * Makes a pool for one schema. Sends nothing yet: an unreachable server shows at the first query.
 *
 * `int8` arrives as number (a value beyond 2^53 − 1 rejects the query), `timestamptz` as Date, `date`
 * and `numeric` as text. Throws `InvalidDatabaseUrlError`, and `TypeError` for a malformed name or limit.
 */
export function connect<DB>(options: ConnectOptions): Database<DB> {
  const { poolMin = 0 } = options
  if (poolMin !== 0) positive(poolMin)
  const pool = new pg.Pool({
    connectionString: parseDatabaseUrl(options.url).url,
    application_name: options.applicationName,
    options: startupOptions({
      // pg_temp last, or a temporary table could stand in for a real one.
      search_path: `${assertName(options.schema)},pg_temp`,
      client_min_messages: 'warning',
      timezone: 'UTC',
      statement_timeout: positive(options.statementTimeoutMs),
      lock_timeout: positive(options.lockTimeoutMs),
      idle_in_transaction_session_timeout: positive(options.idleInTransactionTimeoutMs),
      ...options.settings
    }),
    max: positive(options.poolMax),
    connectionTimeoutMillis: positive(options.connectionTimeoutMs),
    query_timeout: positive(options.queryTimeoutMs),
    min: poolMin,
    idleTimeoutMillis: positive(options.idleTimeoutMs ?? idleTimeoutMsDefault),
    maxLifetimeSeconds: lifetimeSecondsMax,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveInitialDelayMs,
    types: columnTypes
  })
  pool.on('error', options.onError)
  // The pool listens on idle clients only. One in use that loses its server would end the process,
  // although its query already rejects: that rejection is the report, so this listener is silent.
  pool.on('connect', (client) => client.on('error', () => {}))
  const db = new Kysely<DB>({ dialect: new PostgresDialect({ pool: guardedPool(pool) }) })
  const warm = keepWarm(pool, poolMin)
  let closing: Promise<void> | undefined
  return {
    db,
    pool,
    warm,
    close() {
      closing ??= closeAll(db, pool)
      return closing
    }
  }
}

async function closeAll<DB>(db: Kysely<DB>, pool: pg.Pool): Promise<void> {
  await db.destroy()
  // Kysely closes the pool only when it was used through Kysely.
  if (!pool.ended && !pool.ending) await pool.end()
}

function positive(limit: number): number {
  if (!Number.isSafeInteger(limit) || limit <= 0)
    throw new TypeError('a database limit must be a positive integer')
  return limit
}
