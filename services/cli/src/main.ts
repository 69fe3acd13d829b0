/**
 * `paperclipai`: everything an operator types.
 *
 * Trusts the person at the keyboard and the files of the instance. Promises: data on stdout and all else on
 * stderr; no value or token in an argument, an error or a log; exit 0 done, 1 failed, 2 misused.
 */
import { exitCodes } from './cli-error.js'
import type { CliIo } from './cli-io.js'
import { runCommandLine } from './command-line.js'

const { env, stdin, stdout, stderr } = process
const io: CliIo = { env, stdin, stdout, stderr, exitCode: exitCodes.ok }

// Whoever reads a list may stop reading it (`| head`): no failure, unless the command has found one already, as `doctor`
// does. A disk that is full is one.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(io.exitCode)
  stderr.write(`paperclipai: the output cannot be written (${error.code}); it is not whole\n`)
  stderr.write('paperclipai: hint: make room or write elsewhere; what the command changed stays changed\n')
  process.exit(exitCodes.failed)
})
// Nobody is left who could be told.
stderr.on('error', () => {})

// The exit code is set, not forced: what was written still has to reach a pipe.
process.exitCode = await runCommandLine(io, process.argv.slice(2))
