import { toCsvJson, toCsvLine } from '@paperclip/contracts'
import type { ActivityRow } from './activity-store.js'

const header = 'id,timestamp,action,actorType,actorId,entityType,entityId,runId,metadata'

/** Writes activity rows as CSV (RFC 4180); no cell runs in a spreadsheet. */
export function activityCsv(rows: readonly ActivityRow[]): string {
  return [`${header}\r\n`, ...rows.map(lineOf)].join('')
}

function lineOf(row: ActivityRow): string {
  return toCsvLine([
    row.id,
    row.timestamp.toISOString(),
    row.action,
    row.actor_type,
    row.actor_id,
    row.entity_type,
    row.entity_id,
    row.run_id ?? '',
    toCsvJson(row.metadata)
  ])
}
