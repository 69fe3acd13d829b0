/** Says whether what a block did is what its guide says. Each function throws `GuideError` where it is not. */
import { findMissingLine } from './expected-output.mjs'
import { GuideError } from './guide-error.mjs'

/** How a program says that Ctrl-C ended it: of its own accord, or by the signal. */
const endedByInterrupt = [0, 130]

/** How bash says that a command cannot be run, or is none. */
const notStarted = [126, 127]

/** What went wrong at a line, with what the block printed. */
export function failure(running, { line }, message) {
  return new GuideError(message, { line, output: running.output() })
}

/** A block that has ended by itself. */
export function judgeEnd(running, { fails, line }) {
  const { status, reason, isWhole } = running.end
  if (fails === null && status !== 0) throw failure(running, running.end, `the command ended with ${reason}`)
  if (fails === true && status === 0) throw failure(running, { line }, 'this should fail, and did not')
  if (fails !== null && notStarted.includes(status))
    throw failure(running, running.end, `this should fail, and was not even started: ${reason}`)
  if (!isWhole) throw failure(running, running.end, 'this ended before its last command')
  if (typeof fails === 'number' && status !== fails)
    throw failure(running, { line }, `this should end with status ${fails}, and did with ${reason}`)
}

/** What stays in the foreground until somebody presses Ctrl-C. */
export function requireStaying(running) {
  if (running.end !== null)
    throw failure(running, running.end, `what should stay in the foreground ended with ${running.end.reason}`)
}

/** A block that was interrupted; `isGone`: all that it had started ended too. */
export function judgeInterrupt(running, { isGone }) {
  if (!isGone) throw failure(running, running, 'Ctrl-C did not end this in time')
  if (!endedByInterrupt.includes(running.end?.status))
    throw failure(running, running, `after Ctrl-C this ended with ${running.end?.reason}`)
}

/** The lines that the guide shows below a block. */
export function judgeOutput(running, expected) {
  const missing = findMissingLine(expected.text, running.output())
  if (missing !== null)
    throw failure(
      running,
      { line: expected.line + 1 + missing.offset },
      `this was not printed: ${missing.line}`
    )
}
