import { AppError } from './app-error.js'

interface BatcherOptions<I, O> {
  /**
   * Runs one closed batch; gives one outcome an item, in order. A rejection fails the whole batch. An outcome that is
   * a promise is waited for by its item alone: the batch has ended, and its place is free.
   */
  run: (items: I[]) => Promise<readonly (O | Promise<O> | Error)[]>
  itemsMax: number
  inFlightMax: number
  /** Items that may wait; one more is refused as `overloaded`. */
  waitingMax: number
}

interface Waiter<I, O> {
  item: I
  resolve: (value: O | Promise<O>) => void
  reject: (error: unknown) => void
}

/** Takes items one by one and runs them together. */
export interface Batcher<I, O> {
  submit(item: I): Promise<O>
}

/**
 * Makes a micro-batcher: flushes when idle, and collects while a batch is under way.
 *
 * An item joins only a batch that has not been handed to `run`: nobody ever shares an answer that was asked
 * for before they came, so a revocation that was acknowledged is seen by every later request. There is no
 * timer, since one only adds its length to each request of a quiet service.
 */
export function createBatcher<I, O>({
  run,
  itemsMax,
  inFlightMax,
  waitingMax
}: BatcherOptions<I, O>): Batcher<I, O> {
  let waiting: Waiter<I, O>[] = []
  let inFlight = 0
  let scheduled = false

  function schedule(): void {
    if (scheduled || waiting.length === 0 || inFlight >= inFlightMax) return
    scheduled = true
    setImmediate(flush)
  }

  function flush(): void {
    scheduled = false
    const batch = waiting.length <= itemsMax ? waiting : waiting.slice(0, itemsMax)
    waiting = waiting.length <= itemsMax ? [] : waiting.slice(itemsMax)
    inFlight++
    void settle(batch)
    schedule()
  }

  async function settle(batch: Waiter<I, O>[]): Promise<void> {
    try {
      const outcomes = await run(batch.map((waiter) => waiter.item))
      batch.forEach((waiter, index) => {
        const outcome = outcomes[index]
        if (outcome instanceof Error) waiter.reject(outcome)
        else waiter.resolve(outcome as O | Promise<O>)
      })
    } catch (error) {
      for (const waiter of batch) waiter.reject(error)
    } finally {
      inFlight--
      schedule()
    }
  }

  return {
    submit: (item) =>
      new Promise((resolve, reject) => {
        if (waiting.length >= waitingMax) {
          const detail = 'Too many requests are waiting. Try again shortly.'
          reject(new AppError('overloaded', { detail, retryAfterSeconds: 1 }))
          return
        }
        waiting.push({ item, resolve, reject })
        schedule()
      })
  }
}
