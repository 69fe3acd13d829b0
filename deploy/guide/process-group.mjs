/** A process of ours and all that it started, unless those left its group. */
import { setTimeout as sleep } from 'node:timers/promises'

const pollMs = 50

export class ProcessGroup {
  #id

  /** @param {import('node:child_process').ChildProcess} leader started with `detached` */
  constructor(leader) {
    this.#id = leader.pid
  }

  /** Sends a signal to all of it; false when nobody is left. */
  signal(name) {
    if (this.#id === undefined) return false
    try {
      return process.kill(-this.#id, name)
    } catch {
      // Once empty, its number may become another's.
      this.#id = undefined
      return false
    }
  }

  isAlive() {
    return this.signal(0)
  }

  /**
   * Sends the signal, and SIGKILL to what is left after `graceMs`.
   *
   * @param {{ signal: NodeJS.Signals, graceMs: number }} options
   * @returns {Promise<boolean>} whether all of it ended by itself
   */
  async end({ signal, graceMs }) {
    this.signal(signal)
    const deadline = performance.now() + graceMs
    while (this.isAlive()) {
      if (performance.now() > deadline) {
        this.signal('SIGKILL')
        return false
      }
      await sleep(pollMs)
    }
    return true
  }
}
