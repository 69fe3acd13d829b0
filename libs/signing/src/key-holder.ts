import { hash } from 'node:crypto'
import { type KeyFileError, readKeyFile } from './key-file-reader.js'

/** How often a key id nobody knows may make us read the file: cheap enough for a stranger to trigger. */
const reloadIntervalMsMin = 1000

/** What a re-reading of a key file came to. On `kept` the file was unusable and the former keys stay in force. */
export type KeyReload =
  | { readonly outcome: 'reloaded'; readonly path: string; readonly keyIds: readonly string[] }
  | { readonly outcome: 'kept'; readonly path: string; readonly error: KeyFileError }

/** What a holder needs from outside: the clock, and where to report. Reports carry key ids, no secrets. */
export interface KeyHolderOptions {
  readonly nowMs: () => number
  readonly onReload: (report: KeyReload) => void
}

/** The present content of a key file. */
export interface KeyHolder<T> {
  current(): T
  /** Reads the file now and reports; false means it was unusable and the former keys were kept. */
  reload(): boolean
  /** Reads the file unless that was done within the last second; reports only if the file changed. */
  reloadIfDue(): void
}

/**
 * Loads a key file and holds it. Throws KeyFileError if the first reading fails; later ones never throw.
 *
 * Reading is synchronous: it happens in the middle of verifying a request, at most once a second, on a file of a
 * few kilobytes. Whoever writes the file must replace it by renaming, so that half of it is never read.
 */
export function createKeyHolder<T>(
  file: { path: string; parse: (path: string, text: string) => T; keyIds: (content: T) => string[] },
  { nowMs, onReload }: KeyHolderOptions
): KeyHolder<T> {
  const { path, parse, keyIds } = file
  const firstText = readKeyFile(path)
  let content = parse(path, firstText)
  let readAtMs = nowMs()
  let lastSeen = fingerprint(firstText)

  function read({ reportUnchanged }: { reportUnchanged: boolean }): boolean {
    readAtMs = nowMs()
    let report: KeyReload
    let seen = 'unreadable'
    try {
      const text = readKeyFile(path)
      seen = fingerprint(text)
      content = parse(path, text)
      report = { outcome: 'reloaded', path, keyIds: keyIds(content) }
    } catch (error) {
      report = { outcome: 'kept', path, error: error as KeyFileError }
    }
    const changed = seen !== lastSeen
    lastSeen = seen
    if (changed || reportUnchanged) onReload(report)
    return report.outcome === 'reloaded'
  }

  return {
    current: () => content,
    reload: () => read({ reportUnchanged: true }),
    reloadIfDue() {
      // Below zero: the clock was set back, which must not stop reloading for as long as it was ahead.
      const sinceMs = nowMs() - readAtMs
      if (sinceMs < 0 || sinceMs >= reloadIntervalMsMin) read({ reportUnchanged: false })
    }
  }
}

// Only to notice a change; the file holds 256-bit secrets, which a hash does not give away.
function fingerprint(text: string): string {
  return hash('sha256', text)
}
