import type { ActivityView } from '@paperclip/contracts'

/** What an export can be written as. */
export const exportFormats = ['csv', 'jsonl'] as const
export type ExportFormat = (typeof exportFormats)[number]

/** Characters that make a spreadsheet read a cell as a formula (OWASP, CSV injection). */
const formulaStart = /^[=+\-@\t\r]/

const columns = [
  ...['id', 'timestamp', 'action', 'actorType', 'actorId'],
  ...['entityType', 'entityId', 'runId', 'metadata']
] as const

/** What a file of this format begins with. */
export function exportHead(format: ExportFormat): string {
  return format === 'csv' ? `${columns.join(',')}\r\n` : ''
}

/**
 * Writes rows as CSV (RFC 4180), the columns being those of the server's own export, or as a JSON object a line. A cell
 * that a spreadsheet would run begins with an apostrophe.
 */
export function formatActivity(rows: readonly ActivityView[], format: ExportFormat): string {
  return rows.map((row) => (format === 'csv' ? csvLine(row) : `${JSON.stringify(row)}\n`)).join('')
}

function csvLine(row: ActivityView): string {
  const facts: readonly (string | null)[] = [
    ...[row.id, row.timestamp, row.action, row.actorType, row.actorId],
    ...[row.entityType, row.entityId, row.runId, JSON.stringify(row.metadata)]
  ]
  return `${facts.map((text) => cellOf(text ?? '')).join(',')}\r\n`
}

function cellOf(text: string): string {
  const safe = formulaStart.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
