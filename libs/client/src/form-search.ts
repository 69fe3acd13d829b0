import { type BytePatterns, bytePatterns } from './byte-patterns.js'
import { type ByteReading, openReading, type Reading } from './byte-readings.js'

/** What is looked for in one reading. */
export interface Wanted {
  readonly reading: Reading
  readonly patterns: BytePatterns
  /** Of the longest pattern, in bytes. */
  readonly lengthMax: number
}

/** Prepares it, once for any number of streams. */
export function searchFor(reading: Reading, forms: readonly Buffer[]): Wanted {
  const lengthMax = forms.reduce((longest, { length }) => Math.max(longest, length), 0)
  return { reading, patterns: bytePatterns(forms), lengthMax }
}

/** From which byte of the stream to which one, the latter excluded. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** Where the search in one reading of one stream stands. */
export class FormSearch {
  readonly #patterns: BytePatterns
  readonly #reading: ByteReading
  readonly #places: Places
  #state: number
  #count = 0

  constructor({ reading, patterns, lengthMax }: Wanted) {
    this.#patterns = patterns
    this.#state = patterns.start
    this.#places = new Places(lengthMax)
    this.#reading = openReading[reading]()
  }

  /** Reads the next bytes, which stand at `at`; adds the forms that end in them. */
  push(chunk: Uint8Array, at: number, found: Span[]): void {
    this.#reading.read(chunk, at, (bytes, start, end) => {
      this.#places.add(this.#count, start)
      const isWritten = end - start === bytes.length
      this.#state = this.#patterns.scan(bytes, this.#state, (after, length) => {
        const first = this.#places.startOf(this.#count + after - length)
        found.push({ start: first, end: isWritten ? start + after : end })
      })
      this.#count += bytes.length
    })
  }

  /** How many of the last bytes that were read are the beginning of a form. */
  get depth(): number {
    return this.#patterns.depth(this.#state)
  }

  /** Bytes from here on may belong to a form that is not complete; infinite when none do. */
  get openFrom(): number {
    const { unreadFrom } = this.#reading
    return this.depth === 0 ? unreadFrom : this.#places.startOf(this.#count - this.depth)
  }
}

/** Beyond this many pieces those that no form can reach back to are forgotten. */
const piecesMax = 4_096

/** Where the bytes that were read stand in the stream: kept of pieces, since most come one after another. */
class Places {
  readonly #reach: number
  #counts: number[] = []
  #starts: number[] = []

  constructor(reach: number) {
    this.#reach = reach
  }

  /** Says where the bytes from a count on stand. */
  add(count: number, start: number): void {
    if (this.#counts.length > 0 && this.startOf(count) === start) return
    if (this.#counts.length >= piecesMax) {
      const kept = this.#counts.findLastIndex((each) => each <= count - this.#reach)
      if (kept > 0) {
        this.#counts = this.#counts.slice(kept)
        this.#starts = this.#starts.slice(kept)
      }
    }
    this.#counts.push(count)
    this.#starts.push(start)
  }

  /** Where the byte of this count stands. */
  startOf(count: number): number {
    let piece = this.#counts.length - 1
    while (piece > 0 && (this.#counts[piece] ?? 0) > count) piece--
    return (this.#starts[piece] ?? 0) + count - (this.#counts[piece] ?? 0)
  }
}
