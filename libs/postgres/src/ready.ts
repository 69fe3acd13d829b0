import pg from 'pg'
import { pollUntil } from './poll.js'
import { PostgresError } from './postgres-error.js'
import type { Watchdog } from './start-watchdog.js'

const connectMsMax = 2_000

/** A server that refused the password gets this long to turn out to be somebody else's on the same port. */
const foreignServerMsMax = 500

const invalidPassword = '28P01'

/** Where and as whom to ask. */
export interface ReadyQuestion {
  readonly host: string
  readonly port: number
  readonly superuser: string
  readonly password: string
  readonly dataDir: string
}

/**
 * Waits until a query succeeds on our server; `exited` when the server gave up first.
 *
 * A log line or an open port would not do: the port may be somebody else's. So the answering server must
 * name our data directory.
 */
export async function waitUntilReady(
  question: ReadyQuestion,
  { watchdog, msMax }: { watchdog: Watchdog; msMax: number }
): Promise<'ready' | 'exited' | 'late'> {
  let ready = false
  const ended = await pollUntil(
    async () => {
      if (watchdog.hasExited()) return true
      ready = await answers(question, watchdog)
      return ready
    },
    { msMax }
  )
  if (!ended) return 'late'
  return ready ? 'ready' : 'exited'
}

async function answers({ dataDir, ...question }: ReadyQuestion, watchdog: Watchdog): Promise<boolean> {
  const { host, port, superuser: user, password } = question
  const client = new pg.Client({
    ...{ host, port, user, password, database: 'postgres' },
    ...{ connectionTimeoutMillis: connectMsMax, query_timeout: connectMsMax }
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ dir: string }>("select current_setting('data_directory') as dir")
    return rows[0]?.dir === dataDir
  } catch (error) {
    if (isInvalidPassword(error)) await refuseUnlessForeign(watchdog)
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}

function isInvalidPassword(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === invalidPassword
}

async function refuseUnlessForeign(watchdog: Watchdog): Promise<void> {
  if (await pollUntil(() => watchdog.hasExited(), { msMax: foreignServerMsMax })) return
  throw new PostgresError(
    'The embedded PostgreSQL does not accept the password recorded for it: restore the .env file that belongs to this data.'
  )
}
