/** The ways in which a value shows in output, each as bytes. RFC 4648 (base64), RFC 3986 and RFC 8259 (escapes). */
import type { Reading } from './byte-readings.js'

/** Shorter forms than this, in bytes, stand in ordinary text by chance: they are not looked for. */
export const redactedBytesMin = 4

/** A line of a value of several lines is looked for by itself from this many bytes on. */
const lineBytesMin = 16

/**
 * Lists the forms of one value by the reading that shows them: as it is, its long lines, escaped for JSON or a shell;
 * URL-encoded; and inside base64. Space around a value is no part of it, since shells and loggers drop it: masking it
 * would swallow line ends.
 */
export function formsOf(value: string): Record<Reading, Buffer[]> {
  // Through bytes, as a process gets it: what is no character has become one.
  const text = Buffer.from(value.trim()).toString()
  const parts = [...withLineEnds(text), ...longLines(text)]
  const encoded = base64Forms(text)
  return {
    written: toBytes(
      parts.flatMap((part) => [part, ...urlForms(part), ...jsonForms(part), ...shellForms(part)])
    ),
    // A form's fields have `+` for a space. Base64 has characters that a URL escapes.
    percentDecoded: toBytes([...parts.flatMap((part) => [part, part.replaceAll(' ', '+')]), ...encoded]),
    unwrapped: toBytes(encoded)
  }
}

function toBytes(forms: Iterable<string>): Buffer[] {
  return [...new Set(forms)]
    .map((form) => Buffer.from(form))
    .filter(({ length }) => length >= redactedBytesMin)
}

/** Terminals and forms end lines with two characters, files mostly with one. */
function withLineEnds(text: string): string[] {
  const plain = text.replaceAll('\r\n', '\n')
  return [...new Set([text, plain, plain.replaceAll('\n', '\r\n')])]
}

/** Output is often indented, or has a prefix on each line. */
function longLines(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.trim())
  return lines.length < 2 ? [] : lines.filter((line) => Buffer.byteLength(line) >= lineBytesMin)
}

/**
 * As encoders of parts of an address write it. The reading that undoes escapes finds these too, and those of other
 * encoders, but not behind a `%` that is no escape and only looks like the beginning of one.
 */
function urlForms(text: string): string[] {
  const component = encodeURIComponent(text)
  const strict = component.replaceAll(/[!'()*]/g, percent)
  const forms = [
    component,
    strict,
    strict.replaceAll('%20', '+'),
    new URLSearchParams({ '': text }).toString().slice(1)
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

/** Within double and within single quotes, as `set -x` and `export -p` print. */
function shellForms(text: string): string[] {
  return [text.replaceAll(/[\\"$`]/g, '\\$&'), text.replaceAll("'", "'\\''")]
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
