import { createHash } from 'node:crypto'
import { ownCredentialGuidance } from '@paperclip/contracts'
import { AppError, type SecretValue } from '@paperclip/server'

/** What this deployment runs with itself, and no company may store. */
export interface OwnCredentials {
  /** Throws `infra_secret` for a value that is, or names as one of its words, a credential of this process. */
  refuse(value: Buffer): void
}

/** What a credential stands between in a file, a line of shell, or JSON. Padding of base64 is no part of it. */
const separators = /[\s"'`,;:=&<>{}()[\]]+/

/**
 * Knows the credentials of this process by digest, so that comparing takes the same time whatever is alike.
 *
 * Only those are refused, and no key because of its look alone: an agent's own AWS key is what company secrets are
 * for. `held` gives what a credential chain has loaded so far.
 */
export function createOwnCredentials(options: {
  readonly configured: readonly SecretValue[]
  readonly held: () => readonly SecretValue[]
}): OwnCredentials {
  const { configured, held } = options
  return {
    refuse(value) {
      const own = [...configured, ...held()].map((each) => withoutPadding(each.reveal()))
      const lengths = new Set(own.map(({ length }) => length))
      const digests = new Set(own.map(digestOf))
      const words = value.toString().split(separators).map(withoutPadding)
      const found = words.some((word) => lengths.has(word.length) && digests.has(digestOf(word)))
      if (found) throw new AppError('infra_secret', { detail: ownCredentialGuidance })
    }
  }
}

function withoutPadding(text: string): string {
  return text.replace(/={1,2}$/, '')
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
