/**
 * Looks for many byte patterns at once (Aho and Corasick, 1975): one step a byte, however many patterns there are.
 *
 * Kept as arrays of numbers, 21 bytes for each byte of a pattern. A node is a beginning of a pattern; 0 is the empty one,
 * and stands for "none" where a child is meant.
 */

/** Where a search stands: the longest beginning of a pattern that the bytes so far end with. */
export type PatternState = number

/** What a search has to know of its patterns. */
export interface BytePatterns {
  readonly start: PatternState
  /**
   * Goes on over some bytes, and says where in them patterns end: after how many bytes, and how long the longest of them
   * is. Gives the state after the last byte.
   */
  scan(bytes: Uint8Array, state: PatternState, found: (end: number, length: number) => void): PatternState
  /** How many of the last bytes are the beginning of a pattern. */
  depth(state: PatternState): number
}

const root = 0

/** Builds the search. The patterns may overlap, repeat and contain each other; empty ones find nothing. */
export function bytePatterns(patterns: readonly Uint8Array[]): BytePatterns {
  const tree = new PatternTree(1 + patterns.reduce((sum, { length }) => sum + length, 0))
  for (const pattern of patterns) tree.add(pattern)
  tree.link()
  return tree
}

class PatternTree implements BytePatterns {
  readonly start = root
  readonly #fromRoot = new Int32Array(256)
  readonly #bytes: Uint8Array
  readonly #children: Int32Array
  readonly #siblings: Int32Array
  readonly #fallbacks: Int32Array
  readonly #depths: Int32Array
  /** Of the longest pattern that ends at a node, or 0. */
  readonly #lengths: Int32Array
  #count = 1

  constructor(nodesMax: number) {
    this.#bytes = new Uint8Array(nodesMax)
    this.#children = new Int32Array(nodesMax)
    this.#siblings = new Int32Array(nodesMax)
    this.#fallbacks = new Int32Array(nodesMax)
    this.#depths = new Int32Array(nodesMax)
    this.#lengths = new Int32Array(nodesMax)
  }

  add(pattern: Uint8Array): void {
    let node = root
    for (const byte of pattern) node = this.#childOf(node, byte) || this.#addChild(node, byte)
    this.#lengths[node] = pattern.length
  }

  /** Breadth first, so that whatever a node falls back to is done before it. */
  link(): void {
    const queue = new Int32Array(this.#count)
    let queued = 1
    for (let at = 0; at < queued; at++) {
      const node = queue[at] ?? root
      for (let child = this.#children[node] ?? 0; child !== 0; child = this.#siblings[child] ?? 0) {
        const byte = this.#bytes[child] ?? 0
        const fallback = node === root ? root : this.#step(this.#fallbacks[node] ?? root, byte)
        this.#fallbacks[child] = fallback
        this.#lengths[child] ||= this.#lengths[fallback] ?? 0
        queue[queued++] = child
      }
    }
  }

  scan(bytes: Uint8Array, state: PatternState, found: (end: number, length: number) => void): PatternState {
    const [fromRoot, lengths] = [this.#fromRoot, this.#lengths]
    let node = state
    for (let index = 0; index < bytes.length; index++) {
      const byte = bytes[index] ?? 0
      node = node === root ? (fromRoot[byte] ?? root) : this.#step(node, byte)
      const length = lengths[node] ?? 0
      if (length > 0) found(index + 1, length)
    }
    return node
  }

  depth(state: PatternState): number {
    return this.#depths[state] ?? 0
  }

  #step(state: PatternState, byte: number): PatternState {
    for (let node = state; ; node = this.#fallbacks[node] ?? root) {
      const child = this.#childOf(node, byte)
      if (child !== 0 || node === root) return child
    }
  }

  #childOf(node: number, byte: number): number {
    if (node === root) return this.#fromRoot[byte] ?? 0
    let child = this.#children[node] ?? 0
    while (child !== 0 && this.#bytes[child] !== byte) child = this.#siblings[child] ?? 0
    return child
  }

  #addChild(node: number, byte: number): number {
    const child = this.#count++
    this.#bytes[child] = byte
    this.#depths[child] = (this.#depths[node] ?? 0) + 1
    this.#siblings[child] = this.#children[node] ?? 0
    this.#children[node] = child
    if (node === root) this.#fromRoot[byte] = child
    return child
  }
}
