import { createSecretKey } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import type { ProviderId } from '@paperclip/contracts'
import { connect, type Database, expectSameClock, expectSchemaVersion, watchClock } from '@paperclip/db'
import { type CursorCodec, createCursorCodec, type Logger } from '@paperclip/server'
import {
  createNonceMemory,
  createVerifierKeyring,
  type NonceMemory,
  type TlsHolder,
  type VerifierKeyring
} from '@paperclip/signing'
import type { Config, Secrets } from './config.js'
import { parseMasterKey } from './crypto/master-key.js'
import type { SecretsDatabase } from './database.js'
import { createEnvironmentService, type EnvironmentService } from './environment/environment-service.js'
import { mayChangeAudit } from './health/health-store.js'
import { openHopTls } from './hop-tls.js'
import { type Housekeeping, startHousekeeping } from './housekeeping.js'
import { createCompanyKeyring } from './keyring/company-keyring.js'
import { tightenKeyFile } from './keyring/key-file-mode.js'
import { getCursorKey } from './keyring/keyring-store.js'
import { type MasterKeyring, openMasterKeyring } from './keyring/master-keyring.js'
import { createOutboxService, type OutboxService } from './outbox/outbox-service.js'
import type { LoadedCredentials } from './provider/aws/aws-credentials.js'
import { openAws } from './provider/aws/open-aws.js'
import { createLocalEncryptedProvider } from './provider/local-encrypted.js'
import { createLocalVaultBackend } from './provider/local-vault-backend.js'
import type { ProviderRegistry, SecretProvider } from './provider/provider.js'
import { createProviderService, type ProviderService } from './provider/provider-service.js'
import type { FindReferenceRules } from './provider/reference-rules.js'
import type { VaultBackends } from './provider/vault-backend.js'
import {
  createRemoteDeletionService,
  type RemoteDeletionService
} from './remote-deletion/remote-deletion-service.js'
import {
  type RemoteDeletionWorker,
  startRemoteDeletionWorker
} from './remote-deletion/remote-deletion-worker.js'
import {
  createRemoteImportPreviewer,
  type RemoteImportPreviewer
} from './remote-import/remote-import-preview.js'
import { createRemoteImportService, type RemoteImportService } from './remote-import/remote-import-service.js'
import { startReconciler } from './remote-write/reconciler.js'
import { createRemoteWriteService, type RemoteWriteService } from './remote-write/remote-write-service.js'
import { createProviderReads } from './resolve/provider-reads.js'
import { createResolveRecorder } from './resolve/resolve-recorder.js'
import { createResolveService, type ResolveService } from './resolve/resolve-service.js'
import { createRevealService, type RevealService } from './resolve/reveal-service.js'
import { createWithdrawals } from './resolve/withdrawal.js'
import { createSecretService, type SecretService } from './secret/secret-service.js'
import { createVaultHealthService, type VaultHealthService } from './vault/vault-health-service.js'
import { createVaultService, type VaultService } from './vault/vault-service.js'
import { createVersionService, type VersionService } from './version/version-service.js'

/** Everything the routes need, made once, closed once. */
export interface Deps {
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
  readonly providerService: ProviderService
  readonly vaults: VaultService
  readonly vaultHealth: VaultHealthService
  readonly secrets: SecretService
  readonly importPreviews: RemoteImportPreviewer
  readonly remoteImports: RemoteImportService
  readonly versions: VersionService
  readonly remoteWrites: RemoteWriteService
  readonly environments: EnvironmentService
  readonly resolves: ResolveService
  readonly reveals: RevealService
  readonly outbox: OutboxService
  readonly remoteDeletions: RemoteDeletionService
  readonly remoteDeletionWorker: RemoteDeletionWorker
  readonly warnings: readonly string[]
  /** What has become worth a warning since the start. */
  findWarnings(): Promise<readonly string[]>
  /** How the deployment sets up the provider that is used when nothing else is said. */
  describeDefaultProvider(): string
  close(): Promise<void>
}

const migrations = fileURLToPath(new URL('../../migrations', import.meta.url))

/** Limits of ordinary statements. */
const ordinary = {
  poolMax: 10,
  statementTimeoutMs: 5_000,
  lockTimeoutMs: 2_000,
  idleInTransactionTimeoutMs: 10_000,
  // Also the wait for a free connection of the pool: a burst of writes must queue, not fail.
  connectionTimeoutMs: 5_000,
  queryTimeoutMs: 6_000
}

/**
 * Limits of the resolve path: a record that cannot be written in time must answer 503 within a second. Plans are
 * generic and by index: one first made on an empty table would keep a sequential scan after it has filled.
 */
const hot = {
  // Two batches of resolves at once, and single reveals beside them.
  poolMax: 4,
  // On a busy machine connecting takes longer than a resolve may wait, so the first one after a pause must find these.
  poolMin: 2,
  statementTimeoutMs: 600,
  lockTimeoutMs: 200,
  idleInTransactionTimeoutMs: 5_000,
  connectionTimeoutMs: 300,
  queryTimeoutMs: 700,
  settings: { plan_cache_mode: 'force_generic_plan', jit: 'off', enable_seqscan: 'off' }
}

const triggersAloneWarning =
  'The database role of the secrets service may change audit rows: that they are append-only rests on triggers alone.'

/** 30 s of metadata reads at several thousand a second. */
const noncesMax = 300_000

/** What tests put in the place of the world outside. */
interface Outside {
  /** Stands in for the default credential chain of AWS. */
  readonly loadAwsCredentials?: () => Promise<LoadedCredentials>
}

/** Waits for the database and its schema, then opens keys and makes the services. */
export async function createDeps(
  config: Config,
  secrets: Secrets,
  logger: Logger,
  { loadAwsCredentials }: Outside = {}
): Promise<Deps> {
  const onError = (error: Error) => logger.warn({ code: codeOf(error) }, 'a database connection was lost')
  const base = { url: secrets.databaseUrl.reveal(), schema: 'secrets', onError }
  const keyring = createVerifierKeyring(config.internalKeysFile, {
    nowMs: Date.now,
    onReload: (event) =>
      logger.info({ outcome: event.outcome, path: event.path }, 'internal keys were read again')
  })
  const tls = openHopTls(config.tlsFiles, logger)
  const keyFileWarnings = tightenKeyFile(config.masterKeyFile)
  const warnings = [...keyFileWarnings]
  const configured = configuredKeys(config, secrets)
  const database = connect<SecretsDatabase>({ ...base, ...ordinary, applicationName: 'paperclip-secrets' })
  const hotDatabase = connect<SecretsDatabase>({
    ...base,
    ...hot,
    applicationName: 'paperclip-secrets-resolve'
  })
  const { db } = database
  const aws = openAws({ db, settings: config.aws, load: loadAwsCredentials })
  try {
    await expectSchemaVersion(db, { schema: 'secrets', folder: migrations })
    await expectSameClock(db)
    await hotDatabase.warm()
    if (await mayChangeAudit(db)) warnings.push(triggersAloneWarning)
    for (const warning of warnings) logger.warn(warning)
    const masterKeys = await openMasterKeyring(db, configured)
    const companyKeys = createCompanyKeyring(db, masterKeys)
    const local = createLocalEncryptedProvider(companyKeys)
    const known: Partial<Record<ProviderId, SecretProvider>> = {
      local_encrypted: local,
      aws_secrets_manager: aws.provider
    }
    const providers: ProviderRegistry = { find: (id) => known[id] }
    const backends: VaultBackends = {
      local_encrypted: createLocalVaultBackend(local, {
        masterKeySource: config.masterKeySource,
        warnings: keyFileWarnings
      }),
      aws_secrets_manager: aws.backend
    }
    const findRules: FindReferenceRules = (id) => (id === 'aws_secrets_manager' ? aws.rules : null)
    const vaults = createVaultService(db)
    const remoteWrites = createRemoteWriteService({ db, providers, logger })
    const reconciler = startReconciler(remoteWrites, logger)
    const housekeeping: Housekeeping = startHousekeeping(db, logger)
    const clock = watchClock(db, { onSkew: ({ message }) => logger.warn(message) })
    const onResolved = housekeeping.noteResolved
    const onIntegrityFailure = (facts: Record<string, string>) =>
      logger.error(facts, 'stored data does not verify')
    const recorder = createResolveRecorder(hotDatabase.pool, (error) =>
      logger.warn({ code: codeOf(error) }, 'an access could not be recorded')
    )
    const remoteDeletions = createRemoteDeletionService({ db, providers, logger })
    const cursors = createCursorCodec(createSecretKey(await getCursorKey(db)))
    const remoteDeletionWorker = startRemoteDeletionWorker(remoteDeletions, logger)
    const reads = createProviderReads()
    const withdrawals = createWithdrawals(db)
    return {
      config,
      logger,
      database,
      keyring,
      tls,
      nonces: createNonceMemory({ entriesMax: noncesMax }),
      cursors,
      masterKeys,
      providers,
      providerService: createProviderService({
        db,
        providers,
        backends,
        findDeletionWarning: remoteDeletions.findWarning
      }),
      vaults,
      vaultHealth: createVaultHealthService({ db, vaults, backends, nowMs: Date.now }),
      secrets: createSecretService({
        db,
        providers,
        companyKeys,
        remoteWrites,
        remoteDeletions,
        defaultProvider: config.defaultProvider
      }),
      remoteWrites,
      importPreviews: createRemoteImportPreviewer({
        db,
        findLister: (id) => backends[id]?.references ?? null,
        findRules
      }),
      remoteImports: createRemoteImportService({ db, findRules }),
      versions: createVersionService(db),
      environments: createEnvironmentService({ db, companyKeys, strictMode: config.strictMode }),
      resolves: createResolveService({
        recorder,
        providers,
        reads,
        withdrawals,
        companyKeys,
        onResolved,
        onIntegrityFailure
      }),
      reveals: createRevealService({
        pool: hotDatabase.pool,
        providers,
        reads,
        withdrawals,
        onResolved,
        onIntegrityFailure
      }),
      outbox: createOutboxService({
        db,
        remoteDeletions,
        onRemoteDeletions: remoteDeletionWorker.kick
      }),
      remoteDeletions,
      remoteDeletionWorker,
      warnings,
      async findWarnings() {
        const found = await Promise.all([remoteDeletions.findWarning(null), aws.findWarning()])
        return found.filter((warning) => warning !== undefined)
      },
      describeDefaultProvider: () => backends[config.defaultProvider]?.describe() ?? 'cannot be used yet',
      async close() {
        await Promise.all([housekeeping.stop(), clock.stop(), reconciler.stop(), remoteDeletionWorker.stop()])
        await aws.close()
        await Promise.all([database.close(), hotDatabase.close()])
      }
    }
  } catch (error) {
    await Promise.all([database.close(), hotDatabase.close()])
    throw error
  }
}

function configuredKeys(config: Config, { masterKey, previousMasterKey }: Secrets) {
  const source = config.masterKeySource
  const keys = [{ source, key: parseMasterKey(masterKey.reveal(), { source }) }]
  if (previousMasterKey === null) return keys
  const previous = 'PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS'
  return [
    ...keys,
    { source: previous, key: parseMasterKey(previousMasterKey.reveal(), { source: previous }) }
  ]
}

function codeOf(error: Error): unknown {
  return (error as { code?: unknown }).code ?? error.name
}
