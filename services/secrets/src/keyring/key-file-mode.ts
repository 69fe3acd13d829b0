import { chmodSync, statSync } from 'node:fs'

const ownerOnly = 0o600
const othersBits = 0o077

/**
 * Takes the master key file away from others; gives a sentence for health when that, or looking, fails. A file on a
 * read-only mount was put there by who runs the container, for this process alone: its mode is theirs to choose.
 *
 * Called once the file has been read, so the key itself is in use whatever is found.
 */
export function tightenKeyFile(path: string | null): string[] {
  if (path === null) return []
  try {
    if ((statSync(path).mode & othersBits) === 0) return []
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? ['The master key file is gone since it was read: without it the next start fails.']
      : ['Whether others can read the master key file could not be checked.']
  }
  try {
    chmodSync(path, ownerOnly)
    return []
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EROFS') return []
    return ['The master key file can be read by others, and its mode could not be tightened to 0600.']
  }
}
