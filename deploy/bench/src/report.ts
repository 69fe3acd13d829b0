import { describeOutcome, format, isMet, type Verdict } from './verdict.js'

/** Where and on what the figures were taken. */
export interface Circumstances {
  readonly node: string
  readonly postgres: string
  readonly processors: number
  readonly connections: number
  readonly legSeconds: number
  readonly rounds: number
}

const headings = ['goal', 'figure', 'yardstick', 'product', 'value', 'target', 'outcome']

/** Writes the one table. */
export function formatTable(verdicts: readonly Verdict[], circumstances: Circumstances): string {
  const rows = verdicts.map((verdict) => [
    verdict.goal,
    verdict.what,
    verdict.yardstick,
    verdict.product,
    `${format(verdict.value)}${verdict.unit}`,
    `${verdict.bound === 'at least' ? '≥' : '≤'} ${format(verdict.target)}${verdict.unit}`,
    describeOutcome(verdict)
  ])
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0))
  )
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  const rule = widths.map((width) => '-'.repeat(width))
  const { node, postgres, processors, connections, legSeconds, rounds } = circumstances
  return [
    ...[headings, rule, ...rows].map(line),
    '',
    `Node ${node}, PostgreSQL ${postgres} (durable commits), ${processors} processors; ${connections} connections, ${rounds} rounds of ${legSeconds} s.`
  ].join('\n')
}

/** Writes the same for programs to read. */
export function formatJson(verdicts: readonly Verdict[], circumstances: Circumstances): string {
  return JSON.stringify(
    { circumstances, verdicts: verdicts.map((verdict) => ({ ...verdict, met: isMet(verdict) })) },
    null,
    2
  )
}
