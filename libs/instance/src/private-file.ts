import { randomBytes } from 'node:crypto'
import { chmod, chown, link, lstat, mkdir, open, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { InstanceError, systemCode } from './instance-error.js'

/** Mode of every file of an instance: its owner alone. */
export const privateFileMode = 0o600
/** Mode of every folder of an instance. */
export const privateDirMode = 0o700

const othersBits = 0o077
const modeBits = 0o777

/** What these errors of `link` have in common: the file system has no hard links. */
const noHardLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV'])

/**
 * Creates a file with this content unless it exists, whole or not at all, and durably.
 *
 * Never replaces anything. Of several processes at once exactly one gets `true`, and no other ever reads a
 * half-written file: the content is complete before the name appears. Both file and folder are synced, so
 * a key that was used to encrypt something survives a power cut.
 */
export async function createPrivateFile(path: string, content: string | Uint8Array): Promise<boolean> {
  const temporary = await writeTemporary(path, content)
  try {
    await link(temporary, path)
  } catch (error) {
    const code = systemCode(error) ?? ''
    if (code === 'EEXIST') return false
    if (!noHardLinks.has(code)) throw error
    if (!(await createDirectly(path, content))) return false
  } finally {
    await rm(temporary, { force: true })
  }
  await syncDir(dirname(path))
  return true
}

/**
 * Writes a file so that readers see the old content or the new, never a mixture, and durably. Through a symbolic link
 * the file it points to is replaced, and the link stays.
 */
export async function replacePrivateFile(path: string, content: string): Promise<void> {
  const target = await realpath(path).catch(() => path)
  const temporary = await writeTemporary(target, content)
  try {
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDir(dirname(target))
}

/** Throws {@link InstanceError} where a link leads to nothing: nothing may be made in the place of what it led to. */
export async function refuseLinkToNothing(path: string): Promise<void> {
  if (await isLinkToNothing(path))
    throw new InstanceError(
      `${path} is a link to a file that is not there: put that back, or remove the link.`
    )
}

/** Says whether a path is a symbolic link to what is not there: a file that is elsewhere, not one that was never made. */
export async function isLinkToNothing(path: string): Promise<boolean> {
  const isLink = await lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false
  )
  return isLink && (await stat(path).catch(() => undefined)) === undefined
}

/**
 * Replaces a file that exists, as {@link replacePrivateFile} does, and keeps its owner and mode: whoever could read
 * it still can, and nobody else. Through a symbolic link the file it points to is replaced.
 *
 * Fails with `EPERM` when the owner is somebody else and we may not give files away.
 */
export async function replaceKeepingAccess(path: string, content: string): Promise<void> {
  const target = await realpath(path)
  const { mode, uid, gid } = await stat(target)
  const temporary = await writeTemporary(target, content)
  try {
    const mine = await stat(temporary)
    if (mine.uid !== uid || mine.gid !== gid) await chown(temporary, uid, gid)
    await chmod(temporary, mode & modeBits)
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDir(dirname(target))
}

/** Makes a folder, and those above it, for the owner alone; one that exists is left as it is. */
export async function makePrivateDir(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: privateDirMode })
}

/**
 * Takes the rights of everyone but the owner away from a file or folder.
 *
 * `absent` when there is none, `loose` when it cannot be changed: then others may be able to read it.
 */
export async function tighten(path: string): Promise<'absent' | 'private' | 'tightened' | 'loose'> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return 'absent'
  if ((found.mode & othersBits) === 0) return 'private'
  return await chmod(path, found.isDirectory() ? privateDirMode : privateFileMode).then(
    () => 'tightened' as const,
    () => 'loose' as const
  )
}

async function writeTemporary(path: string, content: string | Uint8Array): Promise<string> {
  const temporary = `${path}.tmp-${randomBytes(8).toString('hex')}`
  await createDirectly(temporary, content)
  return temporary
}

async function createDirectly(path: string, content: string | Uint8Array): Promise<boolean> {
  const file = await open(path, 'wx', privateFileMode).catch((error: unknown) => {
    if (systemCode(error) === 'EEXIST') return undefined
    throw error
  })
  if (file === undefined) return false
  try {
    await file.writeFile(content)
    await file.sync()
  } finally {
    await file.close()
  }
  return true
}

async function syncDir(path: string): Promise<void> {
  const dir = await open(path, 'r')
  await dir.sync().finally(() => dir.close())
}
