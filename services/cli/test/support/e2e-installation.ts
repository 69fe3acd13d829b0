import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecretsClient, createSignerKey, type SecretsClient } from '@paperclip/client'
import { type InstancePaths, instancePaths, onboardInstance, readEnvFile } from '@paperclip/instance'
import { freePort, repositoryRoot, type StartedProcess, startProcess } from '@paperclip/testing'

/** The part of a tap test that is needed here. */
export interface HasTeardown {
  teardown(clean: () => unknown): unknown
}

/** One process of a service, at an address that stays when it is started again. */
export interface Replica {
  readonly origin: string
  readonly process: StartedProcess
  /** Starts it again after its end, and waits until it is ready. */
  restart(): Promise<void>
  /** Starts it again and does not wait. */
  respawn(): Promise<void>
}

/** Real processes of both services over one database. */
export interface Installation {
  readonly gateways: readonly Replica[]
  readonly secrets: readonly Replica[]
  readonly paths: InstancePaths
  /** Every key and secret of the installation, by what it is. */
  readonly keys: Readonly<Record<string, string>>
  /** A client of one secrets process, as an internal service: the one whose key may resolve, unless another is named. */
  serviceClient(origin: string, service?: InternalService): SecretsClient
  /** Everything every process has written so far. */
  output(): string
}

export interface InstallationOptions {
  readonly gateways: number
  readonly secrets: number
  /** Which database each service connects to, as its runtime role. */
  readonly databaseUrls: { readonly gateway: string; readonly secrets: string }
  readonly logLevel?: 'trace' | 'info'
  /** Changes the address a gateway knows the secrets service by. */
  readonly secretsUrl?: (origin: string) => string
  /** Settings of the gateways besides those they need. */
  readonly gatewayEnv?: Readonly<Record<string, string>>
  /** Settings of the secrets services besides those they need. */
  readonly secretsEnv?: Readonly<Record<string, string>>
}

/** An internal service by its name and the id of its key. */
interface InternalService {
  readonly caller: string
  readonly id: string
}

/** May resolve. */
export const runner: InternalService = { caller: 'runner', id: 'runner-1' }
/** May read the audit, and nothing else. */
export const reader: InternalService = { caller: 'reader', id: 'reader-1' }
const scopesOf = new Map([
  [runner, ['resolve']],
  [reader, ['audit:read']]
])

const program = (service: 'gateway' | 'secrets') => `${repositoryRoot}services/${service}/dist/bin/main.js`

/** The migrations of both services, as they are shipped. */
export const shippedMigrations = (['gateway', 'secrets'] as const).map((schema) => ({
  schema,
  folder: `${repositoryRoot}services/${schema}/migrations`,
  program: `${repositoryRoot}services/${schema}/dist/bin/migrate.js`
}))

/** Makes the files of an instance and starts so many processes of each service; gateways share out the others. */
export async function startInstallation(t: HasTeardown, options: InstallationOptions): Promise<Installation> {
  const {
    databaseUrls,
    logLevel = 'info',
    secretsUrl = (origin: string) => origin,
    gatewayEnv = {},
    secretsEnv = {}
  } = options
  const { paths, keys, keyFileOf } = await makeInstance(t)
  const common = { PAPERCLIP_HOME: paths.home, PAPERCLIP_LOG_LEVEL: logLevel }
  const all: StartedProcess[] = []
  const secrets = await times(options.secrets, () =>
    startReplica(t, all, {
      main: program('secrets'),
      portName: 'PAPERCLIP_SECRETS_PORT',
      env: { ...common, ...secretsEnv, DATABASE_URL: databaseUrls.secrets }
    })
  )
  const gateways = await times(options.gateways, (index) =>
    startReplica(t, all, {
      main: program('gateway'),
      portName: 'PORT',
      env: {
        ...common,
        DATABASE_URL: databaseUrls.gateway,
        PAPERCLIP_AGENT_JWT_SECRET: keys.jwt ?? '',
        BETTER_AUTH_SECRET: keys.session ?? '',
        ...gatewayEnv,
        PAPERCLIP_SECRETS_URL: secretsUrl(secrets[index % secrets.length]?.origin ?? '')
      }
    })
  )
  return {
    gateways,
    secrets,
    paths,
    keys,
    serviceClient(origin, service = runner) {
      const key = createSignerKey(keyFileOf(service), { nowMs: Date.now, onReload: () => {} })
      const client = createSecretsClient({ origin, key, caller: service.caller })
      t.teardown(() => client.close())
      return client
    },
    output: () => all.map((each) => each.stdout() + each.stderr()).join('')
  }
}

async function makeInstance(t: HasTeardown) {
  const home = await mkdtemp(join(tmpdir(), 'paperclip-e2e-'))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  const paths = instancePaths({ home, instanceId: 'default' })
  await onboardInstance(paths, { mayCreateMasterKey: true })
  const list = JSON.parse(await readFile(paths.internalKeys, 'utf8')) as { keys: { secret: string }[] }
  const keyFileOf = ({ caller }: InternalService) => join(home, `${caller}-key.json`)
  const secrets = new Map<string, string>()
  const entries: object[] = [...list.keys]
  for (const [service, scopes] of scopesOf) {
    const secret = randomBytes(32).toString('base64url')
    secrets.set(service.caller, secret)
    entries.push({ ...service, secret, scopes, companies: null, notAfter: null })
    await writeFile(keyFileOf(service), JSON.stringify({ id: service.id, secret }), { mode: 0o600 })
  }
  await writeFile(paths.internalKeys, JSON.stringify({ keys: entries }))
  const generated = await readEnvFile(paths.env)
  const keys: Record<string, string> = {
    jwt: generated.PAPERCLIP_AGENT_JWT_SECRET ?? '',
    session: generated.BETTER_AUTH_SECRET ?? '',
    master: (await readFile(paths.masterKey, 'utf8')).trim(),
    gateway: list.keys[0]?.secret ?? '',
    ...Object.fromEntries(secrets)
  }
  return { paths, keys, keyFileOf }
}

async function startReplica(
  t: HasTeardown,
  all: StartedProcess[],
  { main, portName, env }: { main: string; portName: string; env: Record<string, string> }
): Promise<Replica> {
  const port = String(await freePort())
  const origin = `http://127.0.0.1:${port}`
  const start = async (readyWhen?: { url: string }) => {
    const started = await startProcess(t, {
      command: process.execPath,
      args: [main],
      env: { ...env, [portName]: port },
      ...(readyWhen === undefined ? {} : { readyWhen })
    })
    all.push(started)
    return started
  }
  const ready = { url: `${origin}/readyz` }
  let current = await start(ready)
  return {
    origin,
    get process() {
      return current
    },
    async restart() {
      current = await start(ready)
    },
    async respawn() {
      current = await start()
    }
  }
}

function times<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => make(index)))
}
