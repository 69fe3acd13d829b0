import { chmod, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { InstancePaths } from '@paperclip/instance'
import { writeLiveLauncher } from './live-launcher.js'

/** How an item of the checklist is broken. */
export interface Breakage {
  readonly env?: Readonly<Record<string, string>>
  readonly files?: (paths: InstancePaths) => Promise<unknown>
  /** As the superuser, before and after. */
  readonly sql?: readonly [before: string, after: string]
}

/** By the check and by what it says, as the guide has it. */
type Breakages = Readonly<Record<string, Breakage>>

/** What breakages are made of. */
interface World {
  readonly urls: Readonly<Record<'gateway' | 'superuser' | 'secretsOwner' | 'lax', string>>
  readonly gateway: string
  readonly secrets: string
  /** The gateway, by another version. */
  readonly older: string
  /** Nothing runs there. */
  readonly dead: string
  readonly busyPort: string
  readonly masterKey: string
  /** Ids of two companies. */
  readonly acme: string
  readonly globex: string
}

/** A way to break each item of deploy/hardening.md. */
export function hardeningBreakages(world: World): Breakages {
  return {
    ...ofExposure,
    ...ofKeys(world),
    ...ofDatabases(world),
    ...ofHop,
    ...ofAws(world),
    ...ofTheRest(world)
  }
}

const ofExposure: Breakages = {
  'config: nothing reads the variable …': { env: { PAPERCLIP_STRICT: 'true' } },
  'config: … are both set: no service starts so': {
    env: { BETTER_AUTH_SECRET: 'canary-7', BETTER_AUTH_SECRET_FILE: '/run/secrets/better_auth_secret' }
  },
  'deployment_mode: local_trusted with a HOST that is not loopback …': {
    env: { PAPERCLIP_DEPLOYMENT_MODE: 'local_trusted', HOST: '0.0.0.0' }
  },
  'deployment_mode: local_trusted with PAPERCLIP_DEPLOYMENT_EXPOSURE=public …': {
    env: { PAPERCLIP_DEPLOYMENT_MODE: 'local_trusted' }
  },
  'public_url: … without a public URL': { env: { PAPERCLIP_PUBLIC_URL: '' } },
  'public_url: … http…': { env: { PAPERCLIP_PUBLIC_URL: 'http://secrets.example' } },
  'proxy: public, without TRUST_PROXY …': { env: { TRUST_PROXY: '' } },
  'proxy: TRUST_PROXY believes everybody …': { env: { TRUST_PROXY: '10.0.0.1, 0.0.0.0/0' } },
  'proxy: TRUST_PROXY must be a number of hops …': { env: { TRUST_PROXY: 'true' } },
  'company_deletion: on: an instance admin can destroy the key of a company …': {
    env: { PAPERCLIP_ENABLE_COMPANY_DELETION: 'true' }
  }
}

const ofKeys = ({ masterKey }: World): Breakages => ({
  'auth: BETTER_AUTH_SECRET is not 32 random bytes': { env: { BETTER_AUTH_SECRET: 'canary-7' } },
  'deployment_secrets: … have the same value': {
    files: async ({ masterKey, auditKey }) => await writeFile(auditKey, await text(masterKey))
  },
  'deployment_secrets: others can read …': { files: ({ auditKey }) => chmod(auditKey, 0o644) },
  'deployment_secrets: anybody can put other files in the place of those in …': {
    files: ({ instanceDir }) => chmod(dirname(instanceDir), 0o777)
  },
  'master_key: … holds the key itself …': {
    env: { PAPERCLIP_SECRETS_MASTER_KEY: masterKey }
  },
  'master_key: in a file; it wraps for … days': {
    sql: [
      "update secrets.master_keys set activated_at = activated_at - interval '400 days'",
      "update secrets.master_keys set activated_at = activated_at + interval '400 days'"
    ]
  }
})

const ofDatabases = (world: World): Breakages => {
  const { urls } = world
  return {
    "database: … its clock is … s from this machine's …": {
      env: {
        DATABASE_URL: changed(urls.gateway, (url) => {
          url.searchParams.set('options', '-c search_path=ahead,pg_catalog')
        })
      }
    },
    'database: … the schema … is newer than this build…': {
      sql: [
        "insert into gateway.schema_migration (name, timestamp) values ('9999_later', '2999-01-01')",
        "delete from gateway.schema_migration where name = '9999_later'"
      ]
    },
    'database_hosting: the embedded PostgreSQL …': { env: noDatabase, files: (paths) => embed(paths, world) },
    'database_access: the database lets its users in with any password': { env: lax(urls.lax) },
    'database_tls: plain connections beyond this machine': {
      env: { DATABASE_URL: elsewhere(urls.gateway) }
    },
    'database_tls: TLS that believes any certificate …': { env: lax(urls.lax, 'sslmode=no-verify', beyond) },
    'database_roles: a service connects as a superuser …': { env: { DATABASE_URL: urls.superuser } },
    'database_roles: that the record is append-only rests on triggers alone': {
      env: { PAPERCLIP_SECRETS_DATABASE_URL: urls.secretsOwner }
    }
  }
}

const ofHop: Breakages = {
  "secrets_service: … refuses the gateway's key": {
    files: async ({ gatewayKey }) =>
      await writeFile(gatewayKey, JSON.stringify({ id: 'gateway-0', secret: 'A'.repeat(42).concat('E') }))
  },
  'private_hop: plain http beyond this machine': { env: { PAPERCLIP_SECRETS_HOST: '0.0.0.0' } },
  'private_hop: plain http on a private network …': {
    env: { PAPERCLIP_SECRETS_HOST: '0.0.0.0', PAPERCLIP_INTERNAL_PLAINTEXT: 'private-network' }
  },
  'secret_provider: masterKey of the secrets service …': {
    sql: [
      `insert into secrets.master_keys (id, salt, iterations, activated_at)
       values ('mk_00000000000000ff', decode(repeat('ab', 32), 'hex'), 600000, now())`,
      "delete from secrets.master_keys where id = 'mk_00000000000000ff'"
    ]
  }
}

const atAws = { PAPERCLIP_SECRETS_AWS_REGION: 'eu-west-1' }
const apart = { PAPERCLIP_SECRETS_AWS_EXTERNAL_PREFIXES: 'companies/{companyId}' }
const withoutVaults = 'delete from secrets.company_secret_provider_configs'

const ofAws = ({ acme, globex }: World): Breakages => ({
  'aws: … companies, each of which may link what belongs to another': { env: atAws },
  "aws: another company's place is that of …": {
    env: apart,
    sql: [[vault(globex, `prod/${acme}`), vault(acme, 'prod')].join(';'), withoutVaults]
  },
  'aws: lasting AWS keys in the environment': {
    env: { ...atAws, ...apart, AWS_ACCESS_KEY_ID: 'canary-7', AWS_SECRET_ACCESS_KEY: 'canary-7' }
  }
})

const ofTheRest = ({ dead, older, busyPort }: World): Breakages => ({
  'strict_mode: off…': { env: { PAPERCLIP_SECRETS_STRICT_MODE: 'false', PAPERCLIP_SECRETS_URL: dead } },
  'storage: PAPERCLIP_STORAGE_PROVIDER is neither local_disk nor s3': {
    env: { PAPERCLIP_STORAGE_PROVIDER: 'canary-7' }
  },
  'gateway: … cannot be reached…': { env: { PAPERCLIP_API_URL: dead } },
  'gateway: the gateway that runs is …': {
    env: { PAPERCLIP_DEPLOYMENT_MODE: 'local_trusted', PAPERCLIP_DEPLOYMENT_EXPOSURE: '' }
  },
  'admins: the instance belongs to nobody yet …': {
    sql: [
      'delete from gateway.instance_user_roles',
      "insert into gateway.instance_user_roles (user_id, role) values ('user-1', 'instance_admin')"
    ]
  },
  'admins: … instance admins, each of whom may enter every company': {
    sql: [
      `insert into gateway.instance_user_roles (user_id, role)
       select id, 'instance_admin' from gateway."authUsers" where id <> 'user-1'`,
      "delete from gateway.instance_user_roles where user_id <> 'user-1'"
    ]
  },
  'ports: … in use…': { env: { PORT: busyPort } },
  'versions: the gateway is version …': { env: { PAPERCLIP_API_URL: older } }
})

const noDatabase = { DATABASE_URL: '', PAPERCLIP_SECRETS_DATABASE_URL: '', DATABASE_MIGRATION_URL: '' }

const vault = (companyId: string, place: string) => `
  insert into secrets.company_secret_provider_configs (id, company_id, provider, display_name, status, config)
  values (gen_random_uuid(), '${companyId}', 'aws_secrets_manager', 'Archive', 'ready', '{"region":"eu-west-1","namespace":"${place}"}')`

function changed(url: string, change: (url: URL) => void): string {
  const copy = new URL(url)
  change(copy)
  return copy.href
}

/** Loopback, by a name that is not known as such. */
const beyond = '127.1'

/** The same database, as if it were on another machine. */
export function elsewhere(url: string): string {
  return changed(url, (each) => {
    each.hostname = beyond
  })
}

/** The database that asks for no password, for both services. */
function lax(laxUrl: string, search = '', host = '127.0.0.1'): Record<string, string> {
  const url = changed(laxUrl, (each) => {
    each.hostname = host
    each.search = search
  })
  return { ...noDatabase, DATABASE_URL: url }
}

/** As if the database here were the embedded one. */
async function embed(paths: InstancePaths, { urls, gateway, secrets }: World): Promise<void> {
  const roles = ['GATEWAY', 'SECRETS']
  await writeLiveLauncher(paths, { databaseUrl: urls.gateway, roles, isEmbedded: true, gateway, secrets })
}

async function text(path: string): Promise<string> {
  return (await readFile(path, 'utf8')).trim()
}
