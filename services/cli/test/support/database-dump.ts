import { type InstancePaths, readEnvFile, readRuntime } from '@paperclip/instance'
import pg from 'pg'

/** Everything that lies in the database of an instance, as who takes it away has it. */
export interface DatabaseDump {
  /** All of it, bytes in hex, as `pg_dump` writes it. */
  readonly text: string
  /** The rows of `schema.table`. */
  rows(table: string): readonly Record<string, unknown>[]
}

/** Connects to the embedded database of a running instance as its superuser; the caller ends it. */
export async function connectAsSuperuser(paths: InstancePaths): Promise<pg.Client> {
  return await connect(paths, { user: 'postgres', password: 'PAPERCLIP_POSTGRES_PASSWORD' })
}

/** The same as the role that owns the gateway's schema, with which an operator types the documented statements. */
export async function connectAsOwner(paths: InstancePaths): Promise<pg.Client> {
  const password = 'PAPERCLIP_GATEWAY_OWNER_DB_PASSWORD'
  return await connect(paths, { user: 'paperclip_gateway_owner', password })
}

async function connect(
  paths: InstancePaths,
  { user, password }: { user: string; password: string }
): Promise<pg.Client> {
  const { [password]: secret = '' } = await readEnvFile(paths.env)
  const runtime = await readRuntime(paths)
  const url = new URL(`postgres://${runtime?.database.address.replace(/^\w+:\/\//, '')}`)
  const client = new pg.Client({
    host: url.hostname,
    port: Number(url.port),
    database: 'paperclip',
    user,
    password: secret
  })
  await client.connect()
  return client
}

/** Takes all rows of both schemas. */
export async function dumpDatabase(paths: InstancePaths): Promise<DatabaseDump> {
  const client = await connectAsSuperuser(paths)
  const tables = new Map<string, Record<string, unknown>[]>()
  try {
    const { rows } = await client.query<{ name: string; quoted: string }>(
      `select schemaname || '.' || tablename as name, format('%I.%I', schemaname, tablename) as quoted
       from pg_tables where schemaname in ('gateway', 'secrets')`
    )
    for (const { name, quoted } of rows) {
      const found = await client.query<{ row: Record<string, unknown> }>(
        `select row_to_json(t) as row from ${quoted} t`
      )
      tables.set(
        name,
        found.rows.map(({ row }) => row)
      )
    }
  } finally {
    await client.end()
  }
  return {
    text: JSON.stringify([...tables]),
    rows: (table) => tables.get(table) ?? []
  }
}
