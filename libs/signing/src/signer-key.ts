import { parseSignerKey } from './key-file.js'
import { createKeyHolder, type KeyHolderOptions } from './key-holder.js'
import type { SigningKey } from './signing-key.js'

/** A caller's own key, kept in step with its file. */
export interface SignerKey {
  /** The key to sign the next request with, at most a second behind its file. */
  current(): SigningKey
  /** Re-reads the file (on SIGHUP). False means that it is unusable: reported, former key kept. */
  reload(): boolean
  /** Re-reads the file at most once a second; for when the verifier has refused the key. */
  reloadIfDue(): void
}

/** Opens a caller's key file (`loadSignerKey`). Throws KeyFileError when it cannot be used at start. */
export function createSignerKey(path: string, options: KeyHolderOptions): SignerKey {
  return createKeyHolder({ path, parse: parseSignerKey, keyIds: (key) => [key.id] }, options)
}
