import pg from 'pg'
import { LaunchError } from './launch-error.js'

const connectMsMax = 5_000
const statementMsMax = 30_000
/** The driver's words; it gives no code. */
const noTlsMessage = 'The server does not support SSL connections'

/** PostgreSQL error codes that the launcher reacts to. */
export const sqlState = {
  invalidPassword: '28P01',
  invalidAuthorization: '28000',
  noSuchDatabase: '3D000',
  insufficientPrivilege: '42501',
  undefinedTable: '42P01',
  undefinedSchema: '3F000'
} as const

/**
 * Runs `work` on a connection of its own. Connection failures become a {@link LaunchError}. `answerMsMax`: what one
 * statement may take.
 */
export async function withClient<T>(
  url: string,
  work: (client: pg.Client) => Promise<T>,
  { answerMsMax = statementMsMax }: { answerMsMax?: number } = {}
): Promise<T> {
  const client = await connect(url, answerMsMax)
  try {
    return await work(client)
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function connect(url: string, answerMsMax: number): Promise<pg.Client> {
  try {
    // Reads the files that the URL names.
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: connectMsMax,
      statement_timeout: answerMsMax,
      query_timeout: answerMsMax,
      application_name: 'paperclip launcher'
    })
    client.on('error', () => undefined)
    await client.connect()
    return client
  } catch (error) {
    throw describeConnectFailure(url, error)
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
  if (isFileFault(cause))
    return new LaunchError(
      `A certificate or key that the URL of the database ${where} names cannot be read (${code}): correct its path or its mode.`,
      { cause }
    )
  if (cause instanceof Error && cause.message === noTlsMessage)
    return new LaunchError(
      `The database ${where} offers no TLS, which its URL asks for: set it up there, or correct sslmode.`,
      { cause }
    )
  return new LaunchError(
    `The database ${where} cannot be reached (${code ?? 'no answer'}): start it, correct DATABASE_URL, or unset DATABASE_URL to use the embedded one.`,
    { cause }
  )
}

/** Of a file, not of a socket: those fail to connect. */
function isFileFault(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && ['open', 'read'].includes(String(error.syscall))
}
