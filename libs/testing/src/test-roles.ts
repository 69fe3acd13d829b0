import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { withDatabase } from './test-cluster.js'

/** The roles of a hosted installation: for each schema one that owns and one that runs. */
export const testSchemas = ['gateway', 'secrets'] as const
export type TestSchema = (typeof testSchemas)[number]

/** Names the role a service of this schema runs as. */
export function runtimeRole(schema: TestSchema): string {
  return `paperclip_${schema}`
}

/** Names the role that owns this schema and migrates it. */
export function ownerRole(schema: TestSchema): string {
  return `paperclip_${schema}_owner`
}

// What the test processes of one server share lies in that server, so that nothing lies on disk.
const stateDatabase = 'paperclip_test_state'
const rolePasswordBytes = 24
// Any number will do, as long as all test processes use it.
const setupLockId = 581_702_331

/**
 * Runs `work` with a superuser session while no other test process of this server is setting up, and
 * with the password of the four roles, which the first one makes.
 */
export async function withSetupLock<T>(
  adminUrl: string,
  work: (admin: pg.Client, rolePassword: string) => Promise<T>
): Promise<T> {
  return withClient(adminUrl, async (admin) => {
    await admin.query('select pg_advisory_lock($1)', [setupLockId])
    const found = await admin.query('select 1 from pg_database where datname = $1', [stateDatabase])
    if (found.rows.length === 0) await admin.query(`create database ${stateDatabase}`)
    const password = await withClient(withDatabase(adminUrl, stateDatabase), rolePassword)
    return work(admin, password)
  })
}

/** Opens a session, runs `work` with it and closes it. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: 'paperclip tests' })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

async function rolePassword(state: pg.Client): Promise<string> {
  await state.query('create table if not exists role_password (password text not null)')
  const { rows } = await state.query<{ password: string }>('select password from role_password')
  const known = rows[0]?.password
  if (known !== undefined) return known
  const roles = testSchemas.flatMap((schema) => [ownerRole(schema), runtimeRole(schema)])
  const taken = await state.query('select 1 from pg_roles where rolname = any($1)', [roles])
  if (taken.rows.length > 0) {
    throw new Error(
      'this PostgreSQL server has the roles of an installation: tests need a server of their own'
    )
  }
  const password = randomBytes(rolePasswordBytes).toString('base64url')
  await state.query('begin')
  for (const role of roles) await state.query(`create role ${role} login password '${password}'`)
  await state.query('insert into role_password (password) values ($1)', [password])
  await state.query('commit')
  return password
}
