import { randomBytes } from 'node:crypto'
import { readFile, rename, rm } from 'node:fs/promises'
import { createPrivateFile } from '@paperclip/instance'
import { findProcess } from '@paperclip/postgres'

/** Proof that this process alone holds a lock file. */
export interface ProcessLock {
  release(): Promise<void>
}

const attemptsMax = 10

/**
 * Takes a lock file for this process, or says which living process holds it; null when it cannot be taken at all.
 *
 * The file names a process and when it started, so a lock left by one that was killed, or whose pid now belongs to
 * another program, is seen as stale.
 */
export async function takeProcessLock(path: string): Promise<ProcessLock | { heldBy: number } | null> {
  const me = await identityOf(process.pid)
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    if (await createPrivateFile(path, me)) return { release: async () => await release(path, me) }
    const holder = await readFile(path, 'utf8').catch(() => '')
    if (holder !== '' && (await isAlive(holder))) return { heldBy: Number.parseInt(holder, 10) }
    await removeStale(path, holder)
  }
  return null
}

/** The living process that holds a lock file; null when none does, or it cannot be read. */
export async function findLockHolder(path: string): Promise<number | null> {
  const holder = await readFile(path, 'utf8').catch(() => '')
  return holder !== '' && (await isAlive(holder)) ? Number.parseInt(holder, 10) : null
}

async function identityOf(pid: number): Promise<string> {
  return `${pid} ${(await findProcess(pid))?.startedAt ?? ''}\n`
}

async function isAlive(holder: string): Promise<boolean> {
  const pid = Number.parseInt(holder, 10)
  return (await findProcess(pid)) !== undefined && (await identityOf(pid)) === holder
}

/**
 * Removes a lock whose holder is dead, and only that one: between reading and removing, another process
 * may have put its own there. So it is moved away first, looked at, and put back if it is not the stale one.
 */
async function removeStale(path: string, holder: string): Promise<void> {
  const aside = `${path}.stale-${randomBytes(8).toString('hex')}`
  const moved = await rename(path, aside).then(
    () => true,
    () => false
  )
  if (!moved) return
  const found = await readFile(aside, 'utf8').catch(() => '')
  if (found !== holder) await createPrivateFile(path, found)
  await rm(aside, { force: true })
}

async function release(path: string, me: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => '')) === me) await rm(path, { force: true })
}
