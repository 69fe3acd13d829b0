/** Events that one key may cause in a second: enough to see who tries, too few to fill a company's record. */
export const attemptsPerSecondMax = 10

const windowMs = 1_000

/** Counts the recorded attempts of each key in this process. */
export interface AttemptLimit {
  /** Says whether one more of this key may be recorded now, and counts it. */
  admit(keyId: string, nowMs: number): boolean
}

/** Makes the limit. It holds one entry a key of the verifier's file, so it needs no purge. */
export function createAttemptLimit(): AttemptLimit {
  const windows = new Map<string, { startedMs: number; count: number }>()
  return {
    admit(keyId, nowMs) {
      const current = windows.get(keyId)
      // A clock that was set back starts a new window too.
      if (current === undefined || Math.abs(nowMs - current.startedMs) >= windowMs) {
        windows.set(keyId, { startedMs: nowMs, count: 1 })
        return true
      }
      current.count++
      return current.count <= attemptsPerSecondMax
    }
  }
}
