import { stat } from 'node:fs/promises'
import type { InstancePaths } from '@paperclip/instance'
import { LaunchError } from './launch-error.js'

/**
 * Throws {@link LaunchError} where an instance is another user's: root could write there, and what root makes, the user
 * whose services read it could not.
 */
export async function requireOwnInstance({ instanceDir }: Pick<InstancePaths, 'instanceDir'>): Promise<void> {
  const owner = (await stat(instanceDir).catch(() => undefined))?.uid
  const me = process.geteuid?.()
  if (owner === undefined || me === undefined || owner === me) return
  throw new LaunchError(
    `${instanceDir} belongs to another user (uid ${owner}), who could not read what is made there as uid ${me}: run this as that user.`
  )
}
