import type { ActivityQuery, ActivityView } from '@paperclip/contracts'
import { type Command, InvalidArgumentError } from 'commander'
import { MisuseError } from '../cli-error.js'
import type { Column } from '../output/print.js'

/** Which rows of a record of changes are meant. */
export type ActivityFilter = Omit<ActivityQuery, 'limit' | 'cursor'>

/** Adds a flag for each member of {@link ActivityFilter}. */
export function withActivityFilter(command: Command): Command {
  return command
    .option('--action <name>', 'only these, such as secret.rotated')
    .option('--actor-id <id>', 'only what this user, agent or service did')
    .option('--entity-type <type>', 'only of these, such as secret')
    .option('--entity-id <id>', 'only those of one secret, agent, run …')
    .option('--from <time>', 'from this time on (ISO 8601; of a day its beginning, in UTC)', parseFrom)
    .option('--to <time>', 'before this time (ISO 8601; of a day its end)', parseTo)
}

/** Takes the filter out of the flags of a command. */
export function filterOf(flags: ActivityFilter): ActivityFilter {
  const names = ['action', 'actorId', 'entityType', 'entityId', 'from', 'to'] as const
  return Object.fromEntries(names.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])))
}

/** Misuse when both the instance and one of its companies are named. */
export function requireOneStream({ instance, companyId }: { instance?: true; companyId?: string }): void {
  if (instance && companyId !== undefined)
    throw new MisuseError('--instance and --company-id are both given', 'leave one of them out')
}

/** How people see a change. */
export const activityColumns: readonly Column<ActivityView>[] = [
  ['time', (row) => row.timestamp],
  ['action', (row) => row.action],
  ['by', (row) => `${row.actorType}:${row.actorId}`],
  ['entity', (row) => row.entityType],
  ['entity id', (row) => row.entityId],
  ['run', (row) => row.runId]
]

/** Reads a time from which on rows are meant. */
export function parseFrom(text: string): string {
  return parseTime(text).toISOString()
}

/** Reads a time before which rows are meant; the day that is named is among them. */
export function parseTo(text: string): string {
  const time = parseTime(text)
  if (onlyDay.test(text)) time.setUTCDate(time.getUTCDate() + 1)
  return time.toISOString()
}

const onlyDay = /^\d{4}-\d{2}-\d{2}$/

function parseTime(text: string): Date {
  const time = new Date(/^\d{4}-\d{2}-\d{2}/.test(text) ? text : Number.NaN)
  // The runtime takes the 30th of February for the second of March.
  const isRight =
    !Number.isNaN(time.getTime()) && (!onlyDay.test(text) || time.toISOString().startsWith(text))
  if (!isRight) throw new InvalidArgumentError('It is not a time like 2026-01-31T12:00:00Z.')
  return time
}
