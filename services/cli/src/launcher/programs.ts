import { existsSync } from 'node:fs'
import { builtServices } from '../built-services.js'
import type { ServiceName } from './database-roles.js'
import { LaunchError } from './launch-error.js'

/** The compiled entry files of a service. */
export interface ServicePrograms {
  readonly main: string
  readonly migrate: string
}

/** The programs the launcher starts. */
export type Programs = Readonly<Record<ServiceName, ServicePrograms>>

/** The services of this repository, as built. */
export function builtPrograms(): Programs {
  const { gateway, secrets } = builtServices
  return {
    gateway: { main: `${gateway}/main.js`, migrate: `${gateway}/migrate.js` },
    secrets: { main: `${secrets}/main.js`, migrate: `${secrets}/migrate.js` }
  }
}

/** Throws {@link LaunchError} when something was not built. */
export function requirePrograms(programs: Programs): void {
  const all = Object.values(programs).flatMap(({ main, migrate }) => [main, migrate])
  const missing = all.find((path) => !existsSync(path))
  if (missing !== undefined)
    throw new LaunchError(`${missing} is missing: run npm run build in the repository first.`)
}
