import type { InstancePaths } from '@paperclip/instance'
import { hasRunBefore } from '../launcher/former-runs.js'
import type { MasterKeyNeed } from '../launcher/master-key-need.js'
import { askMasterKeyNeed, askSecretsDatabase } from '../launcher/prepare-instance.js'
import { describeFailure } from './doctor-check.js'
import type { DoctorContext } from './doctor-context.js'
import { decodeKey } from './key-text.js'
import { listWrappingKeys, masterKeyId, type WrappingKey } from './wrapping-keys.js'

/** One thing that is wrong, and the next step. */
export interface KeyFault {
  readonly message: string
  readonly repair: string
  /** It may be in order: what would tell could not be asked. */
  readonly isUnjudged?: true
}

/** Says what it means that there is no master key. The embedded server is started for the question if need be. */
export async function faultOfMissingMasterKey({ settings }: DoctorContext): Promise<KeyFault> {
  const absent = `there is no ${settings.paths.masterKey}`
  try {
    return faultByNeed(absent, { need: await askMasterKeyNeed(settings), paths: settings.paths })
  } catch (error) {
    return {
      message: `${absent}, and the database does not tell whether one is needed: ${describeFailure(error)}`,
      repair: 'restore it from a backup, or bring the database up and ask again'
    }
  }
}

/** As a repair will judge, see `requireNoneLost`. */
function faultByNeed(
  absent: string,
  { need, paths }: { need: MasterKeyNeed; paths: InstancePaths }
): KeyFault {
  const { keyIds, liveKeyIds, isMigrated } = need
  if (keyIds.length > 0)
    return {
      message: `${absent}, and the stored secrets need the key ${keyIds.join(', ')}`,
      repair: 'restore that file from a backup'
    }
  if (liveKeyIds.length > 0)
    return {
      message: `${absent}, and a secrets service that runs uses the key ${liveKeyIds.join(', ')}; nothing is stored under it yet`,
      repair:
        'put that file back; if it is lost, stop the instance, and half a minute later run `paperclipai doctor --repair`'
    }
  if (!isMigrated && hasRunBefore(paths))
    return {
      message: `${absent}, and whether stored secrets need it cannot be told: this instance has run before, and the database that was asked has nothing of that`,
      repair: 'restore it from a backup, or give doctor the DATABASE_URL of the instance'
    }
  return { message: `${absent}, and nothing needs one yet`, repair: 'run `paperclipai doctor --repair`' }
}

/**
 * Says that what is stored needs a master key other than those that are configured, or that the database does not
 * tell which it needs, and why; undefined when the key fits.
 *
 * Looked at although a service may be running: the file may have been replaced since it was read, and the next start
 * would fail.
 */
export async function faultOfWrongMasterKey(
  context: DoctorContext,
  { masterKey, previousKey }: { masterKey: string; previousKey: string | undefined }
): Promise<KeyFault | undefined> {
  const texts = [masterKey, previousKey]
  const keys = texts.flatMap((text) => (text === undefined ? [] : (decodeKey(text.trim()) ?? [])))
  try {
    return await firstUnfit(await askSecretsDatabase(context.settings, listWrappingKeys, []), keys)
  } catch (error) {
    return {
      message: `not judged whether the master key is the one that stored secrets need: ${describeFailure(error)}`,
      repair: 'bring the database of the secrets service up, and ask again',
      isUnjudged: true
    }
  }
}

async function firstUnfit(
  wrapping: readonly WrappingKey[],
  keys: readonly Buffer[]
): Promise<KeyFault | undefined> {
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
