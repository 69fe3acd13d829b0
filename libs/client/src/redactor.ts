/**
 * Masks values in a stream of bytes, wherever the stream is cut into chunks.
 *
 * Promises: bytes that belong to no form of a value pass unchanged and in order; a value never passes in any of its
 * forms; what is held back is at most one form, and only while it is the beginning of one.
 */
import { redactionPlaceholder } from '@paperclip/contracts'
import type { Reading } from './byte-readings.js'
import { FormSearch, type Span, searchFor, type Wanted } from './form-search.js'
import { formsOf, redactedBytesMin } from './redaction-forms.js'

/** All forms of all values together; a search for this much takes some 170 MB. */
const formsBytesMax = 8 * 1024 * 1024

/** Masks one stream. Not to be shared: it remembers where that stream stands. */
export interface Redactor {
  /** Takes the next bytes, gives what can be written now. */
  push(chunk: Uint8Array): Buffer
  /**
   * Gives what stands in for the bytes held back, for a reader who should not wait for the next ones: themselves if
   * they say fewer than {@link redactedBytesMin} bytes of a value, else the mask. If they turn out to begin a value, its rest is masked.
   */
  release(): Buffer
  /** Gives what is left at the end of the stream. */
  end(): Buffer
  /** How many bytes are held back and nothing stands in for yet. */
  readonly heldBytes: number
}

/** Makes redactors for one set of values; the work of preparing the search is done once. */
export interface Redaction {
  createRedactor(): Redactor
}

/** The values to mask have more forms than can be searched for. Its message names no value. */
export class RedactionError extends Error {
  override readonly name = 'RedactionError'
}

/** Says whether a value is long enough to be masked: {@link redactedBytesMin} bytes, space around it aside. */
export function isRedactable(value: string): boolean {
  return Buffer.byteLength(value.trim()) >= redactedBytesMin
}

/**
 * Prepares the masking of values: each as it is, escaped for JSON or a shell, URL-encoded however much of it, inside
 * base64 of either alphabet, broken into lines or not, and line by line. Values that are not {@link isRedactable} are left
 * alone: they would turn up in ordinary text.
 *
 * Throws {@link RedactionError} when the values are too large together.
 */
export function redactionOf(values: Iterable<string>): Redaction {
  const forms = new Map(readings.map((reading) => [reading, new Map<string, Buffer>()]))
  let bytes = 0
  for (const value of new Set(values)) {
    if (!isRedactable(value)) continue
    const all = formsOf(value)
    for (const [reading, known] of forms)
      for (const form of all[reading]) {
        const key = form.toString('latin1')
        if (known.has(key)) continue
        known.set(key, form)
        bytes += form.length
        if (bytes > formsBytesMax) throw new RedactionError('the values are too large together to be masked')
      }
  }
  const searches = [...forms].map(([reading, known]) => searchFor(reading, [...known.values()]))
  return { createRedactor: () => new StreamRedactor(searches) }
}

const readings: readonly Reading[] = ['written', 'percentDecoded', 'unwrapped']

const mask = Buffer.from(redactionPlaceholder)
const nothing = Buffer.alloc(0)

/**
 * Every byte that is part of some form is masked, and forms that overlap share one mask. Positions count from the
 * beginning of the stream; a byte is decided on once no form that began before it can still be completed.
 */
class StreamRedactor implements Redactor {
  readonly #searches: readonly FormSearch[]
  /** Bytes not decided on yet, and where they begin. */
  #held = nothing
  #heldFrom = 0
  /** Up to here something was written, by `release` possibly before it was decided on. */
  #shown = 0
  #shownMasked = false
  /** Spans to mask, in order, apart from each other, none ending before what is held. */
  #spans: Span[] = []

  constructor(wanted: readonly Wanted[]) {
    this.#searches = wanted.map((each) => new FormSearch(each))
  }

  get heldBytes(): number {
    return this.#heldFrom + this.#held.length - Math.max(this.#shown, this.#heldFrom)
  }

  push(chunk: Uint8Array): Buffer {
    const at = this.#heldFrom + this.#held.length
    const found: Span[] = []
    for (const search of this.#searches) search.push(chunk, at, found)
    if (found.length > 0) this.#spans = apart([...this.#spans, ...found])
    this.#held = this.#held.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#held, chunk])
    return this.#decide(Math.min(at + chunk.length, ...this.#searches.map(({ openFrom }) => openFrom)))
  }

  release(): Buffer {
    const end = this.#heldFrom + this.#held.length
    const from = Math.max(this.#shown, this.#heldFrom)
    if (from >= end) return nothing
    const isShort = this.#spans.length === 0 && this.#searches.every(({ depth }) => depth < redactedBytesMin)
    const output = isShort ? this.#held.subarray(from - this.#heldFrom) : this.#shownMasked ? nothing : mask
    this.#shown = end
    this.#shownMasked = !isShort
    return output
  }

  end(): Buffer {
    return this.#decide(this.#heldFrom + this.#held.length)
  }

  /** Gives everything before this position, except that a span is given whole or not at all. */
  #decide(until: number): Buffer {
    const output: Buffer[] = []
    let at = this.#heldFrom
    for (let span = this.#spans[0]; span !== undefined && span.end <= until; span = this.#spans[0]) {
      this.#spans.shift()
      output.push(this.#clear(at, span.start), this.#masked(span))
      at = span.end
    }
    const end = Math.max(at, Math.min(until, this.#spans[0]?.start ?? until))
    output.push(this.#clear(at, end))
    // A copy, so that a few bytes do not keep a large chunk in memory.
    this.#held = Buffer.from(this.#held.subarray(end - this.#heldFrom))
    this.#heldFrom = end
    return Buffer.concat(output)
  }

  #clear(start: number, end: number): Buffer {
    const from = Math.max(start, this.#shown)
    if (from >= end) return nothing
    this.#shown = end
    this.#shownMasked = false
    return this.#held.subarray(from - this.#heldFrom, end - this.#heldFrom)
  }

  #masked({ start, end }: Span): Buffer {
    if (this.#shown >= end) return nothing
    const isOpen = this.#shownMasked && this.#shown > start
    this.#shown = end
    this.#shownMasked = false
    return isOpen ? nothing : mask
  }
}

/** Puts spans in order; those that overlap become one. */
function apart(spans: readonly Span[]): Span[] {
  const ordered = spans.toSorted((one, other) => one.start - other.start)
  const merged: Span[] = []
  for (const span of ordered) {
    const last = merged.at(-1)
    if (last === undefined || last.end <= span.start) merged.push(span)
    else merged[merged.length - 1] = { start: last.start, end: Math.max(last.end, span.end) }
  }
  return merged
}
