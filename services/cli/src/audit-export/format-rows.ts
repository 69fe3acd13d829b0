import { toCsvLine } from '@paperclip/contracts'

/** What an export can be written as. */
export const exportFormats = ['csv', 'jsonl'] as const
export type ExportFormat = (typeof exportFormats)[number]

/** The columns of a CSV file: their titles, and what a row has there; null is an empty cell. */
export type ExportTable<Row> = readonly (readonly [
  title: string,
  cell: (row: Row) => string | number | null
])[]

/** What a file of this format begins with. */
export function exportHead<Row>(table: ExportTable<Row>, format: ExportFormat): string {
  return format === 'csv' ? toCsvLine(table.map(([title]) => title)) : ''
}

/** Writes rows as CSV (RFC 4180), or as a JSON object a line. No cell runs in a spreadsheet. */
export function formatRows<Row>(
  rows: readonly Row[],
  { table, format }: { table: ExportTable<Row>; format: ExportFormat }
): string {
  if (format === 'jsonl') return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  return rows.map((row) => toCsvLine(table.map(([, cell]) => String(cell(row) ?? '')))).join('')
}
