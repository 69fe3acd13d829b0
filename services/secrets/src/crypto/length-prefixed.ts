/**
 * The one encoding of authenticated text: `u16 length (big endian) || bytes` of each field in turn.
 * With the length before every field no two lists of fields encode alike, whatever the fields hold.
 *
 * Fields are built as strings of one byte per character and become bytes once, in
 * {@link bytesOfFields}: on the resolve path that is far cheaper than a buffer for each field.
 */

const PRINTABLE_ASCII = /^[\x20-\x7e]{1,65535}$/
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const UUID_LENGTH_PREFIX = '\x00\x24'

/** Encodes one field of printable ASCII; anything else is a `TypeError`, because its length in bytes would differ. */
export function textField(text: string): string {
  if (!PRINTABLE_ASCII.test(text))
    throw new TypeError('A field must be 1 to 65535 printable ASCII characters.')
  return String.fromCharCode(text.length >> 8, text.length & 0xff) + text
}

/** Encodes an id as its 36-character lower-case text, the one form PostgreSQL prints; another is a `TypeError`. */
export function uuidField(id: string): string {
  if (!UUID.test(id)) throw new TypeError('An id must be a UUID in lower-case text of 36 characters.')
  return UUID_LENGTH_PREFIX + id
}

/** Turns joined fields into bytes. */
export function bytesOfFields(fields: string): Buffer {
  return Buffer.from(fields, 'latin1')
}
