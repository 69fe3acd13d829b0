import { readFile } from 'node:fs/promises'
import { createSignerKey } from '@paperclip/client'
import { type InternalKey, readInternalKeys } from '@paperclip/instance'
import { present } from '../launcher/launch-settings.js'
import { describeFailure, stepAfter } from './doctor-check.js'
import { type DoctorContext, isGiven } from './doctor-context.js'
import type { KeyFault } from './master-key-faults.js'

/** What to do about a file of keys that cannot be used. */
export const restoreOrRepair = 'restore it from a backup, or run `paperclipai doctor --repair`'

/** The gateway's key and the secrets service's list can be read, and go together. */
export async function hopKeyFaults(context: DoctorContext): Promise<KeyFault[]> {
  const isKnown = (name: string) => !context.isByEnvironment || isGiven(context, name)
  const [hasSigner, hasList] = [isKnown('PAPERCLIP_GATEWAY_KEY'), isKnown('PAPERCLIP_INTERNAL_KEYS')]
  const faults = [...(hasSigner ? signerFaults(context) : []), ...(hasList ? await listFaults(context) : [])]
  if (faults.length > 0 || !hasSigner || !hasList || (await isSignerListed(context)) !== false) return faults
  return [
    {
      message: `the key in ${signerPath(context)} is not listed in ${listPath(context)}, or not any more valid there`,
      repair: 'restore both from one backup'
    }
  ]
}

/** Says whether the list that lies here takes the gateway's key; null when it cannot be told. */
export async function isSignerListed(context: DoctorContext): Promise<boolean | null> {
  try {
    const { id, secret } = JSON.parse(await readFile(signerPath(context), 'utf8')) as Partial<InternalKey>
    const keys = await readInternalKeys(listPath(context))
    return keys.some((key) => key.id === id && key.secret === secret && !hasEnded(key))
  } catch {
    return null
  }
}

function hasEnded({ notAfter }: InternalKey): boolean {
  return notAfter !== null && Date.parse(notAfter) <= Date.now()
}

/** Where the gateway's key lies. */
export function signerPath({ io, settings }: DoctorContext): string {
  return present(io.env.PAPERCLIP_GATEWAY_KEY_FILE) ?? settings.paths.gatewayKey
}

function listPath({ io, settings }: DoctorContext): string {
  return present(io.env.PAPERCLIP_INTERNAL_KEYS_FILE) ?? settings.paths.internalKeys
}

function signerFaults(context: DoctorContext): KeyFault[] {
  try {
    createSignerKey(signerPath(context), { nowMs: Date.now, onReload: () => undefined })
    return []
  } catch (error) {
    return [{ message: describeFailure(error), repair: restoreOrRepair }]
  }
}

/** The list may be a former one in the service that runs, which has read it: the next start fails. */
async function listFaults(context: DoctorContext): Promise<KeyFault[]> {
  const named = present(context.io.env.PAPERCLIP_INTERNAL_KEYS_FILE)
  try {
    await readInternalKeys(listPath(context))
    return []
  } catch (error) {
    // What cannot be read at all is told with the other files that are named.
    const isTold = named !== undefined && present(await readFile(named, 'utf8').catch(() => '')) === undefined
    return isTold ? [] : [{ message: describeFailure(error), repair: stepAfter(error, restoreOrRepair) }]
  }
}
