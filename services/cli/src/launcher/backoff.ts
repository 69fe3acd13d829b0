const firstDelayMs = 250
const delayMsMax = 10_000
/** A run at least this long counts as healthy: the next failure starts from the shortest delay again. */
const healthyAfterMs = 30_000

/** Decides how long to wait before a restart: doubling from 250 ms to 10 s while runs are short. */
export class Backoff {
  #delayMs = firstDelayMs

  /** The delay after a run of this length. */
  next({ ranMs }: { ranMs: number }): number {
    if (ranMs >= healthyAfterMs) this.#delayMs = firstDelayMs
    const delayMs = this.#delayMs
    this.#delayMs = Math.min(delayMs * 2, delayMsMax)
    return delayMs
  }
}
