import type { ActivityQuery, ActivityView } from '@paperclip/contracts'
import { type Command, InvalidArgumentError } from 'commander'
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
    .option('--from <time>', 'not before this time (ISO 8601)', parseTime)
    .option('--to <time>', 'not after this time (ISO 8601)', parseTime)
}

/** Takes the filter out of the flags of a command. */
export function filterOf(flags: ActivityFilter): ActivityFilter {
  const names = ['action', 'actorId', 'entityType', 'entityId', 'from', 'to'] as const
  return Object.fromEntries(names.flatMap((name) => (flags[name] === undefined ? [] : [[name, flags[name]]])))
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

function parseTime(text: string): string {
  const time = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(time)) throw new InvalidArgumentError('It is not a time like 2026-01-31T12:00:00Z.')
  return new Date(time).toISOString()
}
