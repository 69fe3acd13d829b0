/**
 * What is wrong with a guide, or with what its commands did, at a line of it (from 1). `exitCode` is 2 where nothing was
 * run, because the guide cannot be read or the runner was misused, 1 where the guide and the product disagree, and 128 and
 * the number of a signal that ended it.
 */
export class GuideError extends Error {
  name = 'GuideError'

  /**
   * @param {string} message
   * @param {{ line?: number, exitCode?: number, output?: string }} [options] `output` is shown, masked, below the message
   */
  constructor(message, { line, exitCode = 1, output } = {}) {
    super(message)
    this.line = line
    this.exitCode = exitCode
    this.output = output
  }
}
