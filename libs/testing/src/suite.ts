import { readdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { repositoryRoot } from './repository-root.js'
import { type ProgramOptions, runTestProgram } from './test-program.js'

/** How the suite of one workspace went; one in which nothing passed has at least one failure. */
export interface SuiteResult {
  readonly passed: number
  readonly failed: number
  readonly seconds: number
}

export interface SuiteOptions extends Omit<ProgramOptions, 'cwd'> {
  readonly write: (line: string) => void
  /** Compiled files, relative to the workspace; null: all of them. */
  readonly files: readonly string[] | null
  /** Asked before each file: true ends the suite early. */
  readonly stopped?: () => boolean
}

// As many as the machines this must be fast on have cores.
const jobs = 2

/** Runs every compiled test file of a workspace, some at a time; what a file has to say is written when it ends. */
export async function runSuite(workspace: string, options: SuiteOptions): Promise<SuiteResult> {
  const { write, stopped = () => false } = options
  const started = performance.now()
  const cwd = join(repositoryRoot, workspace)
  const queue = options.files === null ? await testFiles(cwd) : [...options.files]
  const sum = { passed: 0, failed: 0 }
  const worker = async () => {
    for (let file = queue.shift(); file !== undefined && !stopped(); file = queue.shift()) {
      const { passed, failed, lines } = await runTestProgram(file, { ...options, cwd })
      sum.passed += passed
      sum.failed += failed
      for (const line of lines) write(line)
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
  if (sum.passed === 0 && sum.failed === 0) {
    write(`not ok  ${workspace} > nothing passed`)
    sum.failed = 1
  }
  return { ...sum, seconds: (performance.now() - started) / 1_000 }
}

async function testFiles(cwd: string): Promise<string[]> {
  const files = await readdir(join(cwd, 'dist/test'), { recursive: true })
  return files
    .filter((file) => file.endsWith('.test.js') && !file.split(sep).includes('fixtures'))
    .sort()
    .map((file) => join('dist/test', file))
}
