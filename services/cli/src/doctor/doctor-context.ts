import { readFile } from 'node:fs/promises'
import { type EnvEntries, type Runtime, readEnvFile, readRuntime } from '@paperclip/instance'
import { isAlive } from '../api/api-address.js'
import type { CliIo } from '../cli-io.js'
import { type LaunchSettings, present, readLaunchSettings } from '../launcher/launch-settings.js'
import { withRunningDatabase } from '../launcher/running-database.js'
import { serviceUrl } from '../launcher/service-environment.js'
import { findLockHolder } from '../process-lock.js'
import { isDescribedByEnvironment } from './deployment-source.js'

/** What all checks look at: settings, generated variables, and what runs. */
export interface DoctorContext {
  readonly io: CliIo
  readonly settings: LaunchSettings
  readonly generated: EnvEntries
  /** Null when no launcher of this instance lives. */
  readonly runtime: Runtime | null
  /** A launcher, or another command, that holds the instance while nothing of it is known to run. */
  readonly startingPid: number | null
  readonly gatewayUrl: string
  readonly secretsUrl: string
  /** No instance of files: what is not in the environment is not known here, and may be in order. */
  readonly isByEnvironment: boolean
}

/** Reads it. Throws the error of whatever cannot be read. */
export async function readDoctorContext(io: CliIo): Promise<DoctorContext> {
  const settings = await withRunningDatabase(await readLaunchSettings(io.env))
  const { paths } = settings
  const generated = await readEnvFile(paths.env)
  const found = await readRuntime(paths)
  const runtime = found !== undefined && isAlive(found.launcherPid) ? found : null
  return {
    io,
    settings,
    generated,
    runtime,
    startingPid: runtime === null ? await findLockHolder(paths.lock) : null,
    gatewayUrl: present(io.env.PAPERCLIP_API_URL) ?? runtime?.gateway.url ?? serviceUrl('gateway', settings),
    secretsUrl:
      present(io.env.PAPERCLIP_SECRETS_URL) ?? runtime?.secrets.url ?? serviceUrl('secrets', settings),
    isByEnvironment: isDescribedByEnvironment(io.env)
  }
}

/** True where people sign in: there, one of them is not the operator. */
export function isShared({ settings }: Pick<DoctorContext, 'settings'>): boolean {
  return settings.deploymentMode === 'authenticated'
}

/** True where strangers can reach the gateway. */
export function isPublic({ io }: Pick<DoctorContext, 'io'>): boolean {
  return present(io.env.PAPERCLIP_DEPLOYMENT_EXPOSURE) === 'public'
}

/** A secret of the deployment: the variable, the file it names, or the line in `.env`; undefined when absent. */
export async function deploymentSecret(
  { io, generated }: DoctorContext,
  name: string
): Promise<string | undefined> {
  const direct = present(io.env[name])
  if (direct !== undefined) return direct
  const path = present(io.env[`${name}_FILE`])
  if (path === undefined) return present(generated[name])
  return present(await readFile(path, 'utf8').catch(() => undefined))
}

/** True when the file that `name_FILE` names cannot be read; one that is empty can. */
export async function isUnreadable({ io }: Pick<DoctorContext, 'io'>, name: string): Promise<boolean> {
  const path = present(io.env[`${name}_FILE`])
  if (path === undefined) return false
  return await readFile(path).then(
    () => false,
    () => true
  )
}

/** True when a variable says what a secret is, or where it lies. */
export function isGiven({ io }: Pick<DoctorContext, 'io'>, name: string): boolean {
  return [name, `${name}_FILE`].some((each) => present(io.env[each]) !== undefined)
}

/** What to do while an instance starts. */
export const askAgain = 'ask again in a moment'

/** What to do when something does not answer. */
export function startStep({
  isByEnvironment,
  startingPid
}: Pick<DoctorContext, 'isByEnvironment' | 'startingPid'>): string {
  if (isByEnvironment) return 'start it, or correct its address'
  return startingPid === null
    ? 'start the instance with `paperclipai run`'
    : `process ${startingPid} starts or stops this instance: ${askAgain}`
}
