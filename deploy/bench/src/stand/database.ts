import { startTestPostgres } from '@paperclip/postgres'
import { repositoryRoot, type TestDatabase, testDatabase } from '@paperclip/testing'
import pg from 'pg'
import type { UndoList } from '../undo.js'

/** What the goals ask of the server: a commit is on disk before it is acknowledged. */
const durable = { fsync: 'on', synchronous_commit: 'on', full_page_writes: 'on' } as const

/** A migrated database on a server that really writes, and whether that server counts statements. */
export interface BenchDatabase extends TestDatabase {
  readonly countsStatements: boolean
  readonly serverVersion: string
}

/**
 * Opens a database of its own on the server of `DATABASE_URL`, else on an embedded one with durable commits.
 * Migrates it with both services' own programs. Throws when the server does not flush its commits.
 */
export async function openDatabase(undo: UndoList): Promise<BenchDatabase> {
  if (process.env.DATABASE_URL === undefined) {
    const server = await startTestPostgres({
      settings: { ...durable, shared_preload_libraries: 'pg_stat_statements' }
    })
    undo.teardown(() => server.stop())
    process.env.PAPERCLIP_TEST_POSTGRES_URL = server.adminUrl('postgres')
  }
  const database = await testDatabase(undo, {
    migrations: (['gateway', 'secrets'] as const).map((schema) => ({
      schema,
      folder: `${repositoryRoot}services/${schema}/migrations`,
      program: `${repositoryRoot}services/${schema}/dist/bin/migrate.js`
    }))
  })
  return await withClient(database.adminUrl, async (client) => {
    for (const [name, wanted] of Object.entries(durable)) {
      const found = await show(client, name)
      if (found !== wanted)
        throw new Error(`the server has ${name}=${found}: figures would not count, set it to on`)
    }
    const countsStatements = (await show(client, 'shared_preload_libraries')).includes('pg_stat_statements')
    if (countsStatements) await client.query('create extension pg_stat_statements')
    return { ...database, countsStatements, serverVersion: await show(client, 'server_version') }
  })
}

async function show(client: pg.Client, name: string): Promise<string> {
  const { rows } = await client.query<{ value: string }>('select current_setting($1) as value', [name])
  return rows[0]?.value ?? ''
}

/** Opens a session, runs `work` with it and closes it. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'paperclip bench' })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
