/** How many attempts one call gets in all. */
export const attemptsMax = 3

const firstDelayMs = 100

/** One retry for each five calls in the long run, so that our retries never are what keeps a service down. */
const retriesPerCall = 0.2
const retriesInHandMax = 20

/** Retries that are left to all calls together. */
export interface RetryBudget {
  /** To be said once for each call. */
  noteCall(): void
  /** Takes one retry; false when there is none left. */
  take(): boolean
}

/** Starts full. */
export function createRetryBudget(): RetryBudget {
  let left = retriesInHandMax
  return {
    noteCall() {
      left = Math.min(retriesInHandMax, left + retriesPerCall)
    },
    take() {
      if (left < 1) return false
      left -= 1
      return true
    }
  }
}

/**
 * How long to wait before the first, second … retry: doubled each time, and between half and all of that by chance,
 * so that callers which failed together do not come back together, and each wait is longer than the one before it.
 */
export function delayBeforeRetryMs(retry: number, random: () => number): number {
  const whole = firstDelayMs * 2 ** retry
  return whole / 2 + (whole / 2) * random()
}
