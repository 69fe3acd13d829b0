import { defaultConfig, readConfig, readRuntime } from '@paperclip/instance'
import { type CliIo, envText } from '../cli-io.js'
import { settledEnvironment } from '../configure/settled-environment.js'
import { findInstance, gatewayAddress } from '../launcher/launch-settings.js'
import { addressUrl } from '../launcher/service-environment.js'

/**
 * Finds the gateway: `--api-url`, `PAPERCLIP_API_URL`, the instance that runs here (`runtime.json`), else where
 * `run` would start one: the environment, what is configured here, the defaults.
 *
 * Files that cannot be read say nothing: a command may be for somebody who may not read them. Throws `LaunchError` for
 * a variable that `run` would refuse, too.
 */
export async function findApiAddress(io: CliIo, flag: string | undefined): Promise<string> {
  const told = flag ?? envText(io, 'PAPERCLIP_API_URL')
  if (told !== undefined) return told
  const paths = findInstance(io.env)
  const runtime = await readRuntime(paths)
  // A launcher that was killed leaves the file behind.
  if (runtime !== undefined && isAlive(runtime.launcherPid)) return runtime.gateway.url
  const config = await readConfig(paths).catch(() => defaultConfig)
  const env = await settledEnvironment(io.env).catch(() => io.env)
  return addressUrl('http', gatewayAddress(env, config))
}

/** Says whether a process of this id exists, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
