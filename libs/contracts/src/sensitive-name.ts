/**
 * Decides by its name alone whether a variable, or a member of a configuration, announces a secret.
 *
 * Promises: every name that ends in `_API_KEY`, `_TOKEN`, `_SECRET` or `_PASSWORD` does, whatever stands before.
 * What else does is judged word by word, so that `MONKEY` and `MAX_TOKENS` do not.
 */
import {
  joinedNoun,
  joinedShortNoun,
  keyQualifiers,
  knownPlain,
  knownSecret,
  knownSecretStart,
  neverPublic,
  nounsBehindOthers,
  plainKeyWords,
  providers,
  secretNouns,
  tokenQualifiers,
  trailingQualifiers
} from './sensitive-words.js'

/** Says whether a variable's name announces a secret. Works on words, so that `MONKEY` or `MAX_TOKENS` do not. */
export function isSensitiveName(name: string): boolean {
  const words = wordsOf(name)
  const whole = words.join('_')
  if (knownSecret.some((known) => whole === known || whole.endsWith(`_${known}`))) return true
  if (knownSecretStart.some((known) => whole.startsWith(known))) return true
  if (knownPlain.has(whole)) return false
  while (words.length > 1 && trailingQualifiers.has(words.at(-1) ?? '')) words.pop()
  // `PASSWORD1` is the first of several.
  const last = words.pop()?.replace(/\d{1,9}$/, '')
  if (last === undefined) return false
  words.push(last)
  const before = words.at(-2)
  if (secretNouns.has(last) || joinedNoun.test(last) || joinedShortNoun.test(last)) return true
  const otherMeanings = nounsBehindOthers.get(last)
  if (otherMeanings !== undefined) return before !== undefined && !otherMeanings.has(before)
  if (last === 'TOKENS') return before !== undefined && tokenQualifiers.has(before)
  return isSecretKey(words)
}

function isSecretKey(words: readonly string[]): boolean {
  const last = words.at(-1) ?? ''
  if (last !== 'KEY' && last !== 'KEYS') return last.endsWith('KEY') && keyQualifiers.has(last.slice(0, -3))
  const before = words.at(-2)
  if (before === undefined) return false
  if (words.includes('PUBLIC') && !neverPublic.has(before)) return false
  if (keyQualifiers.has(before) || secretNouns.has(before)) return true
  if (providers.has(words[0] ?? '') && !plainKeyWords.has(before)) return true
  // `ACME_KEY`: one word before it is whose key it is, unless it says what else the key is for.
  return last === 'KEY' && words.length === 2 && !plainKeyWords.has(before)
}

/** Upper-case words of a name in any style; numbers and `v2` only count. */
function wordsOf(name: string): string[] {
  return upperSnake(name)
    .split(/[^A-Z0-9]/)
    .filter((word) => word !== '' && !/^V?\d+$/.test(word))
}

// `apiKey` and `APIKey` are two words each. Of fixed width, so that no name is read more than once.
const wordStart = /(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g

function upperSnake(name: string): string {
  return name.replaceAll(wordStart, '_').toUpperCase()
}

/** Members by which credentials are known that are no secret by their last word alone. */
const credentialPart =
  /(?:^|_)(?:CREDENTIALS?|SECRETS?|TOKENS?|PASSWORD|PASSPHRASE|AUTH|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SERVICE_?ACCOUNT|ROLE_ID|KEY_?FILE|CERT|CERTIFICATE)(?:_|$)/

/**
 * Says whether a member that is not known is named like a part of a credential, such as `accessKeyId`.
 *
 * Wider than {@link isSensitiveName}: it only chooses the words of a refusal that was due anyway.
 */
export function isCredentialName(name: string): boolean {
  return isSensitiveName(name) || credentialPart.test(upperSnake(name).replaceAll(/[^A-Z0-9]+/g, '_'))
}
