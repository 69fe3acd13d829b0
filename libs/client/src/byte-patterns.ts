/**
 * Looks for many byte patterns at once (Aho and Corasick, 1975): one step a byte, however many patterns there are.
 *
 * Kept as arrays of numbers, 21 bytes for each byte of a pattern.
 */

/** Where a search stands: the longest beginning of a pattern that the bytes so far end with. */
export type PatternState = number

/** What a search has to know of its patterns. */
export interface BytePatterns {
  readonly start: PatternState
  next(state: PatternState, byte: number): PatternState
  /** How many of the last bytes are the beginning of a pattern. */
  depth(state: PatternState): number
  /** The length of the longest pattern that ends here, or 0. */
  found(state: PatternState): number
}

const root = 0
const none = -1

/** Builds the search. The patterns may overlap, repeat and contain each other; empty ones find nothing. */
export function bytePatterns(patterns: readonly Uint8Array[]): BytePatterns {
  const nodesMax = 1 + patterns.reduce((sum, { length }) => sum + length, 0)
  const bytes = new Uint8Array(nodesMax)
  const [children, siblings, fallbacks, depths, lengths] = Array.from(
    { length: 5 },
    () => new Int32Array(nodesMax)
  )
  if (!children || !siblings || !fallbacks || !depths || !lengths) throw new Error('unreachable')
  const fromRoot = new Int32Array(256)
  let count = 1

  const childOf = (node: number, byte: number): number => {
    if (node === root) return fromRoot[byte] || none
    let child = children[node] || none
    while (child !== none && bytes[child] !== byte) child = siblings[child] || none
    return child
  }
  const addChild = (node: number, byte: number): number => {
    const child = count++
    bytes[child] = byte
    depths[child] = (depths[node] ?? 0) + 1
    siblings[child] = children[node] ?? 0
    children[node] = child
    if (node === root) fromRoot[byte] = child
    return child
  }
  const step = (state: number, byte: number): number => {
    for (let node = state; ; node = fallbacks[node] ?? root) {
      const child = childOf(node, byte)
      if (child !== none) return child
      if (node === root) return root
    }
  }

  for (const pattern of patterns) {
    let node = root
    for (const byte of pattern) {
      const child = childOf(node, byte)
      node = child === none ? addChild(node, byte) : child
    }
    lengths[node] = pattern.length
  }
  // Breadth first, so that whatever a node falls back to is done before it.
  const queue = new Int32Array(count)
  let queued = 1
  for (let at = 0; at < queued; at++) {
    const node = queue[at] ?? root
    for (let child = children[node] ?? 0; child !== 0; child = siblings[child] ?? 0) {
      const fallback = node === root ? root : step(fallbacks[node] ?? root, bytes[child] ?? 0)
      fallbacks[child] = fallback
      lengths[child] ||= lengths[fallback] ?? 0
      queue[queued++] = child
    }
  }
  return {
    start: root,
    next: step,
    depth: (state) => depths[state] ?? 0,
    found: (state) => lengths[state] ?? 0
  }
}
