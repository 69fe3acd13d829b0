import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import {
  changeInternalKeys,
  createCallerKey,
  InstanceError,
  type InternalKey,
  readCallerKeyId,
  switchCallerKey
} from '@paperclip/instance'
import { awaitStanding, type KeyStanding, noticeMs } from './key-effect.js'
import type { KeyPlace } from './key-place.js'
import {
  endOthers,
  gatewayCaller,
  type KeyGrant,
  makeInternalKey,
  newestKey,
  partRevoked,
  withoutExpired
} from './key-rules.js'

/**
 * Gives a caller its first key: its own file and the entry in the list, and returns when the key works. A failure
 * takes both back; a kill between the two leaves a file that opens nothing. Throws InstanceError.
 */
export async function createInternalKey(
  place: KeyPlace,
  { caller, grant, out }: { caller: string; grant: KeyGrant; out: string }
): Promise<InternalKey> {
  const { keysFile } = place
  const key = makeInternalKey(caller, grant)
  let written = false
  try {
    await changeInternalKeys(keysFile, async (listed) => {
      const keys = withoutExpired(listed, Date.now())
      if (keys.some((each) => each.caller === caller))
        throw new InstanceError(
          `${caller} has a key already: \`paperclipai internal-key rotate ${caller}\` gives it another.`
        )
      written = await createCallerKey(out, key)
      if (!written) throw new InstanceError(`${out} exists: name another file with --out, or remove it.`)
      return { keys: [...keys, key], result: undefined }
    })
    await awaitAccepted(place, key)
    return key
  } catch (error) {
    if (written) {
      await withdraw(keysFile, key)
      await rm(out, { force: true })
    }
    throw error
  }
}

/**
 * Gives a caller another key without a moment in which none of its requests is accepted: lists the new key, waits
 * until the secrets service accepts it, switches the caller's file, and lets the former keys end after `graceMs`.
 * What fails before the switch takes the new key out again. Throws InstanceError.
 */
export async function rotateInternalKey(
  place: KeyPlace,
  options: { caller: string; out: string; graceMs: number; notAfter?: string }
): Promise<{ key: InternalKey; ending: readonly InternalKey[] }> {
  const { caller, out, notAfter } = options
  const { keysFile } = place
  const key = await changeInternalKeys(keysFile, async (listed) => {
    const keys = withoutExpired(listed, Date.now())
    const model = newestKey(keys, caller)
    await requireOwnFile(out, { keys: listed, caller })
    const made = makeInternalKey(caller, { ...model, notAfter: notAfter ?? model.notAfter })
    return { keys: [...keys, made], result: made }
  })
  try {
    await awaitAccepted(place, key)
    return { key, ending: await switchOver(keysFile, key, options) }
  } catch (error) {
    if ((await readCallerKeyId(out).catch(() => undefined)) !== key.id) await withdraw(keysFile, key)
    throw error
  }
}

/** Puts the new key into the caller's file and lets the former ones end; gives those. */
async function switchOver(
  keysFile: string,
  key: InternalKey,
  { out, graceMs }: { out: string; graceMs: number }
): Promise<readonly InternalKey[]> {
  const { id, caller } = key
  return await changeInternalKeys(keysFile, async (listed) => {
    // The last to list a key has the last word, or the file would hold a key that is about to end.
    if (newestKey(listed, caller).id !== id)
      throw new InstanceError(
        `${caller} was given another key at the same time: that one holds, this one does not.`
      )
    await switchCallerKey(out, key)
    const keys = endOthers(listed, { kept: key, endMs: Date.now() + graceMs })
    return { keys, result: keys.filter((each) => each.caller === caller && each.id !== id) }
  })
}

/**
 * Takes keys of a caller out of the list, and waits until the secrets service refuses them: then no request signed
 * with them is accepted any more. Throws InstanceError, also when it still accepts one.
 */
export async function revokeInternalKeys(
  place: KeyPlace,
  { caller, keyId }: { caller: string; keyId?: string }
): Promise<{ revoked: readonly InternalKey[]; standing: KeyStanding }> {
  const { keysFile, origin } = place
  const gatewayKeyId =
    caller === gatewayCaller
      ? await readCallerKeyId(place.callerFile(caller)).catch(() => undefined)
      : undefined
  const meant = { caller, gatewayKeyId, ...(keyId === undefined ? {} : { keyId }) }
  const revoked = await changeInternalKeys(keysFile, async (listed) => {
    const parted = partRevoked(listed, meant)
    return { keys: withoutExpired(parted.kept, Date.now()), result: parted.revoked }
  })
  await delay(noticeMs)
  if (origin === null) return { revoked, standing: 'silent' }
  const standings = await Promise.all(revoked.map((key) => awaitStanding(origin, { key, wanted: 'refused' })))
  if (standings.includes('accepted'))
    throw new InstanceError(
      `The key is out of ${keysFile}, but the secrets service at ${origin} still accepts it: it reads another list. ` +
        'Restart it with this one.'
    )
  return { revoked, standing: standings.includes('silent') ? 'silent' : 'refused' }
}

/** Returns when services that read the list know the key; throws when the one that runs here does not. */
async function awaitAccepted({ keysFile, origin }: KeyPlace, key: InternalKey): Promise<void> {
  // Also where nobody can be asked: services elsewhere may read this very file.
  await delay(noticeMs)
  if (origin === null || (await awaitStanding(origin, { key, wanted: 'accepted' })) !== 'refused') return
  throw new InstanceError(
    `The secrets service at ${origin} does not take the new key up: it reads another list than ${keysFile}. ` +
      'Nothing was changed.'
  )
}

/** A file of somebody else is not one to put a key into. */
async function requireOwnFile(
  path: string,
  { keys, caller }: { keys: readonly InternalKey[]; caller: string }
): Promise<void> {
  const id = await readCallerKeyId(path)
  if (id === undefined || keys.some((key) => key.id === id && key.caller === caller)) return
  throw new InstanceError(`${path} holds a key that is not one of ${caller}: name its file with --out.`)
}

async function withdraw(keysFile: string, { id }: InternalKey): Promise<void> {
  await changeInternalKeys(keysFile, async (keys) => ({
    keys: keys.filter((key) => key.id !== id),
    result: undefined
  }))
}
