import { stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

const executeBit = { owner: 0o100, group: 0o010, other: 0o001 } as const

/**
 * Tells whether a user may walk down to `path`: every folder above it, and itself, must let the user enter.
 *
 * Parts that do not exist yet are skipped. Supplementary groups and access lists are not consulted (the
 * server runs with neither), so the answer errs on the side of no.
 */
export async function canEnter(path: string, user: { uid: number; gid: number }): Promise<boolean> {
  for (let part = resolve(path); ; part = dirname(part)) {
    const found = await stat(part).catch(() => undefined)
    if (found?.isDirectory() === true && !mayEnter(found, user)) return false
    if (part === dirname(part)) return true
  }
}

function mayEnter(
  folder: { mode: number; uid: number; gid: number },
  user: { uid: number; gid: number }
): boolean {
  if (folder.uid === user.uid) return (folder.mode & executeBit.owner) !== 0
  if (folder.gid === user.gid) return (folder.mode & executeBit.group) !== 0
  return (folder.mode & executeBit.other) !== 0
}
