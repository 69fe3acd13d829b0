import { chmod, chown, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { InstancePaths } from '@paperclip/instance'

/** A way to break an installation, what doctor is to say, and what a repair may change. */
export interface Breakage {
  readonly what: string
  readonly env?: Record<string, string>
  readonly breaks?: (paths: InstancePaths) => Promise<unknown>
  /** Every check that fails, with what it names and the next step. */
  readonly fails: Record<string, { message: RegExp; repair: RegExp }>
  /** Checks that only warn, or pass, and what they have to say all the same. */
  readonly says?: Record<string, { status: 'pass' | 'warn'; message: RegExp; repair?: RegExp }>
  /** Files whose content a repair may change. None: a repair leaves everything as it is. */
  readonly mends?: readonly string[]
  /** Files and folders whose mode a repair may change; by default none, not even of others. */
  readonly closes?: readonly string[]
  /** A repair mends it all and nothing fails any more; or it refuses to touch anything, and says so. */
  readonly repair?: 'mends' | 'refuses'
}

/** What nobody does on purpose: links to nothing, files of other kinds, blanks, faults in what is only named. */
export function oddBreakages({ databaseUrl }: { databaseUrl: string }): readonly Breakage[] {
  return [...ofFiles, ...(isRoot ? ofOwners : []), ...ofSettings(databaseUrl)]
}

const isRoot = process.getuid?.() === 0
/** Owns nothing, on every Linux and macOS. */
const nobody = 65_534

const elsewhere = ({ home }: InstancePaths) => join(home, 'elsewhere')

/** Moves a file out of the instance, and leaves a link where it was. */
async function moveBehindLink(paths: InstancePaths, path: string): Promise<void> {
  await rename(path, elsewhere(paths))
  await symlink(elsewhere(paths), path)
}

const ofFiles: readonly Breakage[] = [
  {
    what: 'a folder where the configuration should be',
    breaks: async ({ config }) => {
      await rm(config)
      await mkdir(config)
    },
    fails: { config: { message: /config\.json is a folder/, repair: /move/ } },
    repair: 'refuses'
  },
  {
    what: 'keys that are too short, or broken over two lines',
    breaks: async ({ masterKey, auditKey }) => {
      const key = (await readFile(masterKey, 'utf8')).trim()
      await writeFile(masterKey, `${key.slice(0, 20)}\n${key.slice(20)}\n`)
      await writeFile(auditKey, 'canary-3')
    },
    fails: {
      deployment_secrets: {
        message: /master key in \S*master\.key is not 32 .*audit key in \S*audit\.key is not 32/,
        repair: /restore it from a backup/
      }
    }
  },
  {
    what: 'a list of keys without that of the gateway, which is lost too, and more to mend',
    breaks: async ({ internalKeys, gatewayKey, env, auditKey }) => {
      const { keys } = JSON.parse(await readFile(internalKeys, 'utf8')) as { keys: { caller: string }[] }
      const others = keys.filter(({ caller }) => caller !== 'gateway')
      await writeFile(internalKeys, JSON.stringify({ keys: others }))
      await rm(gatewayKey)
      const text = await readFile(env, 'utf8')
      await writeFile(env, text.replace(/^PAPERCLIP_AGENT_JWT_SECRET=.*\n/m, ''))
      await chmod(auditKey, 0o644)
    },
    fails: {
      auth: { message: /PAPERCLIP_AGENT_JWT_SECRET is set nowhere/, repair: /./ },
      deployment_secrets: { message: /gateway-key\.json: .*others can read/, repair: /backup/ },
      secrets_service: { message: /gateway-key\.json/, repair: /correct that file/ }
    },
    repair: 'refuses'
  },
  {
    what: 'files of keys that are there and hold nothing of use',
    breaks: async ({ auditKey, internalKeys, masterKey }) => {
      await writeFile(auditKey, '\n')
      await writeFile(internalKeys, '{"keys": "canary-3')
      await rm(masterKey)
      await mkdir(masterKey, { mode: 0o700 })
    },
    fails: {
      deployment_secrets: {
        message:
          /master\.key cannot be read .*EISDIR.*audit\.key is empty.*internal-keys\.json is not a JSON/,
        repair: /restore it from a backup/
      }
    }
  },
  {
    what: 'a file where the folder of keys should be',
    breaks: async ({ secretsDir }) => {
      await rm(secretsDir, { recursive: true })
      await writeFile(secretsDir, 'canary-3', { mode: 0o600 })
    },
    fails: {
      deployment_secrets: { message: /secrets cannot be read or written \(ENOTDIR\)/, repair: /mend/ },
      secrets_service: { message: /gateway-key\.json/, repair: /correct that file/ }
    },
    repair: 'refuses'
  },
  {
    what: 'a master key behind a link to nothing, as where a volume is not mounted',
    breaks: async (paths) => {
      await moveBehindLink(paths, paths.masterKey)
      await rm(elsewhere(paths))
    },
    fails: {
      deployment_secrets: {
        message: /master\.key is a link to a file that is not/,
        repair: /put that file back/
      }
    }
  },
  {
    what: 'an `.env` behind a link to nothing',
    breaks: async (paths) => {
      await moveBehindLink(paths, paths.env)
      await rm(elsewhere(paths))
    },
    fails: { config: { message: /\.env is a link to a file that is not there/, repair: /./ } },
    repair: 'refuses'
  },
  {
    what: 'an empty variable in an `.env` that lies elsewhere',
    breaks: async (paths) => {
      const text = await readFile(paths.env, 'utf8')
      const emptied = text.replace(/^(PAPERCLIP_AGENT_JWT_SECRET=).*$/m, '$1')
      await writeFile(paths.env, `\ufeff${emptied}`.replaceAll('\n', '\r\n'))
      await moveBehindLink(paths, paths.env)
    },
    fails: { auth: { message: /PAPERCLIP_AGENT_JWT_SECRET is set nowhere/, repair: /doctor --repair/ } },
    mends: ['.env'],
    repair: 'mends'
  },
  {
    what: 'a folder above that anybody can write, a secret used twice, and an unreadable note of what runs',
    breaks: async ({ auditKey, internalKeys, instanceDir, runtime }) => {
      const [{ secret }] = JSON.parse(await readFile(internalKeys, 'utf8')).keys
      await writeFile(auditKey, `\ufeff${Buffer.from(secret, 'base64url').toString('base64')}\r\n`)
      await chmod(dirname(instanceDir), 0o777)
      const note = { version: 1, launcherPid: process.pid, gateway: {}, secrets: {}, database: {} }
      await writeFile(runtime, JSON.stringify(note), { mode: 0o600 })
    },
    fails: {
      deployment_secrets: {
        message:
          /audit key and the internal key gateway-\w+ have the same value; anybody can put other files .*instances$/,
        repair: /of its own; chmod o-w .*instances$/
      }
    }
  }
]

const ofOwners: readonly Breakage[] = [
  {
    what: 'files of another user than the instance',
    breaks: async ({ auditKey, config }) => {
      for (const path of [auditKey, config]) await chown(path, nobody, nobody)
    },
    fails: {
      deployment_secrets: {
        message: /of another user than the instance: .*config\.json, .*audit\.key$/,
        repair: /^chown 0:0 \S*config\.json \S*audit\.key$/
      }
    }
  },
  {
    what: 'an instance of another user, which lacks something and is open',
    breaks: async (paths) => {
      const text = await readFile(paths.env, 'utf8')
      await writeFile(paths.env, text.replace(/^PAPERCLIP_AGENT_JWT_SECRET=.*\n/m, ''))
      await chmod(paths.auditKey, 0o644)
      for (const name of ['', ...(await readdir(paths.instanceDir, { recursive: true }))])
        await chown(join(paths.instanceDir, name), nobody, nobody)
    },
    fails: {
      auth: { message: /PAPERCLIP_AGENT_JWT_SECRET is set nowhere/, repair: /./ },
      deployment_secrets: { message: /others can read/, repair: /./ }
    },
    repair: 'refuses'
  }
]

const ofSettings = (databaseUrl: string): readonly Breakage[] => [
  {
    what: 'settings of which each is of no use',
    env: {
      PAPERCLIP_API_KEY: 'paperclip_board_canary-3',
      PAPERCLIP_INTERNAL_PLAINTEXT: 'yes',
      PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS_FILE: '/nonexistent/previous',
      DATABASE_URL: changed(databaseUrl, 'sslmode', 'verify-full', 'sslrootcert', '/nonexistent/ca.crt'),
      DATABASE_MIGRATION_URL: changed(databaseUrl, 'sslmode', 'require')
    },
    fails: {
      auth: {
        message: /the file of PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS_FILE is empty or/,
        repair: /its path/
      },
      database: {
        message: /certificate or key that the URL .*cannot be read \(ENOENT\)/,
        repair: /DATABASE_URL/
      },
      private_hop: { message: /PAPERCLIP_INTERNAL_PLAINTEXT is not private-network/, repair: /unset it/ },
      gateway: { message: /./, repair: /unset PAPERCLIP_API_KEY/ }
    },
    says: {
      deployment_secrets: { status: 'warn', message: /not judged .* offers no TLS/ }
    }
  },
  {
    what: 'a password that a parser takes for something else',
    env: { DATABASE_URL: 'postgres://user:31/canary-3@db.example/x' },
    fails: { config: { message: /^DATABASE_URL has a password that ends too early/, repair: /./ } }
  },
  {
    what: 'a previous master key given in two ways',
    env: {
      PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS: 'canary-3',
      PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS_FILE: '/nonexistent/previous'
    },
    fails: {
      config: { message: /MASTER_KEY_PREVIOUS and .*_FILE are both set/, repair: /keep one/ },
      deployment_secrets: { message: /previous master key is not 32/, repair: /./ }
    }
  },
  {
    what: 'a secret given in two ways, and two variables that nothing reads',
    env: { REDIS_URL: 'canary-3', REDIS_URL_FILE: 'canary-3', PAPERCLIP_STRICT: '1', PAPERCLIP_MODE: '1' },
    fails: {
      config: {
        message: /^REDIS_URL and .* both set.*reads the variable PAPERCLIP_STRICT; .*PAPERCLIP_MODE$/,
        repair: /^keep one of the two; unset PAPERCLIP_STRICT.*; unset PAPERCLIP_MODE/
      },
      deployment_secrets: { message: /^the file of REDIS_URL_FILE/, repair: /./ }
    }
  },
  {
    what: 'a database that can only be read, as a standby',
    env: { DATABASE_URL: changed(databaseUrl, 'options', '-c default_transaction_read_only=on') },
    fails: { database: { message: /it can only be read$/, repair: /name the primary server/ } }
  },
  {
    what: 'no database of the secrets service, which has one of its own',
    env: { PAPERCLIP_SECRETS_DATABASE_URL: 'postgres://u:canary-3@127.0.0.1:9/x' },
    fails: {
      database: {
        message: /^The database postgres:\/\/127\.0\.0\.1:9\/x cannot be reached/,
        repair: /correct PAPERCLIP_SECRETS_DATABASE_URL/
      }
    }
  },
  {
    what: 'an address of the gateway that is none',
    env: { PAPERCLIP_API_URL: 'canary-3' },
    fails: { gateway: { message: /PAPERCLIP_API_URL is not an address/, repair: /scheme, host and port/ } }
  }
]

function changed(url: string, ...parameters: string[]): string {
  const copy = new URL(url)
  for (let at = 0; at < parameters.length; at += 2)
    copy.searchParams.set(parameters[at] ?? '', parameters[at + 1] ?? '')
  return copy.href
}
