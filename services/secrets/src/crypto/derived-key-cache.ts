/**
 * Remembers derived version keys, because HKDF is the dearest step of opening a small value.
 *
 * It is never more than a saved computation: an entry answers only for the same version id, company key
 * bytes and salt, and `open` still compares the commitment and verifies the tag. It holds keys, never a plaintext
 * and never a permission.
 */
import type { KeyObject } from 'node:crypto'
import type { CompanyKey } from './company-key.js'
import type { VersionKey } from './version-key.js'

/** What an entry stands for. */
export interface DerivedKeyName {
  readonly companyKey: CompanyKey
  readonly versionId: string
  readonly salt: Buffer
}

/** A bounded cache of derived keys; when full, the least recently used one goes. */
export interface DerivedKeyCache {
  /** How many keys it holds now, at most `entriesMax`. */
  readonly size: number
  /** Finds a key and marks it as used. */
  find(name: DerivedKeyName): VersionKey | undefined
  /** Keeps a key. `open` calls this only for what has verified, so that garbage cannot push out good entries. */
  remember(name: DerivedKeyName, versionKey: VersionKey): void
  /** Forgets everything, as after a company's key was destroyed. */
  clear(): void
}

interface Entry {
  readonly derivedFrom: KeyObject
  readonly salt: Buffer
  readonly versionKey: VersionKey
}

/** Makes an empty cache; `entriesMax` is an integer of at least 1, and an entry takes about half a kilobyte. */
export function createDerivedKeyCache({ entriesMax }: { readonly entriesMax: number }): DerivedKeyCache {
  if (!Number.isInteger(entriesMax) || entriesMax < 1) throw new RangeError('entriesMax must be at least 1.')
  // A Map walks its entries in the order of insertion: moving an entry to the end when it is used
  // leaves the least recently used one first.
  const entries = new Map<string, Entry>()
  return {
    get size() {
      return entries.size
    },
    find({ companyKey, versionId, salt }) {
      const entry = entries.get(versionId)
      // The id only finds the entry. That it came from these very key and salt bytes is checked, not assumed.
      if (entry === undefined || !entry.salt.equals(salt) || !entry.derivedFrom.equals(companyKey.key)) {
        return undefined
      }
      entries.delete(versionId)
      entries.set(versionId, entry)
      return entry.versionKey
    },
    remember({ companyKey, versionId, salt }, versionKey) {
      entries.delete(versionId)
      // A copy: the given salt is a view that would keep the whole row's bytes alive.
      entries.set(versionId, { derivedFrom: companyKey.key, salt: Buffer.from(salt), versionKey })
      for (const leastRecentlyUsed of entries.keys()) {
        if (entries.size <= entriesMax) break
        entries.delete(leastRecentlyUsed)
      }
    },
    clear() {
      entries.clear()
    }
  }
}
