/**
 * Reads the TAP text of one test file: what failed, with its diagnostics, and the totals.
 *
 * A failure is printed at its leaf, under the titles that lead to it; the `not ok` of the tests around it
 * says nothing more and is left out, except when nothing inside had failed (a crash, a timeout).
 */
export interface TapReader {
  /** Takes one line and returns what is worth showing because of it. */
  line(text: string): string[]
  /** The totals printed at the end, if the run got that far. */
  totals(): { passed: number; failed: number } | undefined
}

interface Level {
  readonly indent: number
  readonly title: string
  failed: boolean
}

const resultPattern = /^( *)(not )?ok \d+ - (.*)$/
const subtestPattern = /^( *)# Subtest: (.*)$/
const totalsPattern = /^# \{ total: (\d+)(.*)\}$/

/** Makes a reader for one file, whose name leads every title. */
export function tapReader(file: string): TapReader {
  const levels: Level[] = []
  let totals: { passed: number; failed: number } | undefined
  // The indent of the diagnostics being shown, and whether their source excerpt is being left out.
  let shown: { indent: number; source: boolean } | undefined
  return {
    totals: () => totals,
    line(text) {
      const subtest = subtestPattern.exec(text)
      const result = resultPattern.exec(text)
      const total = totalsPattern.exec(text)
      if (subtest) levels.push({ indent: indentOf(subtest), title: subtest[2] ?? '', failed: false })
      if (total) totals = { passed: countOf(total[2], 'pass'), failed: countOf(total[2], 'fail') }
      if (result) {
        shown = undefined
        const show = closeResult(levels, { indent: indentOf(result), failed: result[2] !== undefined })
        if (!show) return []
        shown = { indent: indentOf(result), source: false }
        return [`not ok  ${[file, ...levels.map((level) => level.title), result[3]].join(' > ')}`]
      }
      if (!shown) return []
      const excerpt = diagnostic(text, shown)
      if (text.trim() === '...' && !shown.source) shown = undefined
      return excerpt
    }
  }
}

/** Notes a result; says whether it must be shown. Drops the level that it closes. */
function closeResult(levels: Level[], { indent, failed }: { indent: number; failed: boolean }): boolean {
  const last = levels.at(-1)
  const closes = last !== undefined && last.indent === indent
  if (closes) levels.pop()
  if (!failed) return false
  for (const level of levels) level.failed = true
  return !(closes && last.failed)
}

const detailIndent = 2

function diagnostic(text: string, shown: { indent: number; source: boolean }): string[] {
  const body = text.slice(shown.indent + detailIndent)
  if (body === '---' || body === '...' || text.trim() === '') return body === '...' ? endSource(shown) : []
  // A key at the left edge of the diagnostics; the source excerpt runs until the next one.
  if (/^\S/.test(body)) shown.source = body.startsWith('source:')
  return shown.source ? [] : [`    ${body}`]
}

function endSource(shown: { source: boolean }): string[] {
  shown.source = false
  return []
}

function indentOf(match: RegExpExecArray): number {
  return match[1]?.length ?? 0
}

function countOf(text: string | undefined, name: string): number {
  return Number(new RegExp(`\\b${name}: (\\d+)`).exec(text ?? '')?.[1] ?? 0)
}
