/**
 * The gateway as an app: who stands where, from the outside in. Trusts its deps; promises that nothing is reached
 * but through the guards of `auth/`. It never listens: `main.ts` does.
 */
import helmet from '@fastify/helmet'
import { deleteCompany } from '@paperclip/contracts'
import { isConnectionFailure, isLockTimeout, isStatementTimeout } from '@paperclip/db'
import { AppError, addProbes, createServer, type ErrorClassifier, type Server } from '@paperclip/server'
import { agentRoutes } from './agent/agent-routes.js'
import { agentSelfRoutes } from './agent/agent-self-routes.js'
import { agentKeyRoutes } from './agent-key/agent-key-routes.js'
import { addAuth, type Refusal } from './auth/auth-plugin.js'
import { localOperator } from './auth/board-actor.js'
import { allowOrigins, preflightRoute } from './auth/cross-origin.js'
import { hostJudge } from './auth/host-guard.js'
import { type OriginsOf, ownOrigins, withOwnAddress } from './auth/origin-guard.js'
import { boardClaimRoutes } from './board-claim/board-claim-routes.js'
import { boardKeyRoutes } from './board-key/board-key-routes.js'
import { cliAuthRoutes } from './cli-auth/cli-auth-routes.js'
import { companyRoutes } from './company/company-routes.js'
import type { GatewayConfig } from './config.js'
import type { Deps } from './deps.js'
import { healthRoutes } from './health/health-routes.js'
import { inviteRoutes } from './invite/invite-routes.js'
import { createBearerFailures } from './limit/bearer-failures.js'
import { addLimits } from './limit/limit-plugin.js'
import { createTrafficLimit } from './limit/traffic-limit.js'
import { memberRoutes } from './member/member-routes.js'
import { assetRoutes } from './page/page-assets.js'
import { pageRoutes } from './page/page-routes.js'
import { portabilityRoutes } from './portability/portability-routes.js'
import { projectRoutes } from './project/project-routes.js'
import { apiHelmet } from './response-headers.js'
import { runRoutes } from './run/run-routes.js'
import { createRunService } from './run/run-service.js'
import { addRunTokens, type RunTokens } from './run/run-token.js'
import { sessionRoutes } from './session/session-routes.js'
import { trustProxyOption } from './trust-proxy.js'
import { userRoutes } from './user/user-routes.js'
import { resolveRoutes } from './vault/resolve-routes.js'
import { vaultRoutes } from './vault/vault-routes.js'

/** Enough for a browser's cookies and a bearer; the private hop has its own limit. */
const headerBytesMax = 16 * 1024

/** Builds the app. */
export async function buildApp(deps: Deps): Promise<Server> {
  const { config, logger, paging, db } = deps
  const app = await createServer({
    logger,
    headerBytesMax,
    // In local_trusted nobody stands in front, and whoever can reach us could name a host in a header of their own:
    // a page under a rebound name would pass for localhost.
    trustProxy: config.mode === 'local_trusted' ? false : trustProxyOption(config.trustProxy),
    classify: classifyDatabaseError,
    pluginRoutes: [preflightRoute]
  })
  const isHostAllowed = hostJudge(config)
  await app.register(helmet, apiHelmet(config))
  // In local_trusted every caller is the operator: no other page may ever read an answer.
  if (config.mode === 'authenticated')
    await allowOrigins(app, { origins: config.allowedOrigins, isHostAllowed })
  const runTokens = await addTokens(app, deps)
  await addLimits(app, { store: deps.limits.store })
  const nowMs = () => performance.now()
  const origins = originsOf(app, config)
  await addAuth(app, {
    traffic: createTrafficLimit({ nowMs }),
    // In local_trusted there is nothing to guess: whoever sends no bearer at all is the operator.
    failures: config.mode === 'local_trusted' ? null : createBearerFailures({ nowMs }),
    lookup: deps.lookup,
    lastUsed: deps.lastUsed,
    boardKeysLastUsed: deps.boardKeysLastUsed,
    readSession: deps.sessions?.read ?? null,
    runTokens,
    implicitActor: config.mode === 'local_trusted' ? localOperator : null,
    onOverdueRun: deps.runExpiry.wake,
    isHostAllowed,
    origins,
    switchedOff: switchedOff(config)
  })
  app.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.noStore) reply.header('cache-control', 'no-store')
    done()
  })
  addProbes(app, deps.health.checkReady)

  healthRoutes(app, {
    health: deps.health,
    version: deps.version,
    sessionCookie: deps.sessions?.cookie.name ?? null
  })
  if (deps.sessions !== null) sessionRoutes(app, { sessions: deps.sessions, origins })
  boardClaimRoutes(app, { claims: deps.boardClaims })
  cliAuthRoutes(app, { cliAuth: deps.cliAuth, address: config })
  boardKeyRoutes(app, { keys: deps.boardKeys, paging })
  companyRoutes(app, { companies: deps.companies, deletion: deps.companyDeletion, paging })
  memberRoutes(app, { members: deps.members, paging })
  inviteRoutes(app, { invites: deps.invites, paging, address: config })
  userRoutes(app, { users: deps.users, paging })
  projectRoutes(app, { projects: deps.projects, paging })
  portabilityRoutes(app, { exports: deps.companyExports, imports: deps.companyImports })
  agentRoutes(app, { agents: deps.agents, states: deps.agentStates, paging })
  agentSelfRoutes(app, { db })
  agentKeyRoutes(app, { keys: deps.agentKeys, paging })
  runRoutes(app, { runs: createRunService(db, deps.mutate, runTokens), paging })
  resolveRoutes(app, { hop: deps.resolveHop })
  vaultRoutes(app, { db, forwarder: deps.forwarder })
  await assetRoutes(app)
  if (config.mode === 'authenticated') pageRoutes(app)
  return app
}

async function addTokens(app: Server, { secrets, config }: Deps): Promise<RunTokens | null> {
  const { agentJwtSecret: secret, agentJwtSecretPrevious: previous } = secrets
  if (secret === null) return null
  return await addRunTokens(app, { secret, previous, instanceId: config.instanceId, nowMs: Date.now })
}

const companyDeletionOff: Refusal = {
  code: 'company_deletion_disabled',
  detail: 'Set PAPERCLIP_ENABLE_COMPANY_DELETION=true and start the gateway again.'
}

/** What this deployment does not do for anybody, by operation. */
function switchedOff(config: GatewayConfig): ReadonlyMap<string | undefined, Refusal> {
  return new Map(
    config.companyDeletionEnabled ? [] : [[deleteCompany.config.operationId, companyDeletionOff]]
  )
}

/** Our own origins carry our port, which is known once we listen. */
function originsOf(app: Server, config: GatewayConfig): OriginsOf {
  const hostnames = ['localhost', '127.0.0.1', '[::1]', ...config.allowedHostnames]
  const isAutomatic = config.mode === 'authenticated' && config.publicUrl === null
  let listed: ReadonlySet<string> | undefined
  const list = () => {
    const address = app.server.address()
    if (address === null || typeof address === 'string')
      return ownOrigins({ ...config, hostnames }, config.port)
    listed = ownOrigins({ ...config, hostnames }, address.port)
    return listed
  }
  return (request) => (isAutomatic ? withOwnAddress(listed ?? list(), request) : (listed ?? list()))
}

/** What the database says when it is the one that failed. */
const classifyDatabaseError: ErrorClassifier = (error) =>
  isConnectionFailure(error) || isStatementTimeout(error) || isLockTimeout(error)
    ? new AppError('database_unavailable', {
        detail: 'The database cannot be reached. Try again shortly.',
        cause: error,
        retryAfterSeconds: 1
      })
    : undefined
