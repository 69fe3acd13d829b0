/** The parts of a PostgreSQL URL a message may show, and the checked URL itself (which holds a password). */
export interface ParsedDatabaseUrl {
  readonly url: string
  readonly user: string
  readonly host: string
  readonly port: number
  readonly database: string
}

/** Says in one sentence why a database URL cannot be used; never contains any part of the URL. */
export class InvalidDatabaseUrlError extends Error {
  readonly code = 'invalid_database_url'
  override readonly name = 'InvalidDatabaseUrlError'
}

const defaultPort = 5432

// The driver lets the URL override what we set in code, so that `?options=` or `?statement_timeout=`
// could switch our limits off: only what describes the way to the server is let through.
const allowedParameters = new Set(['host', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'uselibpqcompat'])

/**
 * Checks a `postgres://` URL: it must name a database, and may carry only parameters that say how to
 * reach the server. Throws {@link InvalidDatabaseUrlError}.
 */
export function parseDatabaseUrl(text: string): ParsedDatabaseUrl {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:')) {
    throw new InvalidDatabaseUrlError(
      'the database URL must look like postgres://user:password@host:5432/name'
    )
  }
  for (const parameter of url.searchParams.keys()) {
    if (!allowedParameters.has(parameter)) {
      const allowed = [...allowedParameters].join(', ')
      throw new InvalidDatabaseUrlError(`the database URL has a parameter that is not one of: ${allowed}`)
    }
  }
  const database = decode(url.pathname.slice(1))
  if (database === '') throw new InvalidDatabaseUrlError('the database URL names no database after the host')
  return {
    url: text,
    user: decode(url.username),
    host: url.searchParams.get('host') ?? decode(url.hostname),
    port: url.port === '' ? defaultPort : Number(url.port),
    database
  }
}

/** Describes a database for a message: user, host, port and name, never the password. Never throws. */
export function describeUrl(text: string): string {
  try {
    const { user, host, port, database } = parseDatabaseUrl(text)
    return `postgres://${user === '' ? '' : `${user}@`}${host}:${port}/${database}`
  } catch {
    return 'a database URL that cannot be read'
  }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new InvalidDatabaseUrlError('the database URL contains a % that is not followed by two hex digits')
  }
}
