/** Takes apart what a command in a container wrote, and what the implementation of compose wrote of itself beside it. */

/** The first line of one that shows each command it gives to its engine: `['engine', '--version', …]`. */
const firstOwnLine = /\['[\w./-]+', '--version'/g
/** As much as a program keeps back of its own lines when it does not write to a terminal. */
const keptBackBytesMax = 8_192
const endLine = /^exit code: (\d+)$/gm

/**
 * Such an implementation writes its own lines after the output, the status of the command in the last of them, and ends
 * with 0 itself. From any other, all of it is the output.
 *
 * @param {Buffer} written to stdout
 * @param {number | null} status of the implementation
 */
export function commandOutput(written, status) {
  const text = written.toString('latin1')
  const own = [...text.matchAll(firstOwnLine)].at(-1)
  if (own === undefined) return { output: written, status: status ?? 1 }
  const end = [...text.slice(own.index).matchAll(endLine)].at(-1)
  const told = end === undefined ? 0 : Number(end[1])
  // What had to be written earlier, because it was more than that, cannot be told from the output.
  const isMixed = own.index === 0 && written.length > keptBackBytesMax
  const output = isMixed ? written : written.subarray(0, own.index)
  return { output, status: status === 0 ? told : (status ?? 1) }
}
