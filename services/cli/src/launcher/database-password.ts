import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { generatedVariables, readEnvFile } from '@paperclip/instance'
import { chooseDataDir, resolveServerUser } from '@paperclip/postgres'
import { LaunchError } from './launch-error.js'
import { type LaunchSettings, present } from './launch-settings.js'

/**
 * Finds embedded data that nobody can enter, since `.env` has lost the password of its superuser: another one made in
 * its place would open nothing, and hide that. Null: all is well, or there is no such data.
 */
export async function findLockedData(settings: LaunchSettings): Promise<string | null> {
  const { external, paths, postgresUser } = settings
  if (external !== null) return null
  if (present((await readEnvFile(paths.env))[generatedVariables.superuserPassword]) !== undefined) return null
  // Where no server can be started, there is no data of one either.
  const user = await resolveServerUser({ name: postgresUser }).catch(() => undefined)
  if (user === undefined) return null
  const dataDir = await chooseDataDir({ instanceDir: paths.instanceDir, user })
  return existsSync(join(dataDir, 'PG_VERSION')) ? dataDir : null
}

/** Throws {@link LaunchError} where {@link findLockedData} finds something. */
export async function requireDatabasePassword(settings: LaunchSettings): Promise<void> {
  const dataDir = await findLockedData(settings)
  if (dataDir !== null)
    throw new LaunchError(
      `${settings.paths.env} has no ${generatedVariables.superuserPassword}, without which nobody gets into ${dataDir}: restore that line from a backup.`
    )
}
