import { randomBytes } from 'node:crypto'
import { readFile, rename, rm } from 'node:fs/promises'
import { createPrivateFile, type InstancePaths, readRuntime } from '@paperclip/instance'
import { findProcess } from '@paperclip/postgres'
import { LaunchError } from './launch-error.js'

/** Proof that this process alone may start things in an instance. */
export interface InstanceLock {
  release(): Promise<void>
}

const attemptsMax = 10

/**
 * Takes the instance for this process.
 *
 * The file names a process and when it started, so a lock left by a killed launcher, or by one whose pid
 * now belongs to another program, is seen as stale. Throws {@link LaunchError} while its holder lives.
 */
export async function lockInstance(paths: InstancePaths): Promise<InstanceLock> {
  const me = await identityOf(process.pid)
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    if (await createPrivateFile(paths.lock, me)) return { release: async () => await release(paths.lock, me) }
    const holder = await readFile(paths.lock, 'utf8').catch(() => '')
    if (holder !== '' && (await isAlive(holder))) throw await alreadyRunning(paths, holder)
    await removeStale(paths.lock, holder)
  }
  throw new LaunchError(`${paths.lock} could not be taken: remove it if nothing is running.`)
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

async function alreadyRunning(paths: InstancePaths, holder: string): Promise<LaunchError> {
  const pid = Number.parseInt(holder, 10)
  const runtime = await readRuntime(paths)
  const where = runtime?.launcherPid === pid ? ` at ${runtime.gateway.url}` : ''
  return new LaunchError(
    `This instance is already running (process ${pid})${where}: use that one, stop it, or set PAPERCLIP_INSTANCE_ID to start another beside it.`
  )
}
