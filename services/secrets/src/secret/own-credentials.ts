import { createHash } from 'node:crypto'
import { ownCredentialGuidance } from '@paperclip/contracts'
import { AppError, type SecretValue } from '@paperclip/server'
import { credentialForms } from './credential-forms.js'
import { createFormFinder, formBytesMin } from './form-finder.js'

/** What this deployment runs with itself, and no company may store. */
export interface OwnCredentials {
  /** Says whether a text is, or holds anywhere, a credential of this process, in any spelling of its bytes. */
  isIn(text: string | Buffer): boolean
  /** Throws `infra_secret` for such a text. */
  refuse(text: string | Buffer): void
}

/**
 * Knows the credentials of this process, so that comparing takes the same time whatever is alike.
 *
 * Only those are refused, and no key because of its look alone: an agent's own AWS key is what company secrets are
 * for. `held` gives what is known only while the process runs: what a credential chain has loaded so far, the keys of
 * callers.
 */
export function createOwnCredentials(options: {
  readonly configured: readonly SecretValue[]
  readonly held: () => readonly SecretValue[]
}): OwnCredentials {
  const { configured, held } = options
  let known = { digest: '', isFoundIn: createFormFinder([]) }

  /** Made anew only when a credential came or went: writes pay for one search, not for its preparation. */
  function finder(): (text: Buffer) => boolean {
    const own = [...new Set([...configured, ...held()].map((each) => each.reveal()))]
    const digest = createHash('sha256').update(JSON.stringify(own)).digest('base64')
    if (digest !== known.digest)
      known = { digest, isFoundIn: createFormFinder(own.filter(isLong).flatMap(credentialForms)) }
    return known.isFoundIn
  }

  function isIn(text: string | Buffer): boolean {
    const isFoundIn = finder()
    // Encoded text is broken into lines, and is the same text; so is that of a URL.
    const bare = text.toString().replaceAll(/\s+/g, '')
    const decoded = bare.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, code: string) =>
      String.fromCharCode(Number.parseInt(code, 16))
    )
    return [...new Set([bare, decoded])].some((each) => isFoundIn(Buffer.from(each)))
  }

  return {
    isIn,
    refuse(text) {
      if (isIn(text)) throw new AppError('infra_secret', { detail: ownCredentialGuidance })
    }
  }
}

/** What is shorter may stand in any text by chance; nothing that is made at random is. */
function isLong(credential: string): boolean {
  return Buffer.byteLength(credential) >= formBytesMin
}
