/** Takes apart what a command in a container writes, and what the implementation of compose writes of itself beside it. */

/** The first line of one that shows each command it gives to its engine: `['engine', '--version', …]`. */
const firstOwnLine = /\['[\w./-]+', '--version'/
/** What may become that line when more has come. */
const beginning = /\[(?:'[\w./-]*(?:'(?:, ?(?:'[\w-]*)?)?)?)?$/
const endLine = /^exit code: (\d+)$/gm
/** As much as a program keeps back of its own lines when it does not write to a terminal. */
const keptBackBytesMax = 8_192

/**
 * Passes the output of the command on as it comes. An implementation that writes lines of its own keeps them back until
 * the end, has the status of the command in the last of them, and ends with 0 itself; of any other, all is output.
 *
 * @param {(bytes: Buffer) => void} write
 */
export function passOutput(write) {
  let held = ''
  let passed = 0
  let isOwn = false

  function pass(text) {
    passed += text.length
    if (text !== '') write(Buffer.from(text, 'latin1'))
  }

  return {
    /** @param {Buffer} bytes of stdout */
    take(bytes) {
      held += bytes.toString('latin1')
      if (isOwn) return
      const own = firstOwnLine.exec(held)
      isOwn = own !== null
      const at = own?.index ?? beginning.exec(held)?.index ?? held.length
      pass(held.slice(0, at))
      held = held.slice(at)
    },
    /** Gives the status of the command; `status` is that of the implementation. */
    end(status) {
      // What had to be written earlier, because it was more than that, cannot be told from the output.
      if (!isOwn || (passed === 0 && held.length > keptBackBytesMax)) pass(held)
      const told = isOwn ? [...held.matchAll(endLine)].at(-1)?.[1] : undefined
      return status === 0 ? Number(told ?? 0) : status
    }
  }
}
