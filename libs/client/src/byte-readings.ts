/**
 * Ways of reading a stream of bytes that see through what an encoder may do or leave out anywhere: which characters it
 * escapes in a URL (RFC 3986), and where it breaks lines of base64 (RFC 2045, RFC 7468).
 */

/** `written`: byte for byte. `percentDecoded`: escapes undone. `unwrapped`: without line breaks inside base64. */
export type Reading = 'written' | 'percentDecoded' | 'unwrapped'

/**
 * Takes what was read, and from which byte of the stream to which one (the latter excluded) it stood: byte for byte, or
 * as one byte of which several were made.
 */
export type Reader = (bytes: Uint8Array, start: number, end: number) => void

/** Reads one stream, wherever it is cut. Not to be shared. */
export interface ByteReading {
  /** Reads the next bytes, which stand at `at`. */
  read(chunk: Uint8Array, at: number, take: Reader): void
  /** Bytes from here on are not read yet, since the next ones decide what they are; infinite when there are none. */
  readonly unreadFrom: number
}

/** Begins to read a stream. */
export const openReading: Readonly<Record<Reading, () => ByteReading>> = {
  written: () => ({
    read: (chunk, at, take) => take(chunk, at, at + chunk.length),
    unreadFrom: Number.POSITIVE_INFINITY
  }),
  percentDecoded: () => new PercentDecoded(),
  unwrapped: () => new Unwrapped()
}

const percent = 0x25
const escapeBytes = 3
const nothing = new Uint8Array(0)

/** What is no escape is read as it stands. */
class PercentDecoded implements ByteReading {
  unreadFrom = Number.POSITIVE_INFINITY
  /** The beginning of an escape, at the end of what came. */
  #rest = nothing

  read(chunk: Uint8Array, at: number, take: Reader): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const start = at - this.#rest.length
    this.#rest = nothing
    this.unreadFrom = Number.POSITIVE_INFINITY
    let from = 0
    for (let found = bytes.indexOf(percent); found >= 0; found = bytes.indexOf(percent, found + 1)) {
      const digits = bytes.subarray(found + 1, found + escapeBytes)
      if (found < from || !digits.every((byte) => digitOf(byte) !== null)) continue
      if (found > from) take(bytes.subarray(from, found), start + from, start + found)
      from = found + escapeBytes
      if (from > bytes.length) {
        this.#rest = Uint8Array.from(bytes.subarray(found))
        this.unreadFrom = start + found
        return
      }
      const byte = (digitOf(digits[0] ?? 0) ?? 0) * 16 + (digitOf(digits[1] ?? 0) ?? 0)
      take(Uint8Array.of(byte), start + found, start + from)
    }
    if (from < bytes.length) take(bytes.subarray(from), start + from, start + bytes.length)
  }
}

/** The value of a hexadecimal digit; null for any other byte. */
function digitOf(byte: number): number | null {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : null
}

/** Encoders break lines after 64 or 76 characters. Shorter ones are lines of something else. */
const wrappedCharsMin = 40

/** A break, and the indentation after it, is passed over where a long run of base64 comes before it. */
class Unwrapped implements ByteReading {
  readonly unreadFrom = Number.POSITIVE_INFINITY
  /** How many of the last bytes were of base64. */
  #run = 0
  #isInBreak = false

  read(chunk: Uint8Array, at: number, take: Reader): void {
    let run = this.#run
    let isInBreak = this.#isInBreak
    let from = 0
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index] ?? 0
      const isLineEnd = byte === 0x0a || byte === 0x0d
      if (isInBreak) {
        if (isLineEnd || byte === 0x20 || byte === 0x09) continue
        isInBreak = false
        from = index
      }
      if (isLineEnd && run >= wrappedCharsMin) {
        if (index > from) take(chunk.subarray(from, index), at + from, at + index)
        isInBreak = true
      }
      run = isBase64[byte] === 1 ? run + 1 : 0
    }
    this.#run = run
    this.#isInBreak = isInBreak
    if (!isInBreak && from < chunk.length) take(chunk.subarray(from), at + from, at + chunk.length)
  }
}

const isBase64 = new Uint8Array(256)
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_'))
  isBase64[byte] = 1
