/** How a credential is written: the spellings that give its bytes back to whoever reads them. */

const keyBytes = 32
const bitsOfByte = 8
const bitsOfBase64 = 6
/** In base64 a text looks different by where it begins within three bytes. */
const alignments = [0, 1, 2]

/**
 * Lists the spellings of a credential, without white space and padding: itself, within JSON, as hexadecimal digits and as
 * base64 of either alphabet, there also as a part of something longer. Of a key of 256 bits, those of the
 * bytes that its text stands for too.
 */
export function credentialForms(text: string): string[] {
  const bare = text.replaceAll(/\s+/g, '').replace(/={1,2}$/, '')
  const written = [bare, JSON.stringify(bare).slice(1, -1), bare.replaceAll('/', '\\/')]
  const key = keyOf(bare)
  const ofBytes = [Buffer.from(text), ...(key === null ? [] : [key])].flatMap(spellings)
  return [...new Set([...written, ...ofBytes])]
}

function spellings(bytes: Buffer): string[] {
  const hex = bytes.toString('hex')
  const inBase64 = alignments.map((offset) => base64At(bytes, offset))
  const inUrlBase64 = inBase64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))
  return [hex, hex.toUpperCase(), ...inBase64, ...inUrlBase64]
}

/** The characters of base64 that these bytes alone decide, when `offset` others stand before them. */
function base64At(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
  const first = Math.ceil((offset * bitsOfByte) / bitsOfBase64)
  return text.slice(first, Math.floor(((offset + bytes.length) * bitsOfByte) / bitsOfBase64))
}

/** The bytes of a key that is written as hexadecimal digits or base64 of either alphabet; null for any other text. */
function keyOf(bare: string): Buffer | null {
  if (/^[0-9a-f]{64}$/i.test(bare)) return Buffer.from(bare, 'hex')
  const bytes = /^[\w+/-]{43}$/.test(bare) ? Buffer.from(bare, 'base64') : Buffer.alloc(0)
  return bytes.length === keyBytes ? bytes : null
}
