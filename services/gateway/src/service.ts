import { createLogger, type Logger, type RunningService, warnOfVariables } from '@paperclip/server'
import { buildApp } from './app.js'
import { printBoardClaim } from './board-claim/board-claim-notice.js'
import { loadConfig } from './config.js'
import { createDeps } from './deps.js'
import { publicAddressAt } from './public-address.js'

/** A gateway that listens. */
export interface GatewayService extends RunningService {
  readonly port: number
  /** Reads the key and certificates of the private hop anew; the former stay when a file cannot be used. */
  reloadKey(): void
}

interface StartOptions {
  logger?: Logger
  databaseWaitMsMax?: number
}

/** Starts the gateway: configuration, database, app, then listening. Whatever fails closes what was opened. */
export async function startGateway(
  env: NodeJS.ProcessEnv,
  options: StartOptions = {}
): Promise<GatewayService> {
  const { config, secrets } = loadConfig(env)
  const logger = options.logger ?? createLogger({ service: 'gateway', level: config.logLevel })
  warnOfVariables(logger, env)
  logger.info({ config }, 'starting')
  const deps = await createDeps({ ...options, config, secrets, logger })
  try {
    const app = await buildApp(deps)
    const claim = config.mode === 'authenticated' ? await deps.boardClaims.mint() : null
    await app.listen({ host: config.host, port: config.port })
    const address = app.server.address()
    const port = address === null || typeof address === 'string' ? config.port : address.port
    if (claim !== null) printBoardClaim(logger, claim, publicAddressAt(config, port))
    deps.start()
    return {
      logger,
      port,
      reloadKey: deps.reloadKey,
      async stop() {
        await app.close()
        await deps.close()
      }
    }
  } catch (error) {
    await deps.close()
    throw error
  }
}
