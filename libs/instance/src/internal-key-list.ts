import { withFileLock } from './file-lock.js'
import { InstanceError, systemCode } from './instance-error.js'
import { readJsonObject, toJsonText } from './json-file.js'
import type { InternalKey } from './key-files.js'
import { replaceKeepingAccess } from './private-file.js'

/** What a verifier reads at most; it would keep its former list instead of a longer one. */
export const internalKeysMax = 256

/**
 * Reads the list that the secrets service verifies its callers with, secrets included.
 *
 * Throws {@link InstanceError} when there is none, or it is not one; without any of its content.
 */
export async function readInternalKeys(path: string): Promise<readonly InternalKey[]> {
  const found = await readJsonObject(path)
  if (found === undefined)
    throw new InstanceError(`${path} does not exist: run \`paperclipai onboard\`, or name the right file.`)
  return parseInternalKeys(path, found)
}

/**
 * Changes the list: `change` gets it and returns the new one with whatever its caller wants back.
 *
 * One process at a time, so that of many changes at once none is lost; whole or not at all, and durable. The file
 * keeps its owner and mode, because the service may be another user. Throws {@link InstanceError}.
 */
export async function changeInternalKeys<T>(
  path: string,
  change: (keys: readonly InternalKey[]) => Promise<{ keys: readonly InternalKey[]; result: T }>
): Promise<T> {
  try {
    return await withFileLock(`${path}.lock`, async () => {
      const { keys, result } = await change(await readInternalKeys(path))
      if (keys.length > internalKeysMax)
        throw new InstanceError(`${path} would hold more than ${internalKeysMax} keys: revoke some.`)
      await replaceKeepingAccess(path, toJsonText({ keys }))
      return result
    })
  } catch (error) {
    const code = systemCode(error)
    // A file system's error; ours and those of `change` have no code.
    if (code === undefined || error instanceof InstanceError) throw error
    throw new InstanceError(`${path} cannot be changed (${code}): run this as the user who owns it.`, {
      cause: error
    })
  }
}

/** Checks the content of a list of keys. Throws {@link InstanceError} without any of it. */
export function parseInternalKeys(path: string, content: Record<string, unknown>): readonly InternalKey[] {
  const { keys } = content
  if (Array.isArray(keys) && keys.every(isInternalKey)) return keys
  throw new InstanceError(`${path} is not a list of keys: restore it from a backup.`)
}

function isInternalKey(value: unknown): value is InternalKey {
  if (typeof value !== 'object' || value === null) return false
  const { id, caller, secret, scopes, companies, notAfter } = value as Record<string, unknown>
  return (
    [id, caller, secret].every((member) => typeof member === 'string') &&
    isTexts(scopes) &&
    (companies === null || isTexts(companies)) &&
    (notAfter === null || (typeof notAfter === 'string' && !Number.isNaN(Date.parse(notAfter))))
  )
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string')
}
