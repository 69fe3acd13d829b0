import { parseArgs } from 'node:util'

/** The goals this program measures (goals.md gives them their numbers). */
export const goalIds = ['P1', 'P2', 'P3', 'P4', 'P5', 'P9', 'T13'] as const
export type GoalId = (typeof goalIds)[number]

/** How to measure. */
export interface BenchOptions {
  readonly goals: ReadonlySet<GoalId>
  /** Length of one leg: one stretch of load on one side of a comparison. */
  readonly legSeconds: number
  /** Load before the first leg of a side; code compiled by then stays compiled. */
  readonly warmUpSeconds: number
  /** Product legs of a comparison; yardstick legs stand before, between and after them. */
  readonly rounds: number
  readonly connections: number
  readonly agents: number
  readonly json: boolean
  /** Where both services write CPU profiles when they stop; null: none. */
  readonly profileFolder: string | null
}

/** Requests are signed before a leg, and a signature lives for 30 s. */
const legSecondsMax = 20

const help = `npm run bench -- [--only P1,P2] [--seconds 6] [--warm-up 8] [--rounds 3]
                 [--connections 32] [--agents 1000] [--json] [--profile <folder>]`

/** Reads the command line. Throws an Error that says what is allowed. */
export function parseOptions(argv: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      only: { type: 'string', default: goalIds.join(',') },
      seconds: { type: 'string', default: '6' },
      'warm-up': { type: 'string', default: '8' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '32' },
      agents: { type: 'string', default: '1000' },
      json: { type: 'boolean', default: false },
      profile: { type: 'string' }
    }
  })
  return {
    goals: new Set(values.only.split(',').map(parseGoal)),
    legSeconds: parseCount('--seconds', values.seconds, legSecondsMax),
    warmUpSeconds: parseCount('--warm-up', values['warm-up'], legSecondsMax),
    rounds: parseCount('--rounds', values.rounds),
    connections: parseCount('--connections', values.connections),
    agents: parseCount('--agents', values.agents),
    json: values.json,
    profileFolder: values.profile ?? null
  }
}

function parseGoal(text: string): GoalId {
  const found = goalIds.find((id) => id === text.trim().toUpperCase())
  if (found === undefined) throw new Error(`--only takes ${goalIds.join(', ')}\n${help}`)
  return found
}

function parseCount(name: string, text: string, most = Number.MAX_SAFE_INTEGER): number {
  const count = Number(text)
  if (!Number.isSafeInteger(count) || count < 1 || count > most)
    throw new Error(
      `${name} takes a whole number from 1${most === legSecondsMax ? ` to ${most}` : ''}\n${help}`
    )
  return count
}
