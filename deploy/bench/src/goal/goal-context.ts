import type { DataSet } from '../data/data-set.js'
import { drive, type Leg, type Load } from '../load/drive.js'
import type { BenchOptions } from '../options.js'
import type { Stand } from '../stand/stand.js'

/** What every goal is measured with. */
export interface GoalContext {
  readonly stand: Stand
  readonly data: DataSet
  readonly options: BenchOptions
  /** Tells the person who waits what is going on. */
  readonly say: (line: string) => void
}

/** Runs one leg of the usual length and says what it showed. */
export async function runLeg(
  { options, say }: GoalContext,
  name: string,
  load: Load,
  { connections = options.connections }: { connections?: number } = {}
): Promise<Leg> {
  const leg = await drive(load, { connections, seconds: options.legSeconds })
  say(
    `  ${name}: ${Math.round(leg.requestsPerSecond)} requests/s, p50 ${leg.p50Ms.toFixed(2)} ms, p99 ${leg.p99Ms.toFixed(2)} ms`
  )
  return leg
}

/** Loads a side until its code is compiled and its caches are warm; gives its rate, which no ratio uses. */
export async function warmUp({ options, say }: GoalContext, name: string, load: Load): Promise<number> {
  say(`  warming up ${name}`)
  const { connections, warmUpSeconds } = options
  return (await drive(load, { connections, seconds: warmUpSeconds })).requestsPerSecond
}
