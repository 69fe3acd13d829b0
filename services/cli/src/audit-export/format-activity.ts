import { type ActivityView, toCsvJson, toCsvLine } from '@paperclip/contracts'

/** What an export can be written as. */
export const exportFormats = ['csv', 'jsonl'] as const
export type ExportFormat = (typeof exportFormats)[number]

const columns = [
  ...['id', 'timestamp', 'action', 'actorType', 'actorId'],
  ...['entityType', 'entityId', 'runId', 'metadata']
] as const

/** What a file of this format begins with. */
export function exportHead(format: ExportFormat): string {
  return format === 'csv' ? toCsvLine(columns) : ''
}

/**
 * Writes rows as CSV (RFC 4180), the columns being those of the server's own export, or as a JSON object a line. No
 * cell runs in a spreadsheet.
 */
export function formatActivity(rows: readonly ActivityView[], format: ExportFormat): string {
  return rows.map((row) => (format === 'csv' ? csvLine(row) : `${JSON.stringify(row)}\n`)).join('')
}

function csvLine(row: ActivityView): string {
  return toCsvLine([
    row.id,
    row.timestamp,
    row.action,
    row.actorType,
    row.actorId,
    row.entityType,
    row.entityId,
    row.runId ?? '',
    toCsvJson(row.metadata)
  ])
}
