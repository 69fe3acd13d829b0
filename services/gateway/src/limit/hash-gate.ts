import { rateLimited } from './rate-limited.js'

/** Lets few pieces of costly work run at once. */
export interface HashGate {
  /** Runs `work` when its turn comes, first come first served. Throws `rate_limited` when too many wait already. */
  run<T>(work: () => Promise<T>): Promise<T>
}

/**
 * Password hashing takes about a tenth of a second of a thread of libuv's pool, which has four and also serves
 * files and name look-ups: two hashes leave half of it to everybody else.
 */
const runningMaxDefault = 2
/** Behind sixteen others a sign-in waits about a second; who comes then is asked to come again. */
const waitingMaxDefault = 16
const retryMs = 1_000

/** Makes the gate that every password hash goes through, to make one and to check one alike (T24). */
export function createHashGate({
  runningMax = runningMaxDefault,
  waitingMax = waitingMaxDefault
}: {
  runningMax?: number
  waitingMax?: number
} = {}): HashGate {
  const waiting: (() => void)[] = []
  let running = 0

  /** Hands the place on to the next in line, so that nobody who comes just now gets in between. */
  function leave(): void {
    const next = waiting.shift()
    if (next === undefined) running -= 1
    else next()
  }

  async function enter(): Promise<void> {
    if (running < runningMax) {
      running += 1
      return
    }
    if (waiting.length >= waitingMax) throw rateLimited(retryMs)
    await new Promise<void>((resolve) => waiting.push(resolve))
  }

  return {
    async run(work) {
      await enter()
      try {
        return await work()
      } finally {
        leave()
      }
    }
  }
}
