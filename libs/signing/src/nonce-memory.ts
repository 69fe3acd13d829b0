import { signingProfile } from './profile.js'

/** What became of a nonce. `full` means "answer 503": forgetting an unexpired nonce would allow its replay. */
export type NonceOutcome = 'new' | 'replayed' | 'full'

/** The nonces this process has accepted and that could still be replayed. */
export interface NonceMemory {
  /** Takes a nonce of a verified request, once. Call it after the body was verified, never before. */
  remember(nonce: { keyId: string; nonce: string; expiresMs: number }, nowMs: number): NonceOutcome
  /** How many are held now. */
  size(): number
}

/**
 * Remembers nonces until 5 s after they expire, at most `entriesMax` of them.
 *
 * Entries are grouped by the second in which they may go, so expiry costs one look at a few dozen groups once a
 * second and needs no timer. 30 s at 5,000 requests a second are 175,000 entries, about 25 MB.
 */
export function createNonceMemory({ entriesMax }: { entriesMax: number }): NonceMemory {
  const held = new Set<string>()
  const groups = new Map<number, string[]>()
  let sweptSecond = Number.NEGATIVE_INFINITY

  function sweep(nowSecond: number): void {
    sweptSecond = nowSecond
    for (const [second, entries] of groups) {
      if (second >= nowSecond) continue
      for (const entry of entries) held.delete(entry)
      groups.delete(second)
    }
  }

  return {
    remember({ keyId, nonce, expiresMs }, nowMs) {
      const nowSecond = Math.floor(nowMs / 1000)
      if (nowSecond > sweptSecond) sweep(nowSecond)
      // A key id holds no space, so no two pairs share an entry.
      const entry = `${keyId} ${nonce}`
      if (held.has(entry)) return 'replayed'
      if (held.size >= entriesMax) return 'full'
      held.add(entry)
      const second = Math.ceil(expiresMs / 1000) + signingProfile.nonceKeptSeconds
      const group = groups.get(second)
      if (group === undefined) groups.set(second, [entry])
      else group.push(entry)
      return 'new'
    },
    size: () => held.size
  }
}
