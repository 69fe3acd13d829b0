import { setTimeout as sleep } from 'node:timers/promises'

const pollMs = 20

/**
 * Calls `probe` until it resolves without throwing, and returns what it gave; after `deadlineMs`, rejects
 * with its last error. For effects that come by themselves: never to hope that nothing happens.
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { deadlineMs = 10_000 }: { deadlineMs?: number } = {}
): Promise<T> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    try {
      return await probe()
    } catch (error) {
      if (performance.now() + pollMs > deadline) throw error
      await sleep(pollMs)
    }
  }
}
