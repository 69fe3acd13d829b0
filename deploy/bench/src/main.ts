/**
 * `npm run bench`: measures the performance goals P1 to P5 and P9 and the timing of refusals, and prints one table.
 * Exit code 0 whether or not they are reached: figures depend on the machine, and nobody should tune a test to one.
 * See README.md.
 */
import { availableParallelism } from 'node:os'
import { createDataSet } from './data/data-set.js'
import { measureAuthentication } from './goal/authentication-goal.js'
import { measureBindings } from './goal/bindings-goal.js'
import type { GoalContext } from './goal/goal-context.js'
import { measureHop } from './goal/hop-goal.js'
import { measureRemote } from './goal/remote-goal.js'
import { measureResolve } from './goal/resolve-goal.js'
import { measureTiming } from './goal/timing-goal.js'
import { type BenchOptions, type GoalId, parseOptions } from './options.js'
import { formatJson, formatTable } from './report.js'
import { openStand } from './stand/stand.js'
import { UndoList } from './undo.js'
import type { Verdict } from './verdict.js'

/** P5 goes first: it counts the first use of keys. */
const measurements: { goals: GoalId[]; measure: (context: GoalContext) => Promise<Verdict[]> }[] = [
  { goals: ['P5'], measure: measureAuthentication },
  { goals: ['P1', 'P2'], measure: measureResolve },
  { goals: ['P3'], measure: measureBindings },
  { goals: ['P4'], measure: measureHop },
  { goals: ['P9'], measure: measureRemote },
  { goals: ['T13'], measure: measureTiming }
]

async function main(options: BenchOptions, undo: UndoList): Promise<void> {
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  say('starting PostgreSQL and both services')
  const stand = await openStand(undo, options)
  say(`creating ${options.agents} agents of 5 bindings each`)
  const startedMs = performance.now()
  const data = await createDataSet(stand, options)
  say(`  took ${((performance.now() - startedMs) / 1000).toFixed(1)} s`)
  const verdicts: Verdict[] = []
  for (const { goals, measure } of measurements) {
    if (!goals.some((goal) => options.goals.has(goal))) continue
    verdicts.push(...(await measure({ stand, data, options, say })))
  }
  verdicts.sort((a, b) => a.goal.localeCompare(b.goal))
  const circumstances = {
    node: process.versions.node,
    postgres: stand.database.serverVersion,
    processors: availableParallelism(),
    ...{ connections: options.connections, legSeconds: options.legSeconds, rounds: options.rounds }
  }
  const text = options.json ? formatJson(verdicts, circumstances) : formatTable(verdicts, circumstances)
  process.stdout.write(`${text}\n`)
}

const undo = new UndoList()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void undo.run().finally(() => process.exit(1)))
try {
  await main(parseOptions(process.argv.slice(2)), undo)
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
} finally {
  await undo.run()
}
