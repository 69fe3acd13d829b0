import { mkdir, stat } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { PostgresError } from './postgres-error.js'
import { canEnter } from './reach.js'
import type { ServerUser } from './server-user.js'

const worldReadableDirMode = 0o755
const othersMayWrite = 0o022

/**
 * Chooses, and makes, the folder under which unpacked servers are kept.
 *
 * It must be enterable by the server's user and writable by nobody but us: what lies in it is executed. The
 * last resort is a folder of ours in the temporary directory. `wanted` leaves no choice.
 */
export async function prepareCacheDir(user: ServerUser, wanted?: string): Promise<string> {
  const candidates = wanted === undefined ? defaultCandidates() : [wanted]
  for (const candidate of candidates) {
    if (await isUsable(candidate, user)) return candidate
  }
  throw new PostgresError(
    `PostgreSQL cannot be unpacked into ${candidates.join(' or ')}: the folder must belong to the current user, be writable by no one else, and let the server's user (uid ${user.uid}) enter.`
  )
}

function defaultCandidates(): string[] {
  const uid = process.getuid?.() ?? 0
  const own = uid === 0 ? '/var/cache/paperclip' : join(homedir(), '.cache', 'paperclip')
  return [own, join(tmpdir(), `paperclip-cache-${uid}`), `/tmp/paperclip-cache-${uid}`]
}

async function isUsable(dir: string, user: ServerUser): Promise<boolean> {
  try {
    await mkdir(dir, { recursive: true, mode: worldReadableDirMode })
    const found = await stat(dir)
    const ours = found.uid === process.getuid?.() && (found.mode & othersMayWrite) === 0
    return ours && (await canEnter(dir, user))
  } catch {
    return false
  }
}
