const keyBytes = 32

/**
 * Reads a key as the services do: 64 hexadecimal digits, else base64 of 32 bytes, else 32 bytes of text, tried in
 * this order. Null when it is none of them, or one byte again and again.
 */
export function decodeKey(text: string): Buffer | null {
  const base64 = Buffer.from(text, 'base64')
  const bytes = /^[0-9a-f]{64}$/i.test(text)
    ? Buffer.from(text, 'hex')
    : base64.length === keyBytes && base64.toString('base64') === text
      ? base64
      : Buffer.from(text, 'utf8')
  // What a decoder puts where the bytes were not UTF-8.
  if (text.includes('\ufffd')) return null
  return bytes.length === keyBytes && new Set(bytes).size > 1 ? bytes : null
}
