/**
 * `paperclipai`: everything an operator types.
 *
 * Trusts the person at the keyboard and the files of the instance. Promises: data on stdout and all else on
 * stderr; no value or token in an argument, an error or a log; exit 0 done, 1 failed, 2 misused.
 */
import { exitCodes } from './cli-error.js'
import { runCommandLine } from './command-line.js'

const { env, stdin, stdout, stderr } = process

// Whoever reads a list may stop reading it (`| head`); a disk that is full is a failure.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(exitCodes.ok)
  stderr.write(`paperclipai: the output cannot be written (${error.code}); it is not whole\n`)
  stderr.write('paperclipai: hint: make room or write elsewhere; what the command changed stays changed\n')
  process.exit(exitCodes.failed)
})
// Nobody is left who could be told.
stderr.on('error', () => {})

// The exit code is set, not forced: what was written still has to reach a pipe.
process.exitCode = await runCommandLine(
  { env, stdin, stdout, stderr, exitCode: exitCodes.ok },
  process.argv.slice(2)
)
