/**
 * A reason why the embedded PostgreSQL cannot be installed or started.
 *
 * The message is one sentence for the person at the terminal and holds the next step; it never holds a
 * password.
 */
export class PostgresError extends Error {
  override readonly name = 'PostgresError'
}
