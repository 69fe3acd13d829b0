import { createHash, randomInt } from 'node:crypto'

/** Shorter texts cannot be looked for. */
export const formBytesMin = 16
const uint32Max = 2 ** 32

/**
 * Makes a search for any of some texts of at least {@link formBytesMin} bytes within another one. One pass, however many
 * they are: the first bytes of each are known by a number that rolls along (Karp and Rabin, 1987), of a base drawn here.
 *
 * How long it takes says nothing of a text that is looked for to whoever has not those first bytes already, and what
 * follows them is compared by its digest.
 */
export function createFormFinder(forms: readonly string[]): (text: Buffer) => boolean {
  // Odd, so that multiplying by it loses nothing.
  const base = randomInt(uint32Max / 2) * 2 + 1
  const digests = new Set<string>()
  const lengthsByHash = new Map<number, Set<number>>()
  for (const form of forms) {
    const bytes = Buffer.from(form)
    if (bytes.length < formBytesMin) continue
    digests.add(digestOf(bytes))
    const hash = bytes.subarray(0, formBytesMin).reduce((sum, byte) => step(sum, byte), 0)
    lengthsByHash.set(hash, (lengthsByHash.get(hash) ?? new Set()).add(bytes.length))
  }
  let weight = 1
  for (let at = 0; at < formBytesMin; at++) weight = Math.imul(weight, base)

  function step(hash: number, byte: number): number {
    return (Math.imul(hash, base) + byte) | 0
  }

  function isAt(text: Buffer, start: number, lengths: ReadonlySet<number>): boolean {
    return [...lengths].some(
      (length) => start + length <= text.length && digests.has(digestOf(text.subarray(start, start + length)))
    )
  }

  return (text) => {
    let hash = 0
    for (let at = 0; at < text.length; at++) {
      const leaving = at < formBytesMin ? 0 : (text[at - formBytesMin] ?? 0)
      hash = (step(hash, text[at] ?? 0) - Math.imul(leaving, weight)) | 0
      if (at + 1 < formBytesMin) continue
      const lengths = lengthsByHash.get(hash)
      if (lengths !== undefined && isAt(text, at + 1 - formBytesMin, lengths)) return true
    }
    return false
  }
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64')
}
