/** Everything the app is made of, put together in one place and taken apart in reverse order. */
import { createSecretKey } from 'node:crypto'
import { createInternalTransport } from '@paperclip/client'
import type { Db } from '@paperclip/db'
import { createCursorCodec, type Logger } from '@paperclip/server'
import {
  createAgentEnvironments,
  pendingSweepIntervalMs,
  sweepPendingEnvironments
} from './agent/agent-environment.js'
import { type AgentService, createAgentService } from './agent/agent-service.js'
import { type AgentStates, createAgentStates } from './agent/agent-state.js'
import { type AgentKeyService, createAgentKeyService } from './agent-key/agent-key-service.js'
import { type CredentialLookup, createCredentialLookup } from './auth/credential-lookup.js'
import { touchKeys } from './auth/key-use-store.js'
import { createLastUsed, type LastUsed } from './auth/last-used.js'
import { type BoardClaimService, createBoardClaimService } from './board-claim/board-claim-service.js'
import { type BoardKeyService, createBoardKeyService } from './board-key/board-key-service.js'
import {
  type CliAuthService,
  challengeSweepIntervalMs,
  createCliAuthService,
  sweepChallenges
} from './cli-auth/cli-auth-service.js'
import { type CompanyDeletion, createCompanyDeletion } from './company/company-deletion.js'
import { type CompanyService, createCompanyService } from './company/company-service.js'
import type { GatewayConfig, GatewaySecrets } from './config.js'
import { openDatabases } from './connections.js'
import type { GatewayDatabase } from './database.js'
import { loadGatewayKey } from './gateway-key.js'
import { createHealthService, type HealthService } from './health/health-service.js'
import { readCursorKey } from './health/health-store.js'
import { createInviteService, type InviteService } from './invite/invite-service.js'
import { openSharedLimits, type SharedLimits } from './limit/shared-limits.js'
import { createMemberService, type MemberService } from './member/member-service.js'
import { createMutate, type Mutate } from './outbox/mutation.js'
import { outboxDelivery } from './outbox/outbox-delivery.js'
import { createOutboxRelay, type OutboxRelay } from './outbox/outbox-relay.js'
import { migrationsFolder } from './package-files.js'
import { createPaging, type Paging } from './paging.js'
import { type CompanyExport, createCompanyExport } from './portability/company-export.js'
import { type CompanyImport, createCompanyImport } from './portability/company-import.js'
import { createProjectService, type ProjectService } from './project/project-service.js'
import { expireRuns, runExpiryIntervalMs } from './run/run-expiry.js'
import { openSessions } from './session/open-sessions.js'
import { sessionSweepIntervalMs, sweepSessions } from './session/session-expiry.js'
import type { SessionService } from './session/session-service.js'
import { createSweeper, type Sweeper } from './sweeper.js'
import { createUserService, type UserService } from './user/user-service.js'
import { createForwardService, type ForwardService } from './vault/forward-service.js'
import { openHopTls } from './vault/hop-tls.js'
import { createResolveHop, type ResolveHop, resolveConnectionsMax } from './vault/resolve-hop.js'
import { createSecretsHop } from './vault/secrets-hop.js'

/** Shown to board callers, and in the API document. */
export const version = '0.1.0'

export interface Deps {
  readonly config: GatewayConfig
  readonly secrets: GatewaySecrets
  readonly logger: Logger
  readonly version: string
  readonly db: Db<GatewayDatabase>
  readonly mutate: Mutate
  readonly lookup: CredentialLookup
  readonly limits: SharedLimits
  readonly lastUsed: LastUsed
  readonly boardKeysLastUsed: LastUsed
  readonly paging: Paging
  readonly relay: OutboxRelay
  readonly runExpiry: Sweeper
  readonly companies: CompanyService
  readonly companyDeletion: CompanyDeletion
  readonly members: MemberService
  readonly invites: InviteService
  readonly users: UserService
  readonly projects: ProjectService
  readonly agents: AgentService
  readonly companyExports: CompanyExport
  readonly companyImports: CompanyImport
  readonly agentStates: AgentStates
  readonly agentKeys: AgentKeyService
  readonly boardKeys: BoardKeyService
  readonly boardClaims: BoardClaimService
  readonly cliAuth: CliAuthService
  readonly health: HealthService
  /** Null in local_trusted: there is nobody to sign in. */
  readonly sessions: SessionService | null
  readonly forwarder: ForwardService
  readonly resolveHop: ResolveHop
  /** Reads the signing key and the certificates of the private hop anew. */
  reloadKey(): void
  /** Starts what works aside from requests. */
  start(): void
  /** Stops it, writes what is still to be written, and closes the connections. */
  close(): Promise<void>
}

interface CreateDepsOptions {
  config: GatewayConfig
  secrets: GatewaySecrets
  logger: Logger
  /** How long to wait for the database and its schema. */
  databaseWaitMsMax?: number
}

/** Opens the connections, waits for the database, and builds the services. */
export async function createDeps(options: CreateDepsOptions): Promise<Deps> {
  const { config, secrets, logger } = options
  const key = loadGatewayKey({ config, secrets, logger })
  const tls = openHopTls(config.tlsFiles, logger)
  const databases = await openDatabases({ ...options, migrationsFolder })
  const { db } = databases.main
  const limits = await openSharedLimits({ ...options, db, pool: databases.lookup.pool }).catch(
    async (error: unknown) => {
      await databases.close()
      throw error
    }
  )
  const toSecrets = { origin: config.secretsUrl, key, tls }
  const transport = createInternalTransport(toSecrets)
  const resolveTransport = createInternalTransport({ ...toSecrets, connectionsMax: resolveConnectionsMax })
  const hop = createSecretsHop(transport, () => key.current().id)
  const relay = createOutboxRelay({ db, deliver: outboxDelivery(hop), logger })
  const mutate = createMutate(db, relay)
  const lastUsed = createLastUsed({ write: (keyIds) => touchKeys(db, 'agent_api_keys', keyIds), logger })
  const boardKeysLastUsed = createLastUsed({
    write: (keyIds) => touchKeys(db, 'board_api_keys', keyIds),
    logger
  })
  const runExpiry = createSweeper({
    name: 'run expiry',
    sweep: () => expireRuns(mutate),
    intervalMs: runExpiryIntervalMs,
    logger
  })
  const pendingSweep = createSweeper({
    name: 'pending environments',
    sweep: () => sweepPendingEnvironments(mutate),
    intervalMs: pendingSweepIntervalMs,
    logger
  })
  const challengeSweep = createSweeper({
    name: 'CLI challenges',
    sweep: () => sweepChallenges(db),
    intervalMs: challengeSweepIntervalMs,
    logger
  })
  const sessionSweep = createSweeper({
    name: 'sessions',
    sweep: () => sweepSessions(mutate),
    intervalMs: sessionSweepIntervalMs,
    logger
  })
  const projects = createProjectService(db, mutate)
  const agents = createAgentService(db, mutate, createAgentEnvironments(db, hop))
  const background = [relay, runExpiry, pendingSweep, challengeSweep, sessionSweep, limits]

  return {
    config,
    secrets,
    logger,
    version,
    db,
    mutate,
    lookup: createCredentialLookup(databases.lookup.pool),
    limits,
    lastUsed,
    boardKeysLastUsed,
    paging: createPaging(createCursorCodec(createSecretKey(await readCursorKey(db)))),
    relay,
    runExpiry,
    companies: createCompanyService(db, mutate),
    companyDeletion: createCompanyDeletion(mutate, () => relay.flush()),
    members: createMemberService(db, mutate),
    invites: createInviteService(db, mutate, { localOperatorRules: config.mode === 'local_trusted' }),
    users: createUserService(db, mutate),
    projects,
    agents,
    companyExports: createCompanyExport(db, mutate, hop),
    companyImports: createCompanyImport({
      db,
      mutate,
      hop,
      agents,
      projects,
      monotonicMs: () => performance.now()
    }),
    agentStates: createAgentStates(db, mutate),
    agentKeys: createAgentKeyService(db, mutate),
    boardKeys: createBoardKeyService(db, mutate),
    boardClaims: createBoardClaimService(db, mutate),
    cliAuth: createCliAuthService(db, mutate),
    health: createHealthService({ db, hop, config, version }),
    sessions: openSessions({ config, secrets, databases, mutate, relay, limits, logger }),
    forwarder: createForwardService({ db, mutate, hop, flush: () => relay.flush() }),
    resolveHop: createResolveHop(createSecretsHop(resolveTransport, () => key.current().id)),
    reloadKey: () => {
      key.reload()
      tls?.reload()
    },
    start: () => {
      for (const part of background) part.start()
    },
    async close() {
      await Promise.all(background.map((part) => part.stop()))
      await lastUsed.flush()
      await boardKeysLastUsed.flush()
      await Promise.all([transport.close(), resolveTransport.close()])
      await databases.close()
    }
  }
}
