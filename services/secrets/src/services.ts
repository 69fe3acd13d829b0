import type { Db } from '@paperclip/db'
import type { Logger } from '@paperclip/server'
import type pg from 'pg'
import type { Config } from './config.js'
import type { SecretsDatabase } from './database.js'
import { createDeclarationService, type DeclarationService } from './declaration/declaration-service.js'
import { createEnvironmentService, type EnvironmentService } from './environment/environment-service.js'
import type { Housekeeping } from './housekeeping.js'
import {
  createInlineMigrationService,
  type InlineMigrationService
} from './inline-migration/inline-migration-service.js'
import type { CompanyKeyring } from './keyring/company-keyring.js'
import type { MasterKeyring } from './keyring/master-keyring.js'
import { createMasterKeyService, type MasterKeyService } from './master-key/master-key-service.js'
import { createOutboxService, type OutboxService } from './outbox/outbox-service.js'
import type { OpenedProviders } from './provider/open-providers.js'
import { createProviderService, type ProviderService } from './provider/provider-service.js'
import type { RemoteDeletionService } from './remote-deletion/remote-deletion-service.js'
import type { RemoteDeletionWorker } from './remote-deletion/remote-deletion-worker.js'
import {
  createRemoteImportPreviewer,
  type RemoteImportPreviewer
} from './remote-import/remote-import-preview.js'
import { createRemoteImportService, type RemoteImportService } from './remote-import/remote-import-service.js'
import type { RemoteWriteService } from './remote-write/remote-write-service.js'
import { createProviderReads } from './resolve/provider-reads.js'
import { createResolveRecorder } from './resolve/resolve-recorder.js'
import { createResolveService, type ResolveService } from './resolve/resolve-service.js'
import { createRevealService, type RevealService } from './resolve/reveal-service.js'
import { createWithdrawals } from './resolve/withdrawal.js'
import type { OwnCredentials } from './secret/own-credentials.js'
import { createSecretService, type SecretService } from './secret/secret-service.js'
import { createVaultHealthService, type VaultHealthService } from './vault/vault-health-service.js'
import { createVaultService, type VaultService } from './vault/vault-service.js'
import { createVersionService, type VersionService } from './version/version-service.js'

/** The rules that routes call, one service a noun. */
export interface Services {
  readonly providerService: ProviderService
  readonly vaults: VaultService
  readonly vaultHealth: VaultHealthService
  readonly secrets: SecretService
  readonly importPreviews: RemoteImportPreviewer
  readonly remoteImports: RemoteImportService
  readonly versions: VersionService
  readonly environments: EnvironmentService
  readonly declarations: DeclarationService
  readonly inlineMigrations: InlineMigrationService
  readonly resolves: ResolveService
  readonly reveals: RevealService
  readonly outbox: OutboxService
  readonly masterKeyService: MasterKeyService
}

/** What services are made of. */
export interface ServiceParts {
  readonly db: Db<SecretsDatabase>
  readonly hotPool: pg.Pool
  readonly config: Config
  readonly logger: Logger
  readonly masterKeys: MasterKeyring
  readonly companyKeys: CompanyKeyring
  readonly opened: OpenedProviders
  readonly remoteWrites: RemoteWriteService
  readonly remoteDeletions: RemoteDeletionService
  readonly remoteDeletionWorker: RemoteDeletionWorker
  readonly housekeeping: Housekeeping
  readonly ownCredentials: OwnCredentials
}

/** Makes them. */
export function createServices(parts: ServiceParts): Services {
  const { db, config, companyKeys, opened, remoteWrites, remoteDeletions, remoteDeletionWorker } = parts
  const { ownCredentials } = parts
  const { providers, backends, findRules } = opened
  const { defaultProvider, strictMode } = config
  const vaults = createVaultService({ db, ownCredentials })
  return {
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
      ownCredentials,
      defaultProvider
    }),
    importPreviews: createRemoteImportPreviewer({
      db,
      findLister: (id) => backends[id]?.references ?? null,
      findRules
    }),
    remoteImports: createRemoteImportService({ db, findRules, ownCredentials }),
    versions: createVersionService(db),
    environments: createEnvironmentService({ db, companyKeys, ownCredentials, strictMode }),
    declarations: createDeclarationService(db),
    inlineMigrations: createInlineMigrationService({
      db,
      companyKeys,
      ownCredentials,
      monotonicMs: () => performance.now()
    }),
    ...createReveals(parts),
    outbox: createOutboxService({ db, remoteDeletions, onRemoteDeletions: remoteDeletionWorker.kick }),
    masterKeyService: createMasterKeyService(parts)
  }
}

/** What reveals values: both ways share the bound on reads at providers. */
function createReveals(parts: ServiceParts): Pick<Services, 'resolves' | 'reveals'> {
  const { db, hotPool: pool, logger, companyKeys, opened, housekeeping } = parts
  const shared = {
    providers: opened.providers,
    reads: createProviderReads(),
    withdrawals: createWithdrawals(db),
    onResolved: housekeeping.noteResolved,
    onIntegrityFailure: (facts: Record<string, string>) => logger.error(facts, 'stored data does not verify')
  }
  const recorder = createResolveRecorder(pool, (error) =>
    logger.warn({ code: (error as { code?: unknown }).code ?? error.name }, 'an access could not be recorded')
  )
  return {
    resolves: createResolveService({ ...shared, recorder, companyKeys }),
    reveals: createRevealService({ ...shared, pool })
  }
}
