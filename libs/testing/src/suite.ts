import { readdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { repositoryRoot } from './repository-root.js'
import { type ProgramOptions, runTestProgram } from './test-program.js'

/** How the suites of all workspaces went; a workspace in which nothing passed has at least one failure. */
export interface SuiteResult {
  readonly passed: number
  readonly failed: number
}

/** A workspace relative to the root, and its compiled files relative to it; null: all of them. */
export type Suite = readonly [workspace: string, files: readonly string[] | null]

/** How each file is run, and where lines go. */
export interface SuiteOptions extends Omit<ProgramOptions, 'cwd'> {
  readonly write: (line: string) => void
  /** Asked before each file: true ends the run early. */
  readonly stopped?: () => boolean
}

// One more than the machines this must be fast on have cores: a file waits for about a third of its time, for
// processes that start and for what happens by the clock.
const jobs = 3
const slowestShown = 5

interface Tally {
  left: number
  passed: number
  failed: number
  seconds: number
}

/**
 * Runs every compiled test file of these workspaces, some at a time; what a file has to say is written when it ends.
 *
 * One queue for all of them, so that no worker waits for the last file of each workspace. The last workspaces come
 * first: the services' files take longest, and whoever finishes early should wait for a short one.
 */
export async function runSuites(suites: readonly Suite[], options: SuiteOptions): Promise<SuiteResult> {
  const { write, stopped = () => false } = options
  const tallies = new Map<string, Tally>()
  const queue: { workspace: string; file: string }[] = []
  for (const [workspace, named] of [...suites].reverse()) {
    const files = named ?? (await testFiles(join(repositoryRoot, workspace)))
    tallies.set(workspace, { left: files.length, passed: 0, failed: 0, seconds: 0 })
    queue.push(...files.map((file) => ({ workspace, file })))
  }
  const durations: { name: string; seconds: number }[] = []
  const worker = async () => {
    for (let next = queue.shift(); next !== undefined && !stopped(); next = queue.shift()) {
      const { workspace, file } = next
      const tally = tallies.get(workspace) as Tally
      const started = performance.now()
      const result = await runTestProgram(file, { ...options, cwd: join(repositoryRoot, workspace) })
      const seconds = (performance.now() - started) / 1_000
      for (const line of result.lines) write(line)
      durations.push({ name: `${workspace}/${file}`, seconds })
      tally.left -= 1
      tally.passed += result.passed
      tally.failed += result.failed
      tally.seconds += seconds
      if (tally.left === 0) writeTally(workspace, tally, write)
    }
  }
  await Promise.all(Array.from({ length: jobs }, worker))
  for (const [workspace, tally] of tallies) {
    if (tally.passed > 0 || tally.failed > 0 || stopped()) continue
    write(`not ok  ${workspace} > nothing passed`)
    tally.failed = 1
  }
  durations.sort((a, b) => b.seconds - a.seconds)
  for (const { name, seconds } of durations.slice(0, slowestShown))
    write(`slow    ${name}: ${tenths(seconds)} s`)
  return sum([...tallies.values()])
}

function writeTally(
  workspace: string,
  { passed, failed, seconds }: Tally,
  write: (line: string) => void
): void {
  const word = failed > 0 || passed === 0 ? 'FAILED ' : 'ok     '
  write(`${word} ${workspace}: ${passed} passed, ${failed} failed, ${tenths(seconds)} s of work`)
}

function sum(tallies: readonly Tally[]): SuiteResult {
  const total = { passed: 0, failed: 0 }
  for (const { passed, failed } of tallies) {
    total.passed += passed
    total.failed += failed
  }
  return total
}

function tenths(seconds: number): string {
  return seconds.toFixed(1)
}

async function testFiles(cwd: string): Promise<string[]> {
  const files = await readdir(join(cwd, 'dist/test'), { recursive: true })
  return files
    .filter((file) => file.endsWith('.test.js') && !file.split(sep).includes('fixtures'))
    .sort()
    .map((file) => join('dist/test', file))
}
