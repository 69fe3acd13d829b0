/**
 * The secrets service as one table of contents: chassis, then the signature check that every route stands behind,
 * then one plugin a noun. It never listens; `main.ts` does.
 */
import { addProbes, createServer, type ErrorClassifier, type Logger, type Server } from '@paperclip/server'
import { signingProfile } from '@paperclip/signing'
import { accessEventRoutes } from './audit/access-event-routes.js'
import { insertForeignAttempt } from './audit/access-event-store.js'
import { activityRoutes } from './audit/activity-routes.js'
import { signedRequests } from './auth/signed-request.js'
import { bindingRoutes } from './binding/binding-routes.js'
import { IntegrityError } from './crypto/crypto-error.js'
import { declarationRoutes } from './declaration/declaration-routes.js'
import type { Deps } from './deps.js'
import { environmentRoutes } from './environment/environment-routes.js'
import { problemOfError } from './error-problem.js'
import { healthRoutes } from './health/health-routes.js'
import { pingDatabase } from './health/health-store.js'
import { inlineMigrationRoutes } from './inline-migration/inline-migration-routes.js'
import { masterKeyRoutes } from './master-key/master-key-routes.js'
import { outboxRoutes } from './outbox/outbox-routes.js'
import { providerRoutes } from './provider/provider-routes.js'
import { remoteImportRoutes } from './remote-import/remote-import-routes.js'
import { resolveRoutes } from './resolve/resolve-routes.js'
import { revealRoutes } from './resolve/reveal-routes.js'
import { secretRoutes } from './secret/secret-routes.js'
import { vaultRoutes } from './vault/vault-routes.js'
import { versionRoutes } from './version/version-routes.js'

export const serviceVersion = '0.1.0'

/** Builds the service over its dependencies. */
export async function buildApp(deps: Deps): Promise<Server> {
  const { cursors, keyring, nonces, secrets, config } = deps
  const { db } = deps.database
  const app = await createServer({
    logger: deps.logger,
    headerBytesMax: signingProfile.headersBytesMax,
    trustProxy: false,
    classify: classifyErrors(deps.logger),
    tls: deps.tls?.current().serverOptions() ?? null
  })
  const ping = () => pingDatabase(db)
  addProbes(app, ping)
  await app.register(signedRequests, {
    keyring,
    nonces,
    recordAttempt: (caller, companyId) => insertForeignAttempt(db, caller, companyId)
  })
  await app.register(secretRoutes, { db, secrets, cursors })
  await app.register(versionRoutes, { db, secrets, versions: deps.versions, cursors })
  await app.register(bindingRoutes, { db, secrets })
  await app.register(providerRoutes, { providerService: deps.providerService })
  await app.register(vaultRoutes, { db, vaults: deps.vaults, vaultHealth: deps.vaultHealth, cursors })
  await app.register(remoteImportRoutes, {
    importPreviews: deps.importPreviews,
    remoteImports: deps.remoteImports
  })
  await app.register(environmentRoutes, { environments: deps.environments })
  await app.register(declarationRoutes, { declarations: deps.declarations })
  await app.register(inlineMigrationRoutes, { inlineMigrations: deps.inlineMigrations, cursors })
  await app.register(resolveRoutes, { resolves: deps.resolves })
  await app.register(revealRoutes, { db, reveals: deps.reveals })
  await app.register(accessEventRoutes, { db, secrets, cursors })
  await app.register(activityRoutes, { db, cursors })
  await app.register(masterKeyRoutes, { masterKeyService: deps.masterKeyService })
  await app.register(outboxRoutes, { outbox: deps.outbox })
  await app.register(healthRoutes, {
    version: serviceVersion,
    strictMode: config.strictMode,
    warnings: deps.warnings,
    findWarnings: deps.findWarnings,
    describeProvider: () => `${config.defaultProvider}: ${deps.describeDefaultProvider()}`,
    pingDatabase: ping,
    checkMasterKey: deps.masterKeyService.checkActive,
    defaultProvider: deps.providers.find(config.defaultProvider)
  })
  return app
}

/** Reads callers' keys and certificates anew; whatever cannot be used leaves the former in force, and is logged. */
export function reloadKeys({ keyring, tls }: Pick<Deps, 'keyring' | 'tls'>, app: Server): void {
  keyring.reload()
  if (tls?.reload()) app.handshakes?.renew(tls.current().serverOptions())
}

/** As {@link problemOfError}; stored data that does not verify also wakes someone. */
function classifyErrors(logger: Logger): ErrorClassifier {
  return (error) => {
    if (error instanceof IntegrityError) logger.error({}, 'stored data does not verify')
    return problemOfError(error)
  }
}
