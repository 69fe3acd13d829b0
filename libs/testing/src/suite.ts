import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { repositoryRoot } from './repository-root.js'
import { tapReader } from './tap-reader.js'

/** How the suite of one workspace went. A run that crashed counts as at least one failure. */
export interface SuiteResult {
  readonly passed: number
  readonly failed: number
  readonly seconds: number
}

const jobs = 2
const fileSecondsMax = 120
const suiteMsMax = 420_000
const stderrLinesMax = 60

/**
 * Runs every compiled test file of a workspace through tap. Failures go to `write` as they happen, the
 * last lines of stderr when there were any; with `full`, all TAP text instead.
 */
export async function runSuite(
  workspace: string,
  { env, full, write, onStart }: SuiteOptions
): Promise<SuiteResult> {
  const started = performance.now()
  const runner = `${repositoryRoot}node_modules/tap/dist/esm/run.mjs`
  const args = ['--disable-coverage', '--reporter=tap', `-j${jobs}`, `--timeout=${fileSecondsMax}`]
  const child = spawn(process.execPath, [runner, ...args], {
    cwd: `${repositoryRoot}${workspace}`,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: suiteMsMax
  })
  onStart(child)
  const reader = tapReader()
  const errors: string[] = []
  child.stderr.setEncoding('utf8')
  createInterface({ input: child.stderr }).on('line', (line) => {
    errors.push(line)
    if (errors.length > stderrLinesMax) errors.shift()
  })
  createInterface({ input: child.stdout }).on('line', (line) => {
    const notable = reader.line(line)
    for (const text of full ? [line] : notable) write(text)
  })
  const status = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(String(signal ?? code)))
  })
  const { passed, failed } = reader.totals() ?? { passed: 0, failed: 0 }
  const crashed = passed === 0 || (status !== '0' && failed === 0)
  if (crashed) write(`not ok  ${workspace} > ended with ${status}, ${passed} passed`)
  if (failed > 0 || crashed) for (const line of errors) write(`    stderr: ${line}`)
  return { passed, failed: crashed ? failed + 1 : failed, seconds: (performance.now() - started) / 1_000 }
}

interface SuiteOptions {
  readonly env: NodeJS.ProcessEnv
  readonly full: boolean
  readonly write: (line: string) => void
  /** Receives the process, so that an interrupted run can stop it. */
  readonly onStart: (child: ChildProcess) => void
}
