import { createMasterKey, findMasterKeyFiles, type InstancePaths, tighten } from '@paperclip/instance'
import { hasRunBefore } from './former-runs.js'
import { LaunchError } from './launch-error.js'
import type { MasterKeyNeed } from './master-key-need.js'

/**
 * Makes the master key of a new instance.
 *
 * When something is stored under another, a missing file means a lost one: making another would only hide that.
 * Throws {@link LaunchError} then, and writes nothing. `ask` is called only without a file.
 */
export async function ensureMasterKey(
  paths: InstancePaths,
  ask: () => Promise<MasterKeyNeed>
): Promise<'existing' | 'created'> {
  const files = findMasterKeyFiles(paths)
  for (const file of files) await tighten(file)
  if (files.length > 0) return 'existing'
  requireNoneLost(paths, await ask())
  return (await createMasterKey(paths)) ? 'created' : 'existing'
}

/**
 * Throws {@link LaunchError} when a master key is needed, or when that cannot be told; to be asked where its file is
 * missing.
 */
export function requireNoneLost(paths: InstancePaths, need: MasterKeyNeed): void {
  const { keyIds, liveKeyIds, isMigrated } = need
  if (keyIds.length > 0)
    throw new LaunchError(
      `The stored secrets need the master key ${keyIds.join(', ')}, but ${paths.masterKey} does not exist: restore that file from a backup.`
    )
  if (liveKeyIds.length > 0)
    throw new LaunchError(
      `A secrets service that runs, or ran half a minute ago, uses the master key ${liveKeyIds.join(', ')}, but ${paths.masterKey} does not exist: put that file back, or stop the service, wait and try again.`
    )
  if (!isMigrated && hasRunBefore(paths))
    throw new LaunchError(
      `This instance has run before, and nothing of that is in the database that was asked; whether stored secrets need the lost ${paths.masterKey} cannot be told: name the right database in DATABASE_URL, or begin anew in another PAPERCLIP_HOME.`
    )
}
