import { defaultConfig, readConfig, readRuntime } from '@paperclip/instance'
import { type CliIo, envText } from './cli-io.js'
import { findInstance } from './launcher/launch-settings.js'

/**
 * Finds the gateway: `--api-url`, `PAPERCLIP_API_URL`, the instance that runs here (`runtime.json`), the one
 * configured here (`config.json`), the default port.
 */
export async function findApiAddress(io: CliIo, flag: string | undefined): Promise<string> {
  const told = flag ?? envText(io, 'PAPERCLIP_API_URL')
  if (told !== undefined) return told
  const paths = findInstance(io.env)
  const runtime = await readRuntime(paths)
  // A launcher that was killed leaves the file behind.
  if (runtime !== undefined && isAlive(runtime.launcherPid)) return runtime.gateway.url
  const config = await readConfig(paths).catch(() => defaultConfig)
  return `http://127.0.0.1:${config.server.port}`
}

/** Says whether a process of this id exists, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
