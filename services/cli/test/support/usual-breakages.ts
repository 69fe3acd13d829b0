import { randomBytes } from 'node:crypto'
import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { InstancePaths } from '@paperclip/instance'
import type { Breakage } from './doctor-breakages.js'
import { writeLiveLauncher } from './live-launcher.js'

/** What breakages are made of. */
interface World {
  /** Nothing listens there. */
  readonly dead: string
  readonly databaseUrls: Readonly<Record<'gateway' | 'secrets', string>>
  /** A database without any schema of ours. */
  readonly emptyUrls: Readonly<Record<'gateway' | 'secrets', string>>
  readonly origin: string
  readonly secretsOrigin: string
}

/** What happens to everybody once: lost and wrong keys, wrong addresses, settings that are not fit. */
export function usualBreakages(world: World): readonly Breakage[] {
  return [...ofKeys(world), ...ofDatabases(world), ...ofServices(world)]
}

const authenticated = {
  PAPERCLIP_DEPLOYMENT_MODE: 'authenticated',
  PAPERCLIP_PUBLIC_URL: 'https://secrets.example'
}
const setLine = async (path: string, name: string, line: string) =>
  await writeFile(path, (await readFile(path, 'utf8')).replace(new RegExp(`^${name}=.*\n`, 'm'), line))
const repairIt = /doctor --repair/

const ofKeys = ({ dead }: World): readonly Breakage[] => [
  {
    what: 'a missing master key that stored values need',
    repair: 'refuses',
    breaks: ({ masterKey }) => rm(masterKey),
    fails: {
      deployment_secrets: { message: /no .*master\.key, .* need the key mk_[0-9a-f]{16}/, repair: /backup/ }
    }
  },
  {
    what: 'a missing master key, and no database that says whether one is needed',
    repair: 'refuses',
    env: {
      DATABASE_URL: `postgres://u:canary-3@${dead}/x`,
      DATABASE_MIGRATION_URL: `postgres://u:canary-3@${dead}/x`
    },
    breaks: async ({ masterKey, auditKey }) => {
      await rm(masterKey)
      await rm(auditKey)
    },
    fails: {
      deployment_secrets: {
        message: /does not tell.*cannot be reached.*there is no .*audit\.key/,
        repair: /backup/
      },
      database: { message: /cannot be reached/, repair: /correct DATABASE_URL/ }
    }
  },
  {
    what: 'another master key than stored values need',
    breaks: ({ masterKey }) => writeFile(masterKey, randomBytes(32).toString('base64')),
    fails: {
      deployment_secrets: {
        message: /they need mk_[0-9a-f]{16}, this one is mk_[0-9a-f]{16}$/,
        repair: /former master key/
      }
    }
  },
  {
    what: 'a new master key in the place of the old one, which stored values need',
    breaks: ({ masterKey, secretsDir }) =>
      rename(masterKey, join(secretsDir, 'former.key')).then(() => addKey(secretsDir)),
    fails: {
      deployment_secrets: {
        message: /they need mk_[0-9a-f]{16}, this one is mk_[0-9a-f]{16}$/,
        repair: /former master key/
      }
    }
  },
  {
    what: 'a master key that is brought, without the one before it',
    env: { PAPERCLIP_SECRETS_MASTER_KEY: randomBytes(32).toString('base64') },
    breaks: ({ secretsDir }) => addKey(secretsDir),
    fails: { deployment_secrets: { message: /they need mk_[0-9a-f]{16}, this one is mk_/, repair: /former/ } }
  },
  {
    what: 'a previous master key that is none',
    env: { PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS: 'canary-3' },
    fails: { deployment_secrets: { message: /previous master key is not 32 random bytes/, repair: /backup/ } }
  },
  {
    what: 'a master key file that is named and not there',
    env: { PAPERCLIP_SECRETS_MASTER_KEY_FILE: '/nonexistent/master_key' },
    fails: {
      deployment_secrets: { message: /^the file of PAPERCLIP_SECRETS_MASTER_KEY_FILE/, repair: /its path/ }
    }
  },
  {
    what: 'a key file that others can read',
    breaks: ({ auditKey }) => chmod(auditKey, 0o644),
    fails: { deployment_secrets: { message: /others can read .*audit\.key/, repair: repairIt } },
    closes: ['secrets/audit.key'],
    repair: 'mends'
  },
  {
    what: 'an instance that others can enter',
    breaks: async ({ instanceDir, secretsDir, env }) => {
      for (const path of [instanceDir, secretsDir]) await chmod(path, 0o755)
      await chmod(env, 0o640)
    },
    fails: {
      deployment_secrets: { message: /others can read \S*default, \S*secrets, \S*\/\.env$/, repair: repairIt }
    },
    closes: ['', '.env', 'secrets'],
    repair: 'mends'
  },
  {
    what: 'one secret used twice, in two spellings',
    breaks: async ({ masterKey, auditKey }) => {
      const key = Buffer.from(await readFile(masterKey, 'utf8'), 'base64')
      await writeFile(auditKey, key.toString('hex'))
    },
    fails: {
      deployment_secrets: {
        message: /master key and the audit key have the same value/,
        repair: /of its own/
      }
    }
  }
]

const ofDatabases = (world: World): readonly Breakage[] => {
  const { dead, databaseUrls, emptyUrls } = world
  return [
    {
      what: 'a database that is not the one of this instance, and no master key',
      env: {
        DATABASE_URL: emptyUrls.gateway,
        PAPERCLIP_SECRETS_DATABASE_URL: emptyUrls.secrets,
        DATABASE_MIGRATION_URL: emptyUrls.secrets
      },
      breaks: async ({ masterKey, logsDir }) => {
        await rm(masterKey)
        await writeFile(join(logsDir, 'secrets.log'), '', { mode: 0o600 })
      },
      fails: {
        deployment_secrets: {
          message: /no .*master\.key, and whether .* cannot be told: this instance has run before/,
          repair: /restore it from a backup, or give doctor the DATABASE_URL/
        },
        database: {
          message: /the schema "gateway" is not migrated; the schema "secrets" is not migrated$/,
          repair: /^start the instance with `paperclipai run`, which migrates$/
        }
      },
      repair: 'refuses'
    },
    {
      what: 'no master key, and no DATABASE_URL for an instance that runs on a server of its own',
      env: { DATABASE_URL: '', PAPERCLIP_SECRETS_DATABASE_URL: '', DATABASE_MIGRATION_URL: '' },
      breaks: async (paths) => {
        await rm(paths.masterKey)
        await runOn(paths, world)
      },
      fails: {
        deployment_secrets: { message: /no .*master\.key, .* need the key mk_[0-9a-f]{16}/, repair: /backup/ }
      },
      says: {
        database_hosting: { status: 'pass', message: /a PostgreSQL server of its own/ },
        database_access: { status: 'pass', message: /a wrong password is refused/ }
      },
      repair: 'refuses'
    },
    {
      what: 'no master key, and a role that may not see whether one is needed',
      env: { DATABASE_MIGRATION_URL: databaseUrls.gateway },
      breaks: ({ masterKey }) => rm(masterKey),
      fails: {
        deployment_secrets: {
          message:
            /does not tell whether one is needed: The role that asks .* may not read the schema "secrets"/,
          repair: /restore it from a backup/
        }
      },
      repair: 'refuses'
    },
    {
      what: 'a role that is not the one of its service',
      env: { DATABASE_URL: databaseUrls.secrets },
      fails: {
        database: {
          message: /the role of the gateway service may not read its schema$/,
          repair: /name the role that was made for it/
        }
      }
    },
    {
      what: 'no database',
      env: { DATABASE_URL: `postgres://u:canary-3@${dead}/x` },
      fails: { database: { message: /cannot be reached/, repair: /correct DATABASE_URL/ } }
    },
    {
      what: 'no database that says which master key is needed',
      env: { DATABASE_MIGRATION_URL: `postgres://u:canary-3@${dead}/x` },
      breaks: ({ masterKey }) => writeFile(masterKey, randomBytes(32).toString('base64')),
      fails: {},
      says: {
        deployment_secrets: {
          status: 'warn',
          message: /^not judged whether the master key .*cannot be reached \(ECONNREFUSED\)/,
          repair: /bring the database of the secrets service up/
        }
      }
    }
  ]
}

const ofServices = ({ dead }: World): readonly Breakage[] => [
  {
    what: 'no configuration',
    breaks: ({ config }) => rm(config),
    fails: { config: { message: /there is no .*config\.json/, repair: /onboard/ } },
    mends: ['config.json'],
    repair: 'mends'
  },
  {
    what: 'a setting that is none',
    breaks: ({ config }) => writeFile(config, '{"server":{"port":"canary-3"}}'),
    fails: { config: { message: /server\.port/, repair: /correct the setting/ } }
  },
  {
    what: 'a bad URL of the database',
    env: { DATABASE_URL: 'canary-3' },
    fails: { config: { message: /DATABASE_URL must look like/, repair: /correct the variable/ } }
  },
  {
    what: 'a bad URL of the secrets service',
    env: { PAPERCLIP_SECRETS_URL: 'canary-3' },
    fails: {
      secrets_service: { message: /PAPERCLIP_SECRETS_URL must be/, repair: /correct PAPERCLIP_SECRETS_URL/ },
      private_hop: { message: /PAPERCLIP_SECRETS_URL must be/, repair: /./ }
    }
  },
  {
    what: 'a signing key that the secrets service does not know',
    breaks: async ({ gatewayKey }) => {
      const { id } = JSON.parse(await readFile(gatewayKey, 'utf8'))
      await writeFile(gatewayKey, JSON.stringify({ id, secret: randomBytes(32).toString('base64url') }))
    },
    fails: {
      deployment_secrets: {
        message: /^the key in \S*gateway-key\.json is not listed in \S*internal-keys\.json/,
        repair: /restore both from one backup/
      },
      secrets_service: {
        message: /refuses the gateway's key/,
        repair: /is listed in the internal-keys\.json/
      }
    },
    repair: 'refuses'
  },
  {
    what: 'a signing key whose time is over',
    breaks: async ({ internalKeys }) => {
      const { keys } = JSON.parse(await readFile(internalKeys, 'utf8')) as { keys: object[] }
      const ended = keys.map((key) => ({ ...key, notAfter: '2026-01-01T00:00:00Z' }))
      await writeFile(internalKeys, JSON.stringify({ keys: ended }))
    },
    fails: {
      deployment_secrets: { message: /^the key in .* not any more valid there$/, repair: /from one backup/ }
    }
  },
  {
    what: 'a secrets service of another deployment',
    breaks: async ({ gatewayKey, internalKeys }) => {
      const key = { id: 'gateway-2', secret: randomBytes(32).toString('base64url') }
      await writeFile(gatewayKey, JSON.stringify(key))
      const entry = { ...key, caller: 'gateway', scopes: ['activity:write'], companies: null, notAfter: null }
      await writeFile(internalKeys, JSON.stringify({ keys: [entry] }))
    },
    fails: {
      secrets_service: {
        message: /refuses the gateway's key/,
        repair: /another deployment.*correct PAPERCLIP_SECRETS_URL/
      }
    }
  },
  {
    what: 'no secret for run tokens',
    breaks: ({ env }) => setLine(env, 'PAPERCLIP_AGENT_JWT_SECRET', ''),
    fails: { auth: { message: /PAPERCLIP_AGENT_JWT_SECRET is set nowhere/, repair: repairIt } },
    mends: ['.env'],
    repair: 'mends'
  },
  {
    what: 'a secret for sessions that can be guessed',
    env: { ...authenticated, PAPERCLIP_SECRETS_STRICT_MODE: '', BETTER_AUTH_SECRET: 'canary-3' },
    fails: {
      auth: { message: /BETTER_AUTH_SECRET is not 32 random bytes/, repair: /openssl/ },
      // The service that runs is one of local_trusted.
      strict_mode: { message: /^off/, repair: /PAPERCLIP_SECRETS_STRICT_MODE=true/ }
    }
  },
  {
    what: 'strict mode switched off where several people share an instance',
    env: { ...authenticated, PAPERCLIP_SECRETS_URL: `http://${dead}` },
    fails: {
      secrets_service: { message: /cannot be reached/, repair: /paperclipai run/ },
      strict_mode: { message: /^off, as it is set here/, repair: /PAPERCLIP_SECRETS_STRICT_MODE=true/ }
    }
  },
  {
    what: 'everybody an operator',
    env: { HOST: '0.0.0.0' },
    fails: { deployment_mode: { message: /not loopback/, repair: /PAPERCLIP_DEPLOYMENT_MODE=authenticated/ } }
  },
  {
    what: 'no gateway, and a storage nobody knows',
    env: { PAPERCLIP_API_URL: `http://${dead}`, PAPERCLIP_STORAGE_PROVIDER: 'canary-3' },
    fails: {
      storage: { message: /PAPERCLIP_STORAGE_PROVIDER/, repair: /set one of the two/ },
      gateway: { message: /cannot be reached|ECONNREFUSED/, repair: /paperclipai run/ }
    }
  }
]

/** As an instance that a launcher runs on a server of its own, with the roles that it made there. */
async function runOn(paths: InstancePaths, { databaseUrls, origin, secretsOrigin }: World): Promise<void> {
  await writeLiveLauncher(paths, {
    databaseUrl: databaseUrls.secrets,
    roles: ['GATEWAY_OWNER', 'GATEWAY', 'SECRETS_OWNER', 'SECRETS'],
    ...{ isEmbedded: false, gateway: origin, secrets: secretsOrigin }
  })
}

/** Makes a further master key of an instance. */
export async function addKey(secretsDir: string): Promise<void> {
  await writeFile(join(secretsDir, 'master-2.key'), randomBytes(32).toString('base64'), { mode: 0o600 })
}
