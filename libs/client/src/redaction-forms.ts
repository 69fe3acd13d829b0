/** The ways in which a value shows in output, each as bytes. RFC 4648 (base64), RFC 3986 and RFC 8259 (escapes). */

/** Shorter forms than this, in bytes, stand in ordinary text by chance: they are not looked for. */
export const redactedBytesMin = 4

/** A line of a value of several lines is looked for by itself from this many bytes on. */
const lineBytesMin = 16

/**
 * Lists the forms of one value: as it is, its long lines, URL-encoded, JSON-escaped, and inside base64. Space around
 * a value is no part of it, since shells and loggers drop it: masking it would swallow line ends.
 */
export function formsOf(value: string): Buffer[] {
  // Through bytes, as a process gets it: what is no character has become one.
  const text = Buffer.from(value.trim()).toString()
  const forms = new Set(base64Forms(text))
  for (const part of [text, ...longLines(text)])
    for (const form of [part, ...urlForms(part), ...jsonForms(part)]) forms.add(form)
  return [...forms].map((form) => Buffer.from(form)).filter(({ length }) => length >= redactedBytesMin)
}

/** Output is often indented, or has a prefix on each line. */
function longLines(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  return lines.length < 2 ? [] : lines.filter((line) => Buffer.byteLength(line) >= lineBytesMin)
}

function urlForms(text: string): string[] {
  const component = encodeURIComponent(text)
  const strict = component.replaceAll(/[!'()*]/g, percent)
  const forms = [
    component,
    strict,
    // A form's fields: `+` for a space, and `~` escaped.
    strict.replaceAll('%20', '+').replaceAll('~', '%7E'),
    component.replaceAll('%20', '+'),
    // Encoders of whole paths and addresses keep what divides them.
    strict.replaceAll('%2F', '/'),
    encodeURI(text)
  ]
  return forms.flatMap((form) => [form, form.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())])
}

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`
}

function jsonForms(text: string): string[] {
  const escaped = JSON.stringify(text).slice(1, -1)
  const ascii = escaped.replaceAll(/[\u007f-\uffff]/g, unicodeEscape)
  // As some encoders do for text that may stand in a web page.
  const forWeb = [escaped, ascii].map((form) => form.replaceAll(/[<>&'\u2028\u2029]/g, unicodeEscape))
  const once = [escaped, ascii, ...forWeb]
  const all = [...once, ...once.map((form) => form.replaceAll('/', '\\/'))]
  // JSON as a text inside JSON, as structured logs have it.
  const nested = all.map((form) => JSON.stringify(form).slice(1, -1))
  return [...all, ...nested].flatMap((form) => [form, form.replaceAll(/\\u[0-9a-f]{4}/g, upperEscape)])
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

function upperEscape(code: string): string {
  return `\\u${code.slice(2).toUpperCase()}`
}

/**
 * The characters that a value alone decides, wherever it begins in a group of three bytes. The characters at
 * either end that also depend on its neighbours hold at most four of its bits each, and stay.
 */
function base64Forms(text: string): string[] {
  const bytes = Buffer.from(text)
  return [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
    const own = encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6))
    return [own, own.replaceAll('+', '-').replaceAll('/', '_')]
  })
}
