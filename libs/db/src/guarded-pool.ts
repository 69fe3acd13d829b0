import type { PostgresCursor, PostgresPool, PostgresPoolClient, PostgresQueryResult } from 'kysely'
import type { Pool, PoolClient, QueryResult } from 'pg'
import { mustDestroyClient } from './pg-errors.js'

/**
 * Stands between Kysely and the driver's pool and closes the gaps its transaction helper leaves:
 *
 * - a connection that broke, is busy or became read-only is closed on release, not handed on;
 * - one released in the middle of a transaction is closed, so that nobody inherits its state;
 * - a COMMIT that the server answers with ROLLBACK (an error was swallowed inside) is an error,
 *   because otherwise a write that never happened would be acknowledged;
 * - a ROLLBACK that cannot be sent does not replace the error that made it necessary.
 */
export function guardedPool(pool: Pool): PostgresPool {
  const guards = new WeakMap<PoolClient, GuardedClient>()
  return {
    async connect() {
      const client = await pool.connect()
      // Kysely keeps its own state per client object, so that one client is always the same guard.
      const guard = guards.get(client) ?? new GuardedClient(client)
      guards.set(client, guard)
      return guard
    },
    end: () => pool.end()
  }
}

class GuardedClient implements PostgresPoolClient {
  readonly #client: PoolClient
  #broken = false

  constructor(client: PoolClient) {
    this.#client = client
  }

  query<R>(sql: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>>
  query<R>(cursor: PostgresCursor<R>): PostgresCursor<R>
  query<R>(
    statement: string | PostgresCursor<R>,
    parameters: readonly unknown[] = []
  ): Promise<PostgresQueryResult<R>> | PostgresCursor<R> {
    if (typeof statement !== 'string') throw new TypeError('cursors are not used here')
    return statement === 'rollback' ? this.#rollback<R>() : this.#send<R>(statement, parameters)
  }

  release(): void {
    const status = this.#client.getTransactionStatus()
    this.#client.release(this.#broken || (status !== null && status !== 'I'))
  }

  async #send<R>(statement: string, parameters: readonly unknown[]): Promise<PostgresQueryResult<R>> {
    try {
      const result = await this.#client.query(statement, [...parameters])
      if (statement === 'commit' && result.command !== 'COMMIT') throw new NothingCommittedError()
      // A text of several statements (a migration file) gives an array, of which nobody reads rows.
      return Array.isArray(result) ? nothing<R>() : toKysely<R>(result)
    } catch (error) {
      if (mustDestroyClient(error)) this.#broken = true
      throw error
    }
  }

  // Closing the connection rolls back too, so a failure here needs no answer but that.
  async #rollback<R>(): Promise<PostgresQueryResult<R>> {
    try {
      if (!this.#broken) await this.#client.query('rollback')
    } catch {
      this.#broken = true
    }
    return nothing<R>()
  }
}

class NothingCommittedError extends Error {
  readonly code = 'transaction_rolled_back'
  override readonly name = 'NothingCommittedError'
  override readonly message = 'nothing was committed: a statement of the transaction had failed'
}

function toKysely<R>({ command, rowCount, rows }: QueryResult): PostgresQueryResult<R> {
  return { command: command as PostgresQueryResult<R>['command'], rowCount: rowCount ?? 0, rows }
}

function nothing<R>(): PostgresQueryResult<R> {
  return { command: 'SELECT', rowCount: 0, rows: [] }
}
