import type pg from 'pg'
import { codeOf, sqlState, withClient, withCredentials } from './database-client.js'
import { LaunchError } from './launch-error.js'
import { scramVerifier } from './scram-verifier.js'

/** A service that has its own schema and roles. The schema is named like the service. */
export type ServiceName = 'gateway' | 'secrets'

/** What a service connects with, and what its migration connects with. Both hold passwords. */
export interface ServiceDatabase {
  readonly url: string
  readonly migrationUrl: string
  /** Set when the service runs as the role that was given; says why. */
  readonly warning: string | null
}

/** Which database to prepare, for whom. */
export interface PrepareDatabase {
  readonly adminUrl: string
  readonly service: ServiceName
  readonly passwords: { readonly owner: string; readonly runtime: string }
  /** The server is this instance's alone: its roles are ours, and get these passwords when they have others. */
  readonly ownsServer?: boolean
}

/** Older servers lack what the migrations use. */
const serverVersionMin = 150_000
/** Launchers that share a database take turns. Any fixed number does. */
const rolesLockId = 7_226_109_805

type Answer = 'own_roles' | 'no_right' | 'foreign_roles' | 'foreign_schema'

const reasons: Readonly<Record<Exclude<Answer, 'own_roles'>, string>> = {
  no_right: 'the connecting role may not create roles or schemas',
  foreign_roles: 'its roles exist and their passwords are not in this .env',
  foreign_schema: 'its schema belongs to another role'
}

/**
 * Makes the owner role, the runtime role and the schema of a service, if the connecting role may.
 *
 * Otherwise, or when roles of these names exist whose passwords are not ours, the connecting role is used
 * throughout. A role that we did not make is never altered, and on a server that is not ours none is. Throws {@link LaunchError}.
 */
export async function prepareDatabase(options: PrepareDatabase): Promise<ServiceDatabase> {
  const { adminUrl, service, passwords, ownsServer = false } = options
  const answer = await withClient(adminUrl, async (client) => {
    await requireVersion(client)
    return await inTransaction(client, async () => await makeRoles(client, options))
  })
  const own = {
    url: withCredentials(adminUrl, { user: `paperclip_${service}`, password: passwords.runtime }),
    migrationUrl: withCredentials(adminUrl, { user: `paperclip_${service}_owner`, password: passwords.owner })
  }
  const mayEnterBoth = async () => (await mayEnter(own.url)) && (await mayEnter(own.migrationUrl))
  if (answer === 'own_roles' && ownsServer && !(await mayEnterBoth())) await setPasswords(options)
  const usable = answer === 'own_roles' && (await mayEnterBoth())
  if (usable) return { ...own, warning: null }
  const reason = reasons[answer === 'own_roles' ? 'foreign_roles' : answer]
  return {
    url: adminUrl,
    migrationUrl: adminUrl,
    warning: `the ${service} service uses the connecting database role for everything, because ${reason}: that the audit log is append-only then rests on triggers alone`
  }
}

async function requireVersion(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: number }>(
    "select current_setting('server_version_num')::int as version"
  )
  const version = rows[0]?.version ?? 0
  if (version >= serverVersionMin) return
  throw new LaunchError(
    `The database runs PostgreSQL ${Math.trunc(version / 10_000)}, and 15 or newer is needed: upgrade it or unset DATABASE_URL.`
  )
}

async function inTransaction(client: pg.Client, work: () => Promise<Answer>): Promise<Answer> {
  await client.query('begin')
  try {
    const answer = await work()
    await client.query('commit')
    return answer
  } catch (error) {
    await client.query('rollback')
    if (codeOf(error) === sqlState.insufficientPrivilege) return 'no_right'
    throw error
  }
}

async function makeRoles(client: pg.Client, { service, passwords }: PrepareDatabase): Promise<Answer> {
  const [owner, runtime] = [`paperclip_${service}_owner`, `paperclip_${service}`]
  await client.query('select pg_advisory_xact_lock($1)', [rolesLockId])
  const schemaOwner = await findSchemaOwner(client, service)
  if (schemaOwner !== undefined && schemaOwner !== owner) return 'foreign_schema'
  const existing = await countRoles(client, [owner, runtime])
  if (existing === 1) return 'foreign_roles'
  if (existing === 0) {
    if (!(await mayCreateRoles(client))) return 'no_right'
    await createRole(client, { role: owner, password: passwords.owner })
    await createRole(client, { role: runtime, password: passwords.runtime })
  }
  if (schemaOwner === undefined) await createSchema(client, { service, owner })
  return 'own_roles'
}

async function findSchemaOwner(client: pg.Client, schema: string): Promise<string | undefined> {
  const { rows } = await client.query<{ owner: string }>(
    'select pg_get_userbyid(nspowner) as owner from pg_namespace where nspname = $1',
    [schema]
  )
  return rows[0]?.owner
}

async function countRoles(client: pg.Client, names: readonly string[]): Promise<number> {
  const { rowCount } = await client.query('select from pg_roles where rolname = any($1)', [names])
  return rowCount ?? 0
}

async function mayCreateRoles(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ may: boolean }>(
    'select rolsuper or rolcreaterole as may from pg_roles where rolname = current_user'
  )
  return rows[0]?.may === true
}

/** The name is a constant of ours and the verifier's alphabet has no quote, so neither needs escaping. */
async function createRole(
  client: pg.Client,
  { role, password }: { role: string; password: string }
): Promise<void> {
  await client.query(`create role ${role} login password '${scramVerifier(password)}'`)
}

/** For an operator who took the lines of a password out of `.env`: new ones were made there. */
async function setPasswords({ adminUrl, service, passwords }: PrepareDatabase): Promise<void> {
  await withClient(adminUrl, async (client) => {
    for (const [role, password] of [
      [`paperclip_${service}_owner`, passwords.owner],
      [`paperclip_${service}`, passwords.runtime]
    ] as const)
      await client.query(`alter role ${role} password '${scramVerifier(password)}'`)
  })
}

/**
 * Both schemas are on an owner's search path, so that documented statements work as printed; set for this
 * database only. A connecting role that is not a superuser must be a member of the owner for a moment.
 */
async function createSchema(
  client: pg.Client,
  { service, owner }: { service: ServiceName; owner: string }
): Promise<void> {
  const other: ServiceName = service === 'gateway' ? 'secrets' : 'gateway'
  const { rows } = await client.query<{ super: boolean; database: string; me: string }>(
    `select rolsuper as super, quote_ident(current_database()) as database, quote_ident(current_user) as me
     from pg_roles where rolname = current_user`
  )
  const [row] = rows
  if (row === undefined)
    throw new LaunchError('The database does not know the connecting role: correct DATABASE_URL.')
  await grantConnect(client, { database: row.database, roles: [owner, `paperclip_${service}`] })
  await client.query(
    `alter role ${owner} in database ${row.database} set search_path = ${service}, ${other}, public`
  )
  if (!row.super) await client.query(`grant ${owner} to ${row.me}`)
  await client.query(`create schema ${service} authorization ${owner}`)
  if (!row.super) await client.query(`revoke ${owner} from ${row.me}`)
}

/** Everyone may connect to a new database; only where that was taken away does it need granting. */
async function grantConnect(
  client: pg.Client,
  { database, roles }: { database: string; roles: string[] }
): Promise<void> {
  for (const role of roles) {
    const { rows } = await client.query<{ may: boolean }>(
      "select has_database_privilege($1, current_database(), 'connect') as may",
      [role]
    )
    if (rows[0]?.may !== true) await client.query(`grant connect on database ${database} to ${role}`)
  }
}

/** Tells whether the role and password of a URL are accepted; any other failure is thrown. */
export async function mayEnter(url: string): Promise<boolean> {
  try {
    return await withClient(url, async () => true)
  } catch (error) {
    const code = codeOf(error instanceof Error ? error.cause : undefined)
    if (code === sqlState.invalidPassword || code === sqlState.invalidAuthorization) return false
    throw error
  }
}
