/** The reader of a guide, at several terminals, who types what blocks say and sees what comes of it. */
import { appendFileSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findMissingLine, mask } from './expected-output.mjs'
import { GuideError } from './guide-error.mjs'
import {
  failure,
  judgeEnd,
  judgeInterrupt,
  judgeOutput,
  judgeReady,
  requireEnded,
  requireStaying
} from './judge-block.mjs'
import { openTerminal } from './terminal.mjs'

/** What Ctrl-C, or the end of a try, may take until all of it has ended, where a block may take as long. */
const endMsMax = 20_000
const pollMs = 50

export class Reader {
  #options
  /** @type {Map<string, { terminal: ReturnType<typeof openTerminal>, staying: object | null }>} */
  #seats = new Map()
  #started = []

  /**
   * @param {object} options
   * @param {string} options.guide its path, for messages
   * @param {import('./instance-place.mjs').Place} options.place
   * @param {number} options.blockMsMax what one block may take
   * @param {string} options.scratch a folder for files of ours
   * @param {(text: string) => void} options.show what is called with each block's output
   */
  constructor(options) {
    this.#options = options
  }

  /**
   * Does one block of commands, with the person's part if it has one, and compares its output with the block of text that
   * follows it. In a terminal where something stays in the foreground, Ctrl-C comes first.
   *
   * @param {import('./parse-guide.mjs').Block} block
   * @param {import('./parse-guide.mjs').Block | null} [expected]
   * @returns what was started, with its `output()`
   */
  async run(block, expected = null) {
    const { place, show, blockMsMax } = this.#options
    const seat = this.#seatAt(block.terminal)
    await this.#interrupt(seat)
    const running = seat.terminal.start({ text: place.adapt(block.text), line: block.line })
    this.#started.push(running)
    if (block.person !== null) await this.#meetPerson(running, block)
    if (block.stays !== null) {
      const isReady = await this.#watch(running, () => block.stays.test(running.output()))
      requireStaying(running)
      judgeReady(running, block, { isReady, blockMsMax })
      seat.staying = running
    } else {
      await this.#watch(running, () => false)
      requireEnded(running, { blockMsMax })
      judgeEnd(running, block)
    }
    if (expected !== null) {
      await this.#watch(running, () => findMissingLine(expected.text, running.output()) === null)
      judgeOutput(running, expected, { blockMsMax })
    }
    place.notice()
    show(mask(running.output()))
    return running
  }

  /** Writes the file that a block shows, in the place and nowhere else. */
  write({ line, file, text }) {
    const { place } = this.#options
    const { folder, root, env } = place
    const path = resolve(folder, file.path.replace(/^~(?=\/)/, env.HOME))
    mkdirSync(dirname(path), { recursive: true })
    const parent = realpathSync(dirname(path))
    if (!`${parent}${sep}`.startsWith(`${realpathSync(root)}${sep}`))
      throw new GuideError(`${file.path} lies outside of the place where this guide is tried`, { line })
    const put = file.append ? appendFileSync : writeFileSync
    put(join(parent, basename(path)), place.adapt(text))
  }

  /** Presses Ctrl-C where something stays; whatever does not end by it is a fault. */
  async close() {
    for (const seat of this.#seats.values()) await this.#interrupt(seat)
  }

  /** Ends all that is left. Not with SIGINT: background jobs of bash do not hear it. */
  async kill() {
    const left = this.#started.map(({ group }) => group).filter((group) => group.isAlive())
    await Promise.all(left.map((group) => group.end({ signal: 'SIGTERM', graceMs: endMsMax })))
  }

  #seatAt(name) {
    const { guide, place, scratch } = this.#options
    const { folder, env } = place
    const seat = this.#seats.get(name) ?? {
      terminal: openTerminal({ name, guide, folder, env, scratch }),
      staying: null
    }
    this.#seats.set(name, seat)
    return seat
  }

  /** Waits until `look` gives something, or the block or its time has ended, and gives what `look` gave last. */
  async #watch(running, look) {
    const deadline = performance.now() + this.#options.blockMsMax
    for (;;) {
      const isOver = running.end !== null || performance.now() > deadline
      const found = look()
      if (found || isOver) return found
      for (const { staying } of this.#seats.values()) if (staying !== null) requireStaying(staying)
      await sleep(pollMs)
    }
  }

  async #meetPerson(running, { person: deed, line }) {
    const { person } = this.#options.place
    const pattern = person.addresses[deed]
    const address = await this.#watch(running, () => [...running.output().matchAll(pattern)].at(-1)?.[0])
    if (address === undefined)
      throw failure(running, running.end ?? running, `this printed no address to ${deed} at`)
    try {
      await person[deed](address)
    } catch ({ message }) {
      throw failure(running, { line }, `the person could not ${deed}: ${message}`)
    }
  }

  async #interrupt(seat) {
    const { staying } = seat
    if (staying === null) return
    seat.staying = null
    requireStaying(staying)
    const graceMs = Math.min(endMsMax, this.#options.blockMsMax)
    const isGone = await staying.group.end({ signal: 'SIGINT', graceMs })
    await staying.exited
    judgeInterrupt(staying, { isGone })
  }
}
