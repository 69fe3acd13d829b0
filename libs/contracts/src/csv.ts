/**
 * CSV that people open in spreadsheets. What others have named (a secret, an agent) must not run there as a formula: see
 * "CSV injection" of OWASP.
 */

/** Begins a formula, in ASCII and in full width. */
const formula = '=+\\-@\uff1d\uff0b\uff0d\uff20'
/** A control character before a formula is dropped by some spreadsheets. */
const formulaStart = new RegExp(`^[${formula}\\t\\r\\n]`)
/** Where the spreadsheet of another country, which divides by these, would begin a cell in the middle of one of ours. */
const innerStart = new RegExp(`([;|\\t\\r\\n][\\s"\\\\]*)([${formula}])`, 'g')

/** Writes a line (RFC 4180), its end included. A cell that would run as a formula is led by an apostrophe. */
export function toCsvLine(cells: readonly string[]): string {
  return `${cells.map(toCell).join(',')}\r\n`
}

/** Writes JSON for a cell: what would begin a formula within its texts is escaped as JSON allows, so nothing is lost. */
export function toCsvJson(value: unknown): string {
  return JSON.stringify(value).replace(innerStart, (_, before: string, sign: string) => {
    return `${before}\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

function toCell(text: string): string {
  const safe = text.replace(formulaStart, "'$&").replace(innerStart, "$1'$2")
  return /[",;\t\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
