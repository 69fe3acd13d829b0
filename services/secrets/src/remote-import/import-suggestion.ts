import {
  type ImportReason,
  isInfraSecretName,
  limits,
  looksLikeCredential,
  slugOf
} from '@paperclip/contracts'

/** What a linked secret is called here. */
export interface ImportName {
  readonly name: string
  readonly key: string
}

const controlCharacters = /\p{Cc}+/gu

/**
 * Proposes a name and key for a remote secret: its own name, cut where it is longer than ours may be, and the key that
 * comes of it. Either may come out empty; {@link nameProblem} then says so.
 */
export function suggestName(remoteName: string): ImportName {
  const name = remoteName.replaceAll(controlCharacters, ' ').trim().slice(0, limits.nameCharsMax).trim()
  return { name, key: slugOf(name) }
}

/** Why nothing may be called so; null when it may. */
export function nameProblem({
  name,
  key
}: ImportName): Extract<ImportReason, 'name_invalid' | 'key_required' | 'infra_secret'> | null {
  // `search` starts anew each time, unlike `test` of an expression that is global.
  if (name === '' || name.search(controlCharacters) >= 0 || looksLikeCredential(name)) return 'name_invalid'
  if (key === '') return 'key_required'
  return isInfraSecretName(name) || isInfraSecretName(key) ? 'infra_secret' : null
}
