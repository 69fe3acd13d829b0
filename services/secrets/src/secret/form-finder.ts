import { createHash, randomInt } from 'node:crypto'

/** A prime, of which the product with another number below it is still an exact number. */
const modulus = 67_108_859
const byteValues = 256

/**
 * Makes a search for any of some texts within another one (Karp and Rabin, 1987). How long it takes tells nothing of how
 * far something was alike: each window is compared by a number under a base drawn here, and what agrees by its digest.
 */
export function createFormFinder(forms: readonly string[]): (text: Buffer) => boolean {
  const base = randomInt(byteValues, modulus)
  const digests = new Set<string>()
  const byLength = new Map<number, Set<number>>()
  for (const form of forms) {
    const bytes = Buffer.from(form)
    if (bytes.length === 0) continue
    digests.add(digestOf(bytes))
    const hashes = byLength.get(bytes.length) ?? new Set()
    hashes.add(bytes.reduce((hash, byte) => step(hash, byte), 0))
    byLength.set(bytes.length, hashes)
  }

  function step(hash: number, byte: number): number {
    return (hash * base + byte) % modulus
  }

  /** What the first byte of a window counts. */
  function weightOf(length: number): number {
    let weight = 1
    for (let at = 1; at < length; at++) weight = (weight * base) % modulus
    return weight
  }

  function findOf(text: Buffer, length: number, hashes: ReadonlySet<number>): boolean {
    const weight = weightOf(length)
    let hash = 0
    for (const [at, byte] of text.entries()) {
      const leaving = at < length ? 0 : (text[at - length] ?? 0)
      hash = step((hash + modulus - ((leaving * weight) % modulus)) % modulus, byte)
      if (at + 1 < length || !hashes.has(hash)) continue
      if (digests.has(digestOf(text.subarray(at + 1 - length, at + 1)))) return true
    }
    return false
  }

  return (text) => [...byLength].some(([length, hashes]) => findOf(text, length, hashes))
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
