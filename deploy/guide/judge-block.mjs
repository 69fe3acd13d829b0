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

/** What stays, and was waited for: `isReady` when it has printed what its guide says. */
export function judgeReady(running, { stays }, { isReady, blockMsMax }) {
  if (!isReady)
    throw failure(running, running, `this did not print ${stays} ${within(blockMsMax)}, and still runs`)
  if (!running.isAtLast())
    throw failure(running, running, `${stays} was printed before the last command began`)
}

/** A block that should end by itself, and was waited for. */
export function requireEnded(running, { blockMsMax }) {
  if (running.end === null) throw failure(running, running, `this did not end ${within(blockMsMax)}`)
}

/** A block that was interrupted; `isGone`: all that it had started ended too. */
export function judgeInterrupt(running, { isGone }) {
  if (!isGone) throw failure(running, running, 'Ctrl-C did not end this in time')
  if (!endedByInterrupt.includes(running.end?.status))
    throw failure(running, running, `after Ctrl-C this ended with ${running.end?.reason}`)
}

/** The lines that the guide shows below a block, which had ended or was waited for. */
export function judgeOutput(running, expected, { blockMsMax }) {
  const missing = findMissingLine(expected.text, running.output())
  if (missing === null) return
  const waited = running.end === null ? ` ${within(blockMsMax)}` : ''
  const line = expected.line + 1 + missing.offset
  throw failure(running, { line }, `this was not printed${waited}: ${missing.line}`)
}

function within(ms) {
  return `within ${ms / 1_000} s`
}
