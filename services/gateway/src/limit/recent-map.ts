/** A map that forgets what has not been used for long, so that strangers cannot make it grow. */
export interface RecentMap<V> {
  get(key: string): V | undefined
  set(key: string, value: V): void
  readonly size: number
}

/**
 * Makes a map of at most `entriesMax` entries; the last half of that number in use is always there.
 *
 * Two generations instead of a list in order of use: a full young one becomes the old one and the former old one is
 * dropped whole, so every call is constant time, without timers and without moving anything on most reads.
 */
export function createRecentMap<V>({ entriesMax }: { entriesMax: number }): RecentMap<V> {
  const generationMax = Math.floor(entriesMax / 2)
  let young = new Map<string, V>()
  let old = new Map<string, V>()

  function set(key: string, value: V): void {
    if (young.size >= generationMax && !young.has(key)) {
      old = young
      young = new Map()
    }
    young.set(key, value)
    old.delete(key)
  }

  return {
    get(key) {
      const value = young.get(key)
      if (value !== undefined) return value
      const older = old.get(key)
      if (older !== undefined) set(key, older)
      return older
    },
    set,
    get size() {
      return young.size + old.size
    }
  }
}
