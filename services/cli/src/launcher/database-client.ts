import pg from 'pg'
import { LaunchError } from './launch-error.js'

const connectMsMax = 5_000
const statementMsMax = 30_000

/** PostgreSQL error codes that the launcher reacts to. */
export const sqlState = {
  invalidPassword: '28P01',
  invalidAuthorization: '28000',
  noSuchDatabase: '3D000',
  insufficientPrivilege: '42501',
  undefinedTable: '42P01',
  undefinedSchema: '3F000'
} as const

/** Runs `work` on a connection of its own. Connection failures become a {@link LaunchError}. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectMsMax,
    statement_timeout: statementMsMax,
    query_timeout: statementMsMax,
    application_name: 'paperclip launcher'
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    throw describeConnectFailure(url, error)
  }
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** The SQLSTATE or system code of an error; undefined when it has none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Names a database without user and password. */
export function describeAddress(url: string): string {
  const { host, pathname } = new URL(url)
  return `postgres://${host}${pathname}`
}

/** The same database, entered as another role. */
export function withCredentials(url: string, { user, password }: { user: string; password: string }): string {
  const changed = new URL(url)
  changed.username = encodeURIComponent(user)
  changed.password = encodeURIComponent(password)
  return changed.href
}

function describeConnectFailure(url: string, cause: unknown): LaunchError {
  const where = describeAddress(url)
  const code = codeOf(cause)
  if (code === sqlState.invalidPassword || code === sqlState.invalidAuthorization) {
    return new LaunchError(`The database ${where} refuses the user or password: correct DATABASE_URL.`, {
      cause
    })
  }
  if (code === sqlState.noSuchDatabase) {
    return new LaunchError(`There is no database ${where}: create it or correct DATABASE_URL.`, { cause })
  }
  return new LaunchError(
    `The database ${where} cannot be reached (${code ?? 'no answer'}): start it, correct DATABASE_URL, or unset DATABASE_URL to use the embedded one.`,
    { cause }
  )
}
