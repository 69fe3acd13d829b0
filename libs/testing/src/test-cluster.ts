import { startTestPostgres } from '@paperclip/postgres'
import type { Teardown } from './teardown.js'

interface OwnServer {
  readonly adminUrl: (database: string) => string
  readonly stop: () => Promise<void>
}

let own: Promise<OwnServer> | undefined
let users = 0

/**
 * Returns the superuser's URL of a database of the server that tests use: the one `npm test` started,
 * else the one of `DATABASE_URL`, else one started for this process and stopped with its last test.
 */
export async function adminDatabaseUrl(t: Teardown, database = 'postgres'): Promise<string> {
  const given = process.env.PAPERCLIP_TEST_POSTGRES_URL ?? process.env.DATABASE_URL
  if (given !== undefined) return withDatabase(given, database)
  own ??= startTestPostgres()
  const server = await own
  users += 1
  t.teardown(async () => {
    users -= 1
    if (users > 0) return
    own = undefined
    await server.stop()
  })
  return server.adminUrl(database)
}

/** Replaces the database a URL names. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${encodeURIComponent(database)}`
  return changed.href
}

/** Replaces user and password of a URL. */
export function withUser(url: string, { user, password }: { user: string; password: string }): string {
  const changed = new URL(url)
  changed.username = user
  changed.password = password
  return changed.href
}
