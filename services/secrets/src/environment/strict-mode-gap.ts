import { strictModeWarningStart } from '@paperclip/contracts'
import type { Config } from '../config.js'

const step =
  'Set PAPERCLIP_SECRETS_STRICT_MODE=true, restart, and run `paperclipai secrets migrate-inline-env`.'

/**
 * Says what is missing where strict mode is off though others may reach the instance or its database; undefined where
 * it is on, or only one person on one machine is concerned. A gap of policy: told at start and in health, never a stop.
 */
export function findStrictModeGap(
  config: Pick<Config, 'strictMode' | 'deploymentMode' | 'isDatabaseEmbedded'>
): string | undefined {
  if (config.strictMode) return undefined
  if (config.deploymentMode === 'authenticated')
    return `${strictModeWarningStart} though several people share this instance: keys and passwords may be saved as plain values. ${step}`
  if (config.isDatabaseEmbedded) return undefined
  return `${strictModeWarningStart} on a PostgreSQL server: keys and passwords may be saved as plain values. ${step}`
}
