import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readEnvFile } from '@paperclip/instance'
import { builtServices } from '../built-services.js'
import { CliError } from '../cli-error.js'
import { type Environment, readLaunchSettings } from '../launcher/launch-settings.js'
import { askSecretsDatabase } from '../launcher/prepare-instance.js'
import { withRunningDatabase } from '../launcher/running-database.js'
import { serviceEnvironment } from '../launcher/service-environment.js'

/** How the check ended. What it wrote has counts and ids, never a value; `stdout` is empty when it could not look. */
export interface ValueCheckEnd {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const program = `${builtServices.secrets}/check-values.js`

/**
 * Runs the secrets service's own check over the database of this instance, which is started for it if need be, with
 * the keys that the service would be started with. Throws `CliError` and its kin when it cannot be asked.
 */
export async function runValueCheck(env: Environment, { json }: { json: boolean }): Promise<ValueCheckEnd> {
  if (!existsSync(program))
    throw new CliError('the secrets service is not built', { hint: 'run `npm run build`' })
  const settings = await withRunningDatabase(await readLaunchSettings(env))
  const generated = await readEnvFile(settings.paths.env)
  const ended = await askSecretsDatabase(
    settings,
    async (url) => {
      const database = { url, migrationUrl: url, warning: null }
      const { PAPERCLIP_PARENT_FD: _none, ...environment } = serviceEnvironment('secrets', {
        env,
        settings,
        generated,
        databases: { gateway: database, secrets: database }
      })
      return await runToEnd(environment, json ? ['--json'] : [])
    },
    null
  )
  if (ended === null)
    throw new CliError('this instance has no database yet', {
      hint: 'start it once with `npm start`'
    })
  return ended
}

async function runToEnd(env: Record<string, string>, args: readonly string[]): Promise<ValueCheckEnd> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : 1, stdout, stderr })
    )
  })
}
