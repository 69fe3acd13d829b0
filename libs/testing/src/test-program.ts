import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { tapReader } from './tap-reader.js'

/** How one test file went, and the lines worth showing. A file that crashed has at least one failure. */
export interface ProgramResult {
  readonly passed: number
  readonly failed: number
  readonly lines: readonly string[]
}

export interface ProgramOptions {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  /** Show all TAP text instead of failures alone. */
  readonly full: boolean
  /** Receives the process, so that an interrupted run can stop it. */
  readonly onStart: (child: ChildProcess) => void
}

// Against a file that hangs, so far above what a guide takes on a busy machine.
const fileMsMax = 300_000
// A file that is stopped may still run its teardowns: databases, processes, servers.
const stopMsMax = 8_000
const stderrLinesMax = 60

/**
 * Runs one compiled test file as what it is: a program that writes TAP.
 *
 * Not through tap's own runner, which puts a loader and a dozen variables of its own into every process
 * that a test starts: services under test would not run as they are shipped, nor in an environment built
 * from nothing, and each file takes a second longer.
 */
export async function runTestProgram(
  file: string,
  { cwd, env, full, onStart }: ProgramOptions
): Promise<ProgramResult> {
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    cwd,
    env: { ...env, TAP_TIMEOUT: String(fileMsMax / 1_000) },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  onStart(child)
  const reader = tapReader(file)
  const lines: string[] = []
  const errors: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    const notable = reader.line(line)
    lines.push(...(full ? [line] : notable))
  })
  createInterface({ input: child.stderr }).on('line', (line) => {
    errors.push(line)
    if (errors.length > stderrLinesMax) errors.shift()
  })
  const end = await ended(child)
  const totals = reader.totals()
  const { passed, failed } = totals ?? { passed: 0, failed: 0 }
  const crashed = totals === undefined || (end !== '0' && failed === 0)
  if (crashed) lines.push(`not ok  ${file} > ended with ${end}${totals ? '' : ', before its plan'}`)
  if (crashed || failed > 0) lines.push(...errors.map((line) => `    stderr: ${line}`))
  return { passed, failed: crashed ? failed + 1 : failed, lines }
}

function ended(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let late = ''
    const kill = setTimeout(() => child.kill('SIGKILL'), fileMsMax + stopMsMax)
    const stop = setTimeout(() => {
      late = `more than ${fileMsMax / 1_000} s and `
      child.kill('SIGTERM')
    }, fileMsMax)
    const settle = (status: string) => {
      clearTimeout(stop)
      clearTimeout(kill)
      resolve(late + status)
    }
    child.once('error', (error) => settle(error.message))
    child.once('close', (code, signal) => settle(String(signal ?? code)))
  })
}
