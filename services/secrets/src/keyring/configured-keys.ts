import { basename } from 'node:path'
import type { Config, Secrets } from '../config.js'
import { parseMasterKey } from '../crypto/master-key.js'
import type { ConfiguredMasterKey, MasterKeyring } from './master-keyring.js'

const previousVariable = 'PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS'

/** Parses the configured master keys, the one that new instances begin with first. Throws MasterKeyError. */
export function configuredKeys(
  config: Config,
  { masterKey, previousMasterKey }: Secrets
): ConfiguredMasterKey[] {
  const { masterKeySource: source, masterKeyFile, previousMasterKeyFile } = config
  const first = {
    source,
    key: parseMasterKey(masterKey.reveal(), { source }),
    label: labelOf(masterKeyFile, source)
  }
  if (previousMasterKey === null) return [first]
  return [
    first,
    {
      source: previousVariable,
      key: parseMasterKey(previousMasterKey.reveal(), { source: previousVariable }),
      label: labelOf(previousMasterKeyFile, previousVariable)
    }
  ]
}

/** What to tell an operator about keys that are configured and do nothing. */
export function retiredKeyWarnings({ retired }: MasterKeyring): string[] {
  return retired.map(
    ({ id, source }) =>
      `Master key ${id} (${source}) is retired and opens nothing: take it out of the configuration.`
  )
}

/** Without its folder: that is a matter of this machine, and the name is what an operator knows it by. */
function labelOf(file: string | null, variable: string): string {
  return file === null ? variable : basename(file)
}
