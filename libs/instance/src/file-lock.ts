import { rm } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { InstanceError } from './instance-error.js'
import { createPrivateFile } from './private-file.js'

const pollMs = 20
/** What is done under a lock takes milliseconds; a whole queue of it, less than this. */
const waitMsMax = 10_000

/**
 * Does `work` while no other process does any under the same lock file.
 *
 * A lock that a killed process left behind is never taken over: of two that see it, one could remove the other's.
 * Throws {@link InstanceError} that says so when it is still there after 10 s.
 */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const until = performance.now() + waitMsMax
  while (!(await createPrivateFile(path, `${process.pid}\n`))) {
    if (performance.now() > until)
      throw new InstanceError(
        `${path} is held by another command: try again, or remove it if none is at work.`
      )
    await delay(pollMs)
  }
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}
