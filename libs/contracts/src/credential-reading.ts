/**
 * The same value as it might also be read. A key that was put into base64, or pasted from a page that makes long
 * dashes of short ones, is still the key; so is one in a JSON text that stands inside another.
 *
 * Promises: a bounded number of readings, together not more than a small multiple of the value's length. One layer is
 * taken off, not two: base64 of base64 is read by nobody by mistake.
 */

/** Shorter text in base64 holds no credential that could be known by its look. */
const encodedCharsMin = 20
/** What is text begins like text; drawn bytes do not, 16 in a row. */
const textStart = /^[\t\n\r\x20-\x7e]{12,16}/
// biome-ignore lint/suspicious/noControlCharactersInRegex: what is not ASCII is asked for
const notAscii = /[^\x00-\x7f]/

/** From ASCII to its wide forms. */
const wideOffset = 0xfee0

/** Gives the value itself, tidied, and what it holds in percent encoding or in base64. */
export function readingsOf(value: string): string[] {
  const text = tidied(value)
  const readings = [text]
  if (text.includes('%')) readings.push(text.replaceAll(/%([2-7][0-9A-Fa-f])/g, fromHex))
  readings.push(...decoded(text))
  return readings
}

function fromHex(_: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16))
}

/** Wide letters, long dashes, bent quotes and what is not seen come from copying; backslashes before quotes from JSON in JSON. */
function tidied(value: string): string {
  const plain = notAscii.test(value)
    ? value
        .replaceAll(/\p{Cf}/gu, '')
        .replaceAll(/\p{Pd}/gu, '-')
        .replaceAll(/[“”„]/g, '"')
        .replaceAll(/[\uff01-\uff5e]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - wideOffset))
    : value
  return plain.includes('\\') ? plain.replaceAll(/\\{1,16}(?=["'])/g, '') : plain
}

/** What is text in base64, of either alphabet, in one line or broken into lines. */
function decoded(text: string): string[] {
  const unbroken = text.replaceAll(/[\r\n]/g, '')
  const pieces = text.split(/[^A-Za-z0-9+/_-]/)
  if (unbroken !== text) pieces.push(...unbroken.split(/[^A-Za-z0-9+/_-]/))
  return pieces
    .filter(({ length }) => length >= encodedCharsMin)
    .map(fromBase64)
    .filter((found) => textStart.test(found))
}

function fromBase64(piece: string): string {
  const whole = piece.slice(0, piece.length - (piece.length % 4 === 1 ? 1 : 0))
  return atob(whole.replaceAll('-', '+').replaceAll('_', '/'))
}
