import { readFile } from 'node:fs/promises'
import { InstanceError, systemCode } from './instance-error.js'
import { refuseLinkToNothing } from './private-file.js'

/** The second: something above the file is not a folder. */
const absentCodes = new Set(['ENOENT', 'ENOTDIR'])

/**
 * Reads a JSON object from a file; undefined when there is no such file.
 *
 * Throws {@link InstanceError} without any of the content: parsers quote what they could not read, and
 * these files hold keys.
 */
export async function readJsonObject(path: string): Promise<Record<string, unknown> | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    const code = systemCode(error) ?? ''
    if (absentCodes.has(code)) return undefined
    if (code === 'EISDIR')
      throw new InstanceError(`${path} is a folder, not a file: move it away.`, { cause: error })
    throw new InstanceError(`${path} cannot be read: start as the user who owns it.`, { cause: error })
  })
  if (text === undefined) {
    await refuseLinkToNothing(path)
    return undefined
  }
  const value = parse(text)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new InstanceError(`${path} is not a JSON object: restore it from a backup, or move it away.`)
  }
  return value as Record<string, unknown>
}

/** Formats a value as a JSON file. */
export function toJsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
