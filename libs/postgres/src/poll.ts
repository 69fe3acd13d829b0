import { setTimeout as delay } from 'node:timers/promises'

const pollEveryMs = 20

/** Asks `condition` every 20 ms until it holds; false when it did not within `msMax`. */
export async function pollUntil(
  condition: () => boolean | Promise<boolean>,
  { msMax }: { msMax: number }
): Promise<boolean> {
  const deadline = performance.now() + msMax
  for (;;) {
    if (await condition()) return true
    if (performance.now() >= deadline) return false
    await delay(pollEveryMs)
  }
}
