import { InstanceError, type InternalKey, makeKeyId, makeSecret } from '@paperclip/instance'

/** The gateway's name in the list. Its key may speak for everybody, so it is not one to give away. */
export const gatewayCaller = 'gateway'

/** What a new key may do, and until when. */
export interface KeyGrant {
  readonly scopes: readonly string[]
  /** Null: all companies. */
  readonly companies: readonly string[] | null
  /** ISO 8601; null: for ever. */
  readonly notAfter: string | null
}

/** Says whether a key is past its end. */
export function isExpired({ notAfter }: Pick<InternalKey, 'notAfter'>, nowMs: number): boolean {
  return notAfter !== null && Date.parse(notAfter) <= nowMs
}

/** The list without keys that are refused anyway. */
export function withoutExpired(keys: readonly InternalKey[], nowMs: number): readonly InternalKey[] {
  return keys.filter((key) => !isExpired(key, nowMs))
}

/** Makes a key for a caller. */
export function makeInternalKey(caller: string, { scopes, companies, notAfter }: KeyGrant): InternalKey {
  return { id: makeKeyId(caller), caller, secret: makeSecret(), scopes, companies, notAfter }
}

/** Finds the key a caller was given last: a rotation appends. Throws {@link InstanceError} when it has none. */
export function newestKey(keys: readonly InternalKey[], caller: string): InternalKey {
  const found = keys.findLast((key) => key.caller === caller)
  if (found === undefined)
    throw new InstanceError(`${caller} has no key: make one with \`paperclipai internal-key create\`.`)
  return found
}

/** Lets all keys of a caller but one end at `endMs`, those that end earlier as they do. */
export function endOthers(
  keys: readonly InternalKey[],
  { kept, endMs }: { kept: InternalKey; endMs: number }
): readonly InternalKey[] {
  return keys.map((key) =>
    key.caller !== kept.caller || key.id === kept.id || isExpired(key, endMs)
      ? key
      : { ...key, notAfter: toInstant(endMs) }
  )
}

/**
 * Parts the list into what is revoked and what stays: every key of a caller, or one.
 *
 * Throws {@link InstanceError} when there is nothing to revoke, and for what the gateway would stand still without.
 */
export function partRevoked(
  keys: readonly InternalKey[],
  { caller, keyId, gatewayKeyId }: { caller: string; keyId?: string; gatewayKeyId: string | undefined }
): { revoked: readonly InternalKey[]; kept: readonly InternalKey[] } {
  const isMeant = (key: InternalKey) => key.caller === caller && (keyId === undefined || key.id === keyId)
  const revoked = keys.filter(isMeant)
  const kept = keys.filter((key) => !isMeant(key))
  if (revoked.length === 0)
    throw new InstanceError(`${caller} has no such key: see \`paperclipai internal-key list\`.`)
  const needed = caller === gatewayCaller ? [newestKey(keys, caller).id, gatewayKeyId] : []
  if (revoked.some(({ id }) => needed.includes(id)))
    throw new InstanceError(
      'The gateway signs with this key and would stand still without it: `paperclipai internal-key rotate ' +
        'gateway` gives it another, and then the old one can be revoked.'
    )
  return { revoked, kept }
}

/** A time as key files write it: UTC, whole seconds. */
export function toInstant(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`
}
