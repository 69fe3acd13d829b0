import { generatedVariables, readEnvFile, readRuntime } from '@paperclip/instance'
import { findProcess } from '@paperclip/postgres'
import { withCredentials } from './database-client.js'
import type { LaunchSettings } from './launch-settings.js'

/**
 * Completes settings that name no database with the one that this instance runs on, where that is somebody else's
 * server: `runtime.json` says where it is, and `.env` has the passwords of the roles that the launcher made there.
 */
export async function withRunningDatabase(settings: LaunchSettings): Promise<LaunchSettings> {
  const { external, paths } = settings
  if (external !== null) return settings
  const runtime = await readRuntime(paths)
  if (runtime === undefined || runtime.database.embedded) return settings
  if ((await findProcess(runtime.launcherPid)) === undefined) return settings
  const generated = await readEnvFile(paths.env)
  const urlOf = (service: 'gateway' | 'secrets') =>
    withCredentials(runtime.database.address, {
      user: `paperclip_${service}`,
      password: generated[generatedVariables[`${service}Password`]] ?? ''
    })
  return {
    ...settings,
    external: {
      gatewayUrl: urlOf('gateway'),
      secretsUrl: urlOf('secrets'),
      migrationUrl: undefined,
      isAssumed: true
    }
  }
}
