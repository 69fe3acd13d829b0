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
 * Gives a caller its first key: its own file, then the entry in the list. Neither exists without the other but
 * for a kill between the two, which leaves a file that opens nothing. Throws InstanceError.
 */
export async function createInternalKey(
  { keysFile }: KeyPlace,
  { caller, grant, out }: { caller: string; grant: KeyGrant; out: string }
): Promise<InternalKey> {
  let written = false
  try {
    return await changeInternalKeys(keysFile, async (listed) => {
      const keys = withoutExpired(listed, Date.now())
      if (keys.some((key) => key.caller === caller))
        throw new InstanceError(
          `${caller} has a key already: \`paperclipai internal-key rotate ${caller}\` gives it another.`
        )
      const key = makeInternalKey(caller, grant)
      written = await createCallerKey(out, key)
      if (!written) throw new InstanceError(`${out} exists: name another file with --out, or remove it.`)
      return { keys: [...keys, key], result: key }
    })
  } catch (error) {
    if (written) await rm(out, { force: true })
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
  { caller, out, graceMs, notAfter }: { caller: string; out: string; graceMs: number; notAfter?: string }
): Promise<{ key: InternalKey; ending: readonly InternalKey[] }> {
  const { keysFile, origin } = place
  const key = await changeInternalKeys(keysFile, async (listed) => {
    const keys = withoutExpired(listed, Date.now())
    const model = newestKey(keys, caller)
    await requireOwnFile(out, { keys: listed, caller })
    const made = makeInternalKey(caller, { ...model, notAfter: notAfter ?? model.notAfter })
    return { keys: [...keys, made], result: made }
  })
  try {
    // Also where nobody can be asked: services elsewhere may read this very file.
    await delay(noticeMs)
    const standing = origin === null ? 'silent' : await awaitStanding(origin, { key, wanted: 'accepted' })
    if (standing === 'refused')
      throw new InstanceError(
        `The secrets service at ${origin} does not take the new key up from ${keysFile}: nothing was changed.`
      )
    return await changeInternalKeys(keysFile, async (keys) => {
      if (newestKey(keys, caller).id !== key.id)
        throw new InstanceError(
          `Somebody else gave ${caller} a key at the same time: that one holds, and this one does not.`
        )
      await switchCallerKey(out, key)
      const ended = endOthers(keys, { kept: key, endMs: Date.now() + graceMs })
      return {
        keys: ended,
        result: { key, ending: ended.filter((each) => each.caller === caller && each.id !== key.id) }
      }
    })
  } catch (error) {
    if ((await readCallerKeyId(out).catch(() => undefined)) !== key.id) await withdraw(keysFile, key)
    throw error
  }
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
  const revoked = await changeInternalKeys(keysFile, async (listed) => {
    const parted = partRevoked(listed, { caller, gatewayKeyId, ...(keyId === undefined ? {} : { keyId }) })
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
