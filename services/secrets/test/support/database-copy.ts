import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Teardown, TestDatabase } from '@paperclip/testing'
import pg from 'pg'

const nameBytes = 4
const run = promisify(execFile)

/** A database that a test made of another one. */
export type DatabaseCopy = Pick<TestDatabase, 'url' | 'adminUrl'>

/**
 * A copy of a database as it is now, as a restored backup is one: dropped with the test. Nobody may be connected to the
 * original meanwhile.
 */
export function copyDatabase(t: Teardown, original: TestDatabase): Promise<DatabaseCopy> {
  return createDatabase(t, { original, template: original.name })
}

/** The same by `pg_dump` and `pg_restore`, others connected or not; undefined where there are none for this server. */
export async function dumpAndRestore(t: Teardown, original: TestDatabase): Promise<DatabaseCopy | undefined> {
  if (!(await hasTools(original))) return undefined
  const folder = await mkdtemp(join(tmpdir(), 'paperclip-dump-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'database.dump')
  await run('pg_dump', ['-Fc', '-f', file, `--dbname=${original.adminUrl}`])
  const copy = await createDatabase(t, { original, template: 'template0' })
  await run('pg_restore', ['--clean', '--if-exists', '--exit-on-error', `--dbname=${copy.adminUrl}`, file])
  return copy
}

/** A dump of a newer server than the tools is refused by them. */
async function hasTools({ adminUrl }: TestDatabase): Promise<boolean> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  const { rows } = await client
    .query("select current_setting('server_version_num')::int / 10000 as major")
    .finally(() => client.end())
  return await run('pg_dump', ['--version']).then(
    ({ stdout }) => Number(/\d+/.exec(stdout)?.[0]) >= rows[0].major,
    () => false
  )
}

async function createDatabase(
  t: Teardown,
  { original, template }: { original: TestDatabase; template: string }
): Promise<DatabaseCopy> {
  const name = `${original.name}_${randomBytes(nameBytes).toString('hex')}`
  const inCopy = (url: string) => {
    const changed = new URL(url)
    changed.pathname = `/${name}`
    return changed.href
  }
  const server = new URL(original.adminUrl)
  server.pathname = '/postgres'
  const send = async (text: string) => {
    const client = new pg.Client({ connectionString: server.href })
    await client.connect()
    await client.query(text).finally(() => client.end())
  }
  await send(`create database ${name} template ${template}`)
  t.teardown(() => send(`drop database if exists ${name} with (force)`))
  return { url: (schema) => inCopy(original.url(schema)), adminUrl: inCopy(original.adminUrl) }
}
