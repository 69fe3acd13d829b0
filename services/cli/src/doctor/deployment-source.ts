import { existsSync } from 'node:fs'
import { type Environment, findInstance, present } from '../launcher/launch-settings.js'

/** What a container is given besides its database; an instance that the launcher runs has files for these. */
const keyVariables = [
  'PAPERCLIP_GATEWAY_KEY_FILE', 'PAPERCLIP_INTERNAL_KEYS_FILE', 'PAPERCLIP_SECRETS_MASTER_KEY',
  'PAPERCLIP_SECRETS_MASTER_KEY_FILE', 'BETTER_AUTH_SECRET', 'BETTER_AUTH_SECRET_FILE'
] // biome-ignore format: a list reads better packed

/**
 * Says whether the environment alone describes the deployment, as with compose: it names a database and keys, and no
 * file of an instance is here. A database alone is what `npm start` may be given too, and where files of an instance
 * are, `config.json` was lost.
 */
export function isDescribedByEnvironment(env: Environment): boolean {
  const isSet = (name: string) => present(env[name]) !== undefined
  if (!['DATABASE_URL', 'DATABASE_URL_FILE'].some(isSet) || !keyVariables.some(isSet)) return false
  const { config, env: generated, secretsDir } = findInstance(env)
  return ![config, generated, secretsDir].some((path) => existsSync(path))
}
