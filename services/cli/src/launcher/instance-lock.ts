import { type InstancePaths, readRuntime } from '@paperclip/instance'
import { type ProcessLock, takeProcessLock } from '../process-lock.js'
import { LaunchError } from './launch-error.js'

/** Proof that this process alone may start things in an instance. */
export type InstanceLock = ProcessLock

/** Takes the instance for this process. Throws {@link LaunchError} while another one that lives has it. */
export async function lockInstance(paths: InstancePaths): Promise<InstanceLock> {
  const lock = await takeProcessLock(paths.lock)
  if (lock === null)
    throw new LaunchError(`${paths.lock} could not be taken: remove it if nothing is running.`)
  if ('heldBy' in lock) throw await alreadyRunning(paths, lock.heldBy)
  return lock
}

async function alreadyRunning(paths: InstancePaths, pid: number): Promise<LaunchError> {
  const runtime = await readRuntime(paths)
  const where = runtime?.launcherPid === pid ? ` at ${runtime.gateway.url}` : ''
  return new LaunchError(
    `This instance is already running (process ${pid})${where}: use that one, stop it, or set PAPERCLIP_INSTANCE_ID to start another beside it.`
  )
}
