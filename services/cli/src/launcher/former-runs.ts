import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { InstancePaths } from '@paperclip/instance'

/**
 * Says whether services of an instance were started here before: by their log, which the launcher opens once the keys
 * are there and right before it migrates. False also where the logs were removed.
 */
export function hasRunBefore({ logsDir }: Pick<InstancePaths, 'logsDir'>): boolean {
  return existsSync(join(logsDir, 'secrets.log'))
}
