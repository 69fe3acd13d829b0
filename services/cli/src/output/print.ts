import { type CliIo, printable } from '../cli-io.js'

/** A column of a table, or a line of a record: its title and what a row shows there. */
export type Column<T> = readonly [
  title: string,
  cell: (row: T) => string | number | boolean | null | undefined
]

const columnGap = '  '

/** Prints rows as an aligned table, or as a JSON array. */
export function printRows<T>(
  io: CliIo,
  { json, rows, columns }: { json: boolean; rows: readonly T[]; columns: readonly Column<T>[] }
): void {
  if (json) {
    printJson(io, rows)
    return
  }
  const lines = [columns.map(([title]) => title.toUpperCase())]
  for (const row of rows) lines.push(columns.map(([, cell]) => text(cell(row))))
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)))
  for (const line of lines) {
    const padded = line.map((cell, index) => cell.padEnd(widths[index] ?? 0))
    io.stdout.write(`${padded.join(columnGap).trimEnd()}\n`)
  }
}

/** Prints one row as lines of title and content, or as a JSON object. */
export function printRecord<T>(
  io: CliIo,
  { json, record, columns }: { json: boolean; record: T; columns: readonly Column<T>[] }
): void {
  if (json) {
    printJson(io, record)
    return
  }
  const width = Math.max(...columns.map(([title]) => title.length))
  for (const [title, cell] of columns)
    io.stdout.write(`${title.padEnd(width)}${columnGap}${text(cell(record))}\n`)
}

/** Prints JSON for programs; indented, since people look at it too. */
export function printJson(io: CliIo, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

function text(value: string | number | boolean | null | undefined): string {
  return value === null || value === undefined ? '-' : printable(String(value))
}

/** A number of things, as people say it: `1 agent`, `2 agents`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
