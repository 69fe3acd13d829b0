import type { CliIo } from './cli-io.js'
import { reportFailure } from './output/report-failure.js'
import { buildProgram } from './program.js'

/** Runs one command line, without the program's name, and returns the exit code. Never rejects. */
export async function runCommandLine(io: CliIo, words: readonly string[]): Promise<number> {
  try {
    await buildProgram(io).parseAsync([...words], { from: 'user' })
    return io.exitCode
  } catch (error) {
    return reportFailure(io, error)
  }
}
