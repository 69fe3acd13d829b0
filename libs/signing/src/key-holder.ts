import { hash } from 'node:crypto'
import { statSync } from 'node:fs'
import { type KeyFileError, readKeyFile } from './key-file-reader.js'

/** How often a key id nobody knows may make us read the file: cheap enough for a stranger to trigger. */
const reloadIntervalMsMin = 1000

/** How long a change of the file may go unnoticed while keys are in use. One `stat` of some microseconds each. */
const checkIntervalMs = 1000

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
  /** The content, at most a second behind the file: a changed one is read, and reported, before this returns. */
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
  // Before the reading: a change between the two is noticed by the first check.
  let stamp = stampOf(path)
  const firstText = readKeyFile(path)
  let content = parse(path, firstText)
  let readAtMs = nowMs()
  let checkedAtMs = readAtMs
  let lastSeen = fingerprint(firstText)

  function read({ reportUnchanged }: { reportUnchanged: boolean }): boolean {
    readAtMs = nowMs()
    checkedAtMs = readAtMs
    stamp = stampOf(path)
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

  function isDue(sinceMs: number, intervalMs: number): boolean {
    const passedMs = nowMs() - sinceMs
    // Below zero: the clock was set back, which must not stop reloading for as long as it was ahead.
    return passedMs < 0 || passedMs >= intervalMs
  }

  return {
    current() {
      if (isDue(checkedAtMs, checkIntervalMs)) {
        checkedAtMs = nowMs()
        if (stampOf(path) !== stamp) read({ reportUnchanged: false })
      }
      return content
    },
    reload: () => read({ reportUnchanged: true }),
    reloadIfDue() {
      if (isDue(readAtMs, reloadIntervalMsMin)) read({ reportUnchanged: false })
    }
  }
}

/** Differs whenever the file was replaced, written to, given other rights or taken away. */
function stampOf(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true })
    return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
  } catch {
    // Why, the reading tells.
    return 'unreachable'
  }
}

// Only to notice a change; the file holds 256-bit secrets, which a hash does not give away.
function fingerprint(text: string): string {
  return hash('sha256', text)
}
