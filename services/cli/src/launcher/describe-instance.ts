import { findMasterKeyFiles } from '@paperclip/instance'
import type { Environment } from './launch-settings.js'
import { bringsMasterKey } from './service-environment.js'
import type { StartedInstance } from './start-instance.js'

type Place = Pick<StartedInstance, 'url' | 'paths' | 'data'>

/** The one line a person acts on. A master key that is brought lies where only the operator knows. */
export function describeInstance({ url, paths, data }: Place, env: Environment): string {
  const files = findMasterKeyFiles(paths).join(' and ') || paths.masterKey
  const masterKey = bringsMasterKey(env) ? 'the master key that you gave it, which is not there,' : files
  return [
    `paperclip is ready: API at ${url}`,
    `data in ${data}, keys in ${paths.instanceDir}`,
    `back up both, apart from each other: without ${masterKey} no stored secret can be opened`,
    'Ctrl-C stops it'
  ].join(' | ')
}
