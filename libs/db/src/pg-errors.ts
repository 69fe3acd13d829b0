/**
 * Names for the PostgreSQL errors this product reacts to (SQLSTATE codes of the manual's appendix A),
 * and for the driver's own errors, most of which have no code at all.
 */

/** Says whether a unique constraint refused a row; with `constraint`, whether it was that one. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return hasCode(error, '23505') && namesConstraint(error, constraint)
}

/** Says whether a foreign key refused a change; with `constraint`, whether it was that one. */
export function isForeignKeyViolation(error: unknown, constraint?: string): boolean {
  return hasCode(error, '23503') && namesConstraint(error, constraint)
}

/** Says whether the transaction lost against a concurrent one and may be run again as a whole. */
export function isSerializationFailure(error: unknown): boolean {
  return hasCode(error, '40001')
}

/** Says whether the transaction was chosen to break a deadlock and may be run again as a whole. */
export function isDeadlock(error: unknown): boolean {
  return hasCode(error, '40P01')
}

/** Says whether a lock was not obtained within `lock_timeout` (or at once, with NOWAIT). */
export function isLockTimeout(error: unknown): boolean {
  return hasCode(error, '55P03')
}

/** Says whether the server cancelled the statement (`statement_timeout`) or the driver gave up on it. */
export function isStatementTimeout(error: unknown): boolean {
  return hasCode(error, '57014') || messageOf(error) === queryTimeoutMessage
}

/** Says whether the role may not do what the statement asks for. */
export function isInsufficientPrivilege(error: unknown): boolean {
  return hasCode(error, '42501')
}

/**
 * Says whether the server could not be reached, went away, or is no longer the primary.
 *
 * When such an error comes out of a transaction or a write its outcome is unknown: the COMMIT may or
 * may not have happened. Repeat only what is idempotent, release nothing on the strength of it.
 */
export function isConnectionFailure(error: unknown): boolean {
  const code = codeOf(error)
  if (code !== undefined) return connectionCodes.has(code) || code.startsWith('08')
  return driverMessages.some((start) => messageOf(error).startsWith(start))
}

/**
 * Says whether the connection that gave this error must be closed instead of going back to the pool:
 * it is broken, still busy with an abandoned statement, or speaks to a server that became read-only.
 */
export function mustDestroyClient(error: unknown): boolean {
  return isConnectionFailure(error) || messageOf(error) === queryTimeoutMessage
}

// The driver's client-side limit: the server may still be working on the statement.
const queryTimeoutMessage = 'Query read timeout'

// What the driver says, without a code, when a connection is lost, refused or not obtained in time.
const driverMessages = [
  'Connection terminated',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'timeout expired',
  'timeout exceeded when trying to connect',
  'Cannot use a pool after calling end on the pool',
  'driver has already been destroyed',
  queryTimeoutMessage
]

const connectionCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT', // a unix socket whose server is down
  '25006', // read_only_sql_transaction: a former primary after a failover
  '25P03', // idle_in_transaction_session_timeout: the server closed the session
  '53300', // too_many_connections
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now: starting up or recovering
  '57P05' // idle_session_timeout
])

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}

function hasCode(error: unknown, code: string): boolean {
  return codeOf(error) === code
}

function namesConstraint(error: unknown, constraint: string | undefined): boolean {
  if (constraint === undefined) return true
  return error instanceof Error && 'constraint' in error && error.constraint === constraint
}
