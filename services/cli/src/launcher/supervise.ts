import { setTimeout as delay } from 'node:timers/promises'
import { Backoff } from './backoff.js'

/** Something that runs until it dies or is stopped. */
export interface Running {
  /** Settles when it has ended, with words for the operator, such as "killed by SIGKILL". */
  readonly ended: Promise<string>
}

/** What to keep running. */
export interface Supervise<T extends Running> {
  readonly first: T
  /** Starts it again; a rejection counts as a run that ended at once. */
  readonly restart: () => Promise<T>
  readonly onEnd: (how: string, options: { delayMs: number }) => void
  readonly onRestart: (running: T) => void
}

/** Keeps something running until `stop`, which says what runs at that moment. */
export interface Supervised<T extends Running> {
  /** Ends the supervision, not what it supervises. */
  stop(): Promise<T | undefined>
}

/** Starts something again, with growing delays, each time it ends by itself. */
export function supervise<T extends Running>(options: Supervise<T>): Supervised<T> {
  const aborted = new AbortController()
  const backoff = new Backoff()
  let current: T | undefined = options.first

  async function keepRunning(): Promise<void> {
    while (!aborted.signal.aborted) {
      const startedAt = performance.now()
      const how =
        current === undefined ? 'could not be started' : await Promise.race([current.ended, whenAborted])
      if (aborted.signal.aborted) return
      const delayMs = backoff.next({ ranMs: performance.now() - startedAt })
      options.onEnd(how, { delayMs })
      current = undefined
      await delay(delayMs, undefined, { signal: aborted.signal }).catch(() => undefined)
      if (aborted.signal.aborted) return
      current = await options.restart().catch(() => undefined)
      if (current !== undefined) options.onRestart(current)
    }
  }

  const whenAborted = new Promise<string>((resolve) => {
    aborted.signal.addEventListener('abort', () => resolve('stopped'), { once: true })
  })
  const finished = keepRunning()
  return {
    stop: async () => {
      aborted.abort()
      await finished
      return current
    }
  }
}
