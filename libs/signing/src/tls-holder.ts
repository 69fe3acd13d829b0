import type { KeyFileError } from './key-file-reader.js'
import type { TlsFiles } from './tls-files.js'
import { loadTlsIdentity, type TlsIdentity } from './tls-identity.js'

/** What a re-reading came to. On `kept` a file was unusable and the former identity stays in force. */
export type TlsReload =
  | { readonly outcome: 'reloaded'; readonly identity: TlsIdentity }
  | { readonly outcome: 'kept'; readonly error: KeyFileError }

/** One side's part of mutual TLS, kept in step with its files. */
export interface TlsHolder {
  /** The identity to make new connections with; another object after each successful re-reading. */
  current(): TlsIdentity
  /** Re-reads the files (on SIGHUP). False means that one is unusable: reported, former identity kept. */
  reload(): boolean
}

/**
 * Opens the files and holds what they say. Throws KeyFileError when they cannot be used at start; later never.
 * Half-replaced files do not fit together and are kept out, so their order does not matter.
 */
export function createTlsHolder(
  files: TlsFiles,
  { nowMs, onReload }: { nowMs: () => number; onReload: (report: TlsReload) => void }
): TlsHolder {
  let identity = loadTlsIdentity(files, { nowMs: nowMs() })
  return {
    current: () => identity,
    reload() {
      try {
        identity = loadTlsIdentity(files, { nowMs: nowMs() })
      } catch (error) {
        onReload({ outcome: 'kept', error: error as KeyFileError })
        return false
      }
      onReload({ outcome: 'reloaded', identity })
      return true
    }
  }
}
