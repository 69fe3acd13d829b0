import { createMasterKey, findMasterKeyFiles, type InstancePaths, tighten } from '@paperclip/instance'
import { LaunchError } from './launch-error.js'
import type { MasterKeyNeed } from './master-key-need.js'

/**
 * Makes the master key of a new instance.
 *
 * When the database already names master keys, a missing file means a lost one: making another would only
 * hide that. Throws {@link LaunchError} then, and writes nothing. `ask` is called only without a file.
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

/** Throws {@link LaunchError} when stored values need a master key; to be asked where its file is missing. */
export function requireNoneLost(paths: InstancePaths, { keyIds }: MasterKeyNeed): void {
  if (keyIds.length === 0) return
  throw new LaunchError(
    `The stored secrets need the master key ${keyIds.join(', ')}, but ${paths.masterKey} does not exist: restore that file from a backup.`
  )
}
