import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { codeOf, sqlState, withClient, withCredentials } from '../launcher/database-client.js'
import { mayEnter, type ServiceName } from '../launcher/database-roles.js'

/** What a question of doctor's may take: all of them are small, and a database that never answers is a finding. */
export const answerMsMax = 10_000

/** What one connection of a service shows. */
export interface ConnectionFacts {
  /** The migrations that its schema has; empty: none yet, null: its role may not read them. */
  readonly migrations: readonly string[] | null
  readonly isEncrypted: boolean
  /** Addresses the server listens at, as PostgreSQL writes them: `localhost`, `*` … */
  readonly listenAddresses: string
  readonly isSuperuser: boolean
  /** May change or remove what was recorded, were it not for triggers: by a privilege, or as an owner. */
  readonly mayChangeAudit: boolean
  /** May read what is sealed. */
  readonly mayReadSealed: boolean
}

/** What the gateway keeps about who runs the instance. */
export interface PeopleFacts {
  readonly admins: number
  /** Companies that are not archived. */
  readonly companies: number
}

/** What the secrets service keeps about keys and vaults. */
export interface VaultFacts {
  /** Days since the master key that wraps was activated; null when none was. */
  readonly masterKeyDays: number | null
  readonly hasAwsVault: boolean
  /** Vaults whose place names another company's id, or is the place that a vault of another company names too. */
  readonly foreignVaults: readonly string[]
}

/** All that two short connections tell; a part is null where its database does not answer, or lacks the schema. */
export interface DatabaseFacts {
  readonly gateway: ConnectionFacts | null
  readonly secrets: ConnectionFacts | null
  readonly people: PeopleFacts | null
  readonly vaults: VaultFacts | null
}

/** By the catalogue: naming a table of a schema that the role may not enter would be refused. */
const connectionSql = `
  with sealed as (
    select c.oid, c.relname, c.relowner, has_schema_privilege(c.relnamespace, 'usage') as may_enter
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'secrets' and c.relname in ('secret_access_events', 'activity_log', 'company_secret_versions')
  )
  select (select ssl from pg_stat_ssl where pid = pg_backend_pid()) as "isEncrypted",
    current_setting('listen_addresses') as "listenAddresses",
    (select rolsuper from pg_roles where rolname = current_user) as "isSuperuser",
    exists (
      select from sealed where relname <> 'company_secret_versions'
        and (has_table_privilege(oid, 'update, delete, truncate') or pg_has_role(relowner, 'usage'))
    ) as "mayChangeAudit",
    exists (
      select from sealed where relname = 'company_secret_versions' and may_enter and has_table_privilege(oid, 'select')
    ) as "mayReadSealed"`

const peopleSql = `
  select (
      select count(*)::int from gateway.instance_user_roles r join gateway."authUsers" u on u.id = r.user_id
      where r.role = 'instance_admin'
    ) as admins,
    (select count(*)::int from gateway.companies where status = 'active') as companies`

/** A vault that names no place of its own has that of the deployment, where companies are kept apart by their ids. */
const vaultsSql = `
  with places as (
    select company_id, display_name, provider,
      nullif(lower(concat(config ->> 'secretNamePrefix', '/', config ->> 'namespace')), '/') as place
    from secrets.company_secret_provider_configs
    where status <> 'disabled'
  ), companies as (
    select company_id from secrets.company_keys union select company_id from places
  )
  select (
      select floor(extract(epoch from now() - activated_at) / 86400)::int from secrets.master_keys
      where activated_at is not null and retired_at is null order by activated_at desc limit 1
    ) as "masterKeyDays",
    exists (select from places where provider = 'aws_secrets_manager') as "hasAwsVault",
    array(
      select distinct display_name from places p
      where exists (select from companies c where c.company_id <> p.company_id and p.place like '%' || c.company_id || '%')
        or exists (
          select from places o
          where o.company_id <> p.company_id and o.provider = p.provider and o.place = p.place
        )
      order by display_name
    ) as "foreignVaults"`

/** Asks both databases. Never throws: that one does not answer is told by a check of its own. */
export async function readDatabaseFacts(urls: {
  gateway: string | null
  secrets: string | null
}): Promise<DatabaseFacts> {
  const [gateway, secrets] = await Promise.all([
    askOne<PeopleFacts>(urls.gateway, { sql: peopleSql, schema: 'gateway' }),
    askOne<VaultFacts>(urls.secrets, { sql: vaultsSql, schema: 'secrets' })
  ])
  return {
    gateway: gateway.connection,
    secrets: secrets.connection,
    people: gateway.rows,
    vaults: secrets.rows
  }
}

/** What the connection shows, and the row of `sql`, over one connection. */
async function askOne<T extends pg.QueryResultRow>(
  url: string | null,
  { sql, schema }: { sql: string; schema: ServiceName }
): Promise<{ connection: ConnectionFacts | null; rows: T | null }> {
  const nothing = { connection: null, rows: null }
  if (url === null) return nothing
  return await withClient(
    url,
    async (client) => {
      const connection = await first<Omit<ConnectionFacts, 'migrations'>>(client, connectionSql)
      const migrations = await migrationsOf(client, schema)
      return {
        connection: connection && { ...connection, migrations },
        rows: await first<T>(client, sql).catch(() => null)
      }
    },
    { answerMsMax }
  ).catch(() => nothing)
}

/** As the services read them at their start. */
async function migrationsOf(client: pg.Client, schema: ServiceName): Promise<readonly string[] | null> {
  try {
    const sql = `select name from ${schema}.schema_migration order by name`
    return (await client.query<{ name: string }>(sql)).rows.map(({ name }) => name)
  } catch (error) {
    const code = codeOf(error)
    if (code === sqlState.undefinedTable || code === sqlState.undefinedSchema) return []
    if (code === sqlState.insufficientPrivilege) return null
    throw error
  }
}

async function first<T extends pg.QueryResultRow>(client: pg.Client, sql: string): Promise<T | null> {
  return (await client.query<T>(sql)).rows[0] ?? null
}

/**
 * Says whether a database lets its user in with any password. Null when it cannot be told: it does not answer, is
 * reached by a socket file, or knows its clients by certificate. A database in order writes one refusal to its log.
 */
export async function takesAnyPassword(url: string): Promise<boolean | null> {
  const { hostname, searchParams, username } = new URL(url)
  if (hostname === '' || searchParams.has('host') || searchParams.has('sslcert')) return null
  const user = decodeURIComponent(username)
  return await mayEnter(withCredentials(url, { user, password: randomUUID() })).catch(() => null)
}
