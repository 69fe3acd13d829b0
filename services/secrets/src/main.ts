/** The secrets service as a process. */
import { createLogger, run, warnOfVariables } from '@paperclip/server'
import { buildApp, reloadKeys } from './app.js'
import { loadConfig, loggableConfig } from './config.js'
import { createDeps } from './deps.js'

/** Calls to providers that a stop waits for: what is left of the time to stop is for the answers to those who wait. */
const callsMsMax = 2_500

const parentFd = Number(process.env.PAPERCLIP_PARENT_FD) || null

await run(
  async () => {
    const { config, secrets } = loadConfig(process.env)
    const logger = createLogger({ service: 'secrets', level: config.logLevel })
    warnOfVariables(logger, process.env)
    const deps = await createDeps(config, secrets, logger)
    const app = await buildApp(deps)
    await app.listen({ host: config.host, port: config.port })
    process.on('SIGHUP', () => reloadKeys(deps, app))
    logger.info({ config: loggableConfig(config) }, 'secrets service is ready')
    return {
      logger,
      async stop() {
        const cutCalls = setTimeout(() => void deps.endProviderCalls(), callsMsMax)
        await app.close()
        clearTimeout(cutCalls)
        await deps.close()
      }
    }
  },
  { parentFd, stderr: process.stderr }
)
