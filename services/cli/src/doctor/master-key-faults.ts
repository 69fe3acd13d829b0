import { askMasterKeyNeed, askSecretsDatabase } from '../launcher/prepare-instance.js'
import { describeFailure } from './doctor-check.js'
import type { DoctorContext } from './doctor-context.js'
import { decodeKey } from './key-text.js'
import { listWrappingKeys, masterKeyId } from './wrapping-keys.js'

/** One thing that is wrong, and the next step. */
export interface KeyFault {
  readonly message: string
  readonly repair: string
}

/** Says what it means that there is no master key. The embedded server is started for the question if need be. */
export async function faultOfMissingMasterKey({ settings }: DoctorContext): Promise<KeyFault> {
  const { masterKey } = settings.paths
  try {
    const { keyIds } = await askMasterKeyNeed(settings)
    return keyIds.length === 0
      ? {
          message: `there is no ${masterKey}, and nothing needs one yet`,
          repair: 'run `paperclipai doctor --repair`'
        }
      : {
          message: `there is no ${masterKey}, and the stored secrets need the key ${keyIds.join(', ')}`,
          repair: 'restore that file from a backup'
        }
  } catch (error) {
    return {
      message: `there is no ${masterKey}, and the database does not tell whether one is needed: ${describeFailure(error)}`,
      repair: 'restore it from a backup, or bring the database up and ask again'
    }
  }
}

/**
 * Says that what is stored needs a master key other than those that are configured; undefined when it does not, or
 * when the database does not answer, which is told elsewhere.
 *
 * Looked at although a service may be running: the file may have been replaced since it was read, and the next start
 * would fail.
 */
export async function faultOfWrongMasterKey(
  context: DoctorContext,
  { masterKey, previousKey }: { masterKey: string; previousKey: string | undefined }
): Promise<KeyFault | undefined> {
  const wrapping = await askSecretsDatabase(context.settings, listWrappingKeys, []).catch(() => [])
  const texts = [masterKey, previousKey]
  const keys = texts.flatMap((text) => (text === undefined ? [] : (decodeKey(text.trim()) ?? [])))
  for (const needed of wrapping) {
    const ids = await Promise.all(keys.map(async (key) => await masterKeyId(key, needed)))
    if (ids.includes(needed.id)) continue
    return {
      message: `the master key is not the one that stored secrets need: they need ${needed.id}, this one is ${ids.join(', ')}`,
      repair: 'restore the former master key from a backup; nothing stored can be opened without it'
    }
  }
  return undefined
}
