import { createSecretKey } from 'node:crypto'
import { hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import { newId, triggersAloneWarningStart } from '@paperclip/contracts'
import { type Database, expectSameClock, expectSchemaVersion, watchClock } from '@paperclip/db'
import { type CursorCodec, createCursorCodec, type Logger, SecretValue } from '@paperclip/server'
import {
  createNonceMemory,
  createVerifierKeyring,
  type NonceMemory,
  type TlsHolder,
  type VerifierKeyring
} from '@paperclip/signing'
import type { Config, Secrets } from './config.js'
import type { SecretsDatabase } from './database.js'
import { type Databases, openDatabases } from './databases.js'
import { findStrictModeGap } from './environment/strict-mode-gap.js'
import { mayChangeAudit } from './health/health-store.js'
import { openHopTls } from './hop-tls.js'
import { startHousekeeping } from './housekeeping.js'
import { createCompanyKeyring } from './keyring/company-keyring.js'
import { configuredKeys, retiredKeyWarnings } from './keyring/configured-keys.js'
import { tightenKeyFile } from './keyring/key-file-mode.js'
import { getCursorKey } from './keyring/keyring-store.js'
import { startPresence } from './keyring/master-key-presence.js'
import { type KekMaking, type MasterKeyring, openMasterKeyring } from './keyring/master-keyring.js'
import type { LoadedCredentials } from './provider/aws/aws-credentials.js'
import { type OpenedProviders, openProviders } from './provider/open-providers.js'
import type { ProviderRegistry } from './provider/provider.js'
import {
  createRemoteDeletionService,
  type RemoteDeletionService
} from './remote-deletion/remote-deletion-service.js'
import {
  type RemoteDeletionWorker,
  startRemoteDeletionWorker
} from './remote-deletion/remote-deletion-worker.js'
import { startReconciler } from './remote-write/reconciler.js'
import { createRemoteWriteService, type RemoteWriteService } from './remote-write/remote-write-service.js'
import { createOwnCredentials } from './secret/own-credentials.js'
import { createServices, type Services } from './services.js'

/** Everything the routes need, made once, closed once. */
export interface Deps extends Services {
  readonly config: Config
  readonly logger: Logger
  readonly database: Database<SecretsDatabase>
  readonly keyring: VerifierKeyring
  /** Null: plain http. */
  readonly tls: TlsHolder | null
  readonly nonces: NonceMemory
  readonly cursors: CursorCodec
  readonly masterKeys: MasterKeyring
  readonly providers: ProviderRegistry
  readonly remoteWrites: RemoteWriteService
  readonly remoteDeletions: RemoteDeletionService
  readonly remoteDeletionWorker: RemoteDeletionWorker
  readonly warnings: readonly string[]
  /** What has become worth a warning since the start. */
  findWarnings(): Promise<readonly string[]>
  /** How the deployment sets up the provider that is used when nothing else is said. */
  describeDefaultProvider(): string
  /** Cuts off what providers have not answered: whoever waits is told so, and writes are looked for again later. */
  endProviderCalls(): Promise<void>
  close(): Promise<void>
}

const migrations = fileURLToPath(new URL('../../migrations', import.meta.url))

const triggersAloneWarning = `${triggersAloneWarningStart}: that they are append-only rests on triggers alone.`

/** 30 s of metadata reads at several thousand a second. */
const noncesMax = 300_000

/** What tests put in the place of the world outside. */
interface Outside {
  /** Stands in for the default credential chain of AWS. */
  readonly loadAwsCredentials?: () => Promise<LoadedCredentials>
  /** Stands in for deriving the same keys anew at each of many starts. */
  readonly kekMaking?: KekMaking
}

/** Waits for the database and its schema, then opens keys and makes the services. */
export async function createDeps(
  config: Config,
  secrets: Secrets,
  logger: Logger,
  { loadAwsCredentials, kekMaking }: Outside = {}
): Promise<Deps> {
  const keyring = createVerifierKeyring(config.internalKeysFile, {
    nowMs: Date.now,
    onReload: (event) =>
      logger.info({ outcome: event.outcome, path: event.path }, 'internal keys were read again')
  })
  const tls = openHopTls(config.tlsFiles, logger)
  const keyFileWarnings = [config.masterKeyFile, config.previousMasterKeyFile].flatMap(tightenKeyFile)
  const configured = configuredKeys(config, secrets)
  const databases = openDatabases(secrets.databaseUrl.reveal(), logger)
  const { db } = databases.ordinary
  try {
    const policyWarnings = [findStrictModeGap(config)].filter((gap) => gap !== undefined)
    const databaseWarnings = await checkDatabase(databases)
    const masterKeys = await openMasterKeyring(db, configured, ownIdentity(), kekMaking)
    const found = [...keyFileWarnings, ...policyWarnings, ...databaseWarnings]
    const warnings = [...found, ...retiredKeyWarnings(masterKeys)]
    for (const warning of warnings) logger.warn(warning)
    const companyKeys = createCompanyKeyring(db, masterKeys)
    const cursors = createCursorCodec(createSecretKey(await getCursorKey(db)))
    const opened = openProviders({ db, companyKeys, config, keyFileWarnings, loadAwsCredentials })
    const background = startBackground(databases, { opened, masterKeys, logger })
    const { remoteWrites, remoteDeletions, remoteDeletionWorker } = background
    const hotPool = databases.hot.pool
    const services = createServices({
      ...{ db, hotPool, config, logger, masterKeys, companyKeys, opened },
      ownCredentials: createOwnCredentials({
        configured: secrets.own,
        held: () => [...opened.ownCredentials(), ...keyring.secrets().map((text) => new SecretValue(text))]
      }),
      ...background
    })
    return {
      ...services,
      config,
      logger,
      database: databases.ordinary,
      keyring,
      tls,
      nonces: createNonceMemory({ entriesMax: noncesMax }),
      cursors,
      masterKeys,
      providers: opened.providers,
      remoteWrites,
      remoteDeletions,
      remoteDeletionWorker,
      warnings,
      async findWarnings() {
        const found = await Promise.all([
          services.masterKeyService.findWarning(),
          remoteDeletions.findWarning(null),
          opened.findWarning()
        ])
        return found.filter((warning) => warning !== undefined)
      },
      describeDefaultProvider: opened.describeDefault,
      endProviderCalls: () => opened.close(),
      async close() {
        await background.stop()
        await opened.close()
        await databases.close()
      }
    }
  } catch (error) {
    await databases.close()
    throw error
  }
}

/** Waits until the database is as this version needs it; gives what should be better about it. */
async function checkDatabase({ ordinary: { db }, hot }: Databases): Promise<string[]> {
  await expectSchemaVersion(db, { schema: 'secrets', folder: migrations })
  await expectSameClock(db)
  await hot.warm()
  return (await mayChangeAudit(db)) ? [triggersAloneWarning] : []
}

/** Starts what no request waits for. */
function startBackground(
  { ordinary: { db } }: Databases,
  { opened, masterKeys, logger }: { opened: OpenedProviders; masterKeys: MasterKeyring; logger: Logger }
) {
  const { providers } = opened
  const remoteWrites = createRemoteWriteService({ db, providers, logger })
  const remoteDeletions = createRemoteDeletionService({ db, providers, logger })
  const remoteDeletionWorker = startRemoteDeletionWorker(remoteDeletions, logger)
  const reconciler = startReconciler(remoteWrites, logger)
  const housekeeping = startHousekeeping(db, logger)
  const clock = watchClock(db, { onSkew: ({ message }) => logger.warn(message) })
  const presence = startPresence(db, masterKeys, logger)
  const started = [housekeeping, clock, reconciler, remoteDeletionWorker, presence]
  return {
    remoteWrites,
    remoteDeletions,
    remoteDeletionWorker,
    housekeeping,
    async stop() {
      await Promise.all(started.map((work) => work.stop()))
    }
  }
}

const hostCharsMax = 255

/** Another one with each start: what a former process of this machine held says nothing about this one. */
function ownIdentity() {
  return { id: newId(), host: hostname().slice(0, hostCharsMax) || 'unknown', pid: process.pid }
}
