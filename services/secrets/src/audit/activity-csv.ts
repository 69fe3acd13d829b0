import type { ActivityRow } from './activity-store.js'

const header = 'id,timestamp,action,actorType,actorId,entityType,entityId,runId,metadata'

/** Characters that make a spreadsheet read a cell as a formula (OWASP, CSV injection). */
const formulaStart = /^[=+\-@\t\r]/

/** Writes activity rows as CSV (RFC 4180); a cell that a spreadsheet would run is quoted with an apostrophe. */
export function activityCsv(rows: readonly ActivityRow[]): string {
  return `${[header, ...rows.map(lineOf)].join('\r\n')}\r\n`
}

function lineOf(row: ActivityRow): string {
  return [
    row.id,
    row.timestamp.toISOString(),
    row.action,
    row.actor_type,
    row.actor_id,
    row.entity_type,
    row.entity_id,
    row.run_id ?? '',
    JSON.stringify(row.metadata)
  ]
    .map(cellOf)
    .join(',')
}

function cellOf(text: string): string {
  const safe = formulaStart.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
