/** The secrets service as a process. */
import { createLogger, run, warnOfVariables } from '@paperclip/server'
import { buildApp, reloadKeys } from './app.js'
import { loadConfig, loggableConfig } from './config.js'
import { createDeps } from './deps.js'

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
        await app.close()
        await deps.close()
      }
    }
  },
  { parentFd, stderr: process.stderr }
)
