import { parseVerifierKeys } from './key-file.js'
import { createKeyHolder, type KeyHolderOptions } from './key-holder.js'
import type { VerifierKey } from './signing-key.js'

/** The keys a verifier accepts, kept in step with their file. */
export interface VerifierKeyring {
  /** Finds a key by id. Whether the file has changed is looked up once a second; an id not known re-reads it. */
  find(keyId: string): VerifierKey | undefined
  /** Every caller's secret, base64url as in the file. For comparing what may not be stored; never to be shown. */
  secrets(): readonly string[]
  /** Re-reads the file (on SIGHUP). False means that it is unusable: reported, former keys kept. */
  reload(): boolean
}

/**
 * Opens a verifier's key file (`loadVerifierKeys`). Throws KeyFileError when it cannot be used at start.
 *
 * A key added to the file works with the first request that names it, unless strangers made us read within the
 * last second. A key taken out is refused a second later at most, and at once after SIGHUP.
 */
export function createVerifierKeyring(path: string, options: KeyHolderOptions): VerifierKeyring {
  const parse = (file: string, text: string) =>
    new Map(parseVerifierKeys(file, text).map((key) => [key.id, key]))
  const holder = createKeyHolder({ path, parse, keyIds: (keys) => [...keys.keys()] }, options)
  return {
    find(keyId) {
      const key = holder.current().get(keyId)
      if (key !== undefined) return key
      holder.reloadIfDue()
      return holder.current().get(keyId)
    },
    secrets: () =>
      [...holder.current().values()].map(({ hmacKey }) => hmacKey.export().toString('base64url')),
    reload: holder.reload
  }
}
