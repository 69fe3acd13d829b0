/**
 * `paperclipai`: everything an operator types.
 *
 * Trusts the person at the keyboard and the files of the instance. Promises: data on stdout and all else on
 * stderr; no value or token in an argument, an error or a log; exit 0 done, 1 failed, 2 misused.
 */
import { exitCodes } from './cli-error.js'
import type { CliIo } from './cli-io.js'
import { buildProgram } from './program.js'
import { reportFailure } from './report-failure.js'

const { env, stdin, stdout, stderr } = process
const io: CliIo = { env, stdin, stdout, stderr }

// Whoever reads a list may stop reading it (`| head`).
stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? exitCodes.ok : exitCodes.failed)
})

try {
  // The exit code is set, not forced: what was written still has to reach a pipe.
  await buildProgram(io).parseAsync(process.argv)
} catch (error) {
  process.exitCode = reportFailure(io, error)
}
