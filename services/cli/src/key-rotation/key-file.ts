import { existsSync } from 'node:fs'
import { chmod, mkdir } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { createPrivateFile } from '@paperclip/instance'
import { CliError } from '../cli-error.js'
import type { PlannedKey } from './rotation-ledger.js'

const ownerOnly = 0o700
const slugCharsMax = 40
/** The end of a UUID of version 7 is random; its beginning is the time, which neighbours share. */
const idCharsShown = 8

/**
 * Where the token of a new key lies: `<company>/<agent>/<key>.key` below the folder. Names as far as they fit a file,
 * and the end of each id, since names need not be unique.
 */
export function keyFileOf(folder: string, key: PlannedKey, newKeyId: string): string {
  return join(
    folder,
    labelOf(key.company, key.companyId),
    labelOf(key.agent, key.agentId),
    `${labelOf(key.name, newKeyId)}.key`
  )
}

/** Writes a token, whole and durably, readable by the owner alone. */
export async function writeKeyFile(folder: string, path: string, token: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: ownerOnly })
    // Those between too, whatever the umask took away or somebody made before.
    for (let dir = dirname(path); relative(folder, dir) !== ''; dir = dirname(dir))
      await chmod(dir, ownerOnly)
    if (!(await createPrivateFile(path, `${token}\n`)))
      throw new CliError(`${path} is there already`, { hint: 'move it away, and repeat the command' })
  } catch (error) {
    if (error instanceof CliError) throw error
    throw new CliError(`${path} cannot be written (${(error as NodeJS.ErrnoException).code})`, {
      hint: 'the key that was made for it is revoked when the same command goes on'
    })
  }
}

/** Whether the token of a new key was written before this was cut off. */
export function hasKeyFile(folder: string, key: PlannedKey, newKeyId: string): boolean {
  return existsSync(keyFileOf(folder, key, newKeyId))
}

function labelOf(name: string, id: string): string {
  const slug = name
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '')
  return `${[...slug].slice(0, slugCharsMax).join('') || 'unnamed'}-${id.slice(-idCharsShown)}`
}
