/**
 * Decides what must not lie about in the open: a variable whose name says so, or a value that looks like a
 * known credential whatever its name. One matcher for storage, redaction and strict mode.
 */

/** Words that make a name sensitive as its last word, or anywhere when followed only by a qualifier. */
const secretNouns = new Set([
  'SECRET', 'SECRETS', 'PASSWORD', 'PASSWD', 'PASSPHRASE', 'PWD', 'TOKEN', 'JWT', 'BEARER', 'AUTHORIZATION',
  'CREDENTIAL', 'CREDENTIALS', 'APIKEY', 'PAT', 'COOKIE', 'DSN', 'PRIVATEKEY'
]) // biome-ignore format: a list reads better packed
const keyQualifiers = new Set([
  'API', 'ACCESS', 'SECRET', 'PRIVATE', 'SIGNING', 'ENCRYPTION', 'MASTER', 'AUTH', 'SERVICE', 'ACCOUNT',
  'DEPLOY', 'SSH', 'WEBHOOK', 'SHARED', 'LICENSE', 'ADMIN', 'CLIENT', 'ROLE', 'HMAC', 'SESSION'
]) // biome-ignore format: a list reads better packed
/** Words that make `<WORD>_KEY` a key of another kind: one that names, sorts or finds, or that everyone may have. */
const plainKeyWords = new Set([
  'PUBLIC', 'PUBLISHABLE', 'ANON', 'SITE', 'PRIMARY', 'FOREIGN', 'UNIQUE', 'COMPOSITE', 'NATURAL', 'SURROGATE',
  'SORT', 'PARTITION', 'SHARD', 'HASH', 'RANGE', 'INDEX', 'CLUSTER', 'CACHE', 'STORAGE', 'OBJECT', 'LOOKUP', 'MAP',
  'IDEMPOTENCY', 'DEDUPLICATION', 'LOCK', 'ROUTING', 'GROUP', 'QUEUE', 'TOPIC', 'EVENT', 'MESSAGE', 'COLUMN', 'ROW',
  'TABLE', 'FIELD', 'ITEM', 'PARENT', 'START', 'END', 'NEXT', 'LAST', 'FIRST', 'PROJECT', 'ISSUE', 'TRANSLATION',
  'CONFIG', 'FEATURE', 'FLAG', 'LABEL', 'TAG', 'ARROW', 'SHORTCUT', 'MODIFIER', 'META', 'ENTER', 'ESCAPE', 'HOT'
]) // biome-ignore format: a list reads better packed
const trailingQualifiers = new Set([
  'VALUE', 'RAW', 'BASE', 'BASE64', 'B64', 'JSON', 'OLD', 'NEW', 'PREVIOUS', 'KEY'
]) // biome-ignore format: a list reads better packed
/** Written together with the word before, as in `PGPASSWORD` or `AUTHTOKEN`. */
const joinedNoun = /(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|APIKEY)$/

/** Says whether a variable's name announces a secret. Works on words, so that `MONKEY` or `MAX_TOKENS` do not. */
export function isSensitiveName(name: string): boolean {
  const words = name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase()
    .split(/[^A-Z0-9]+/)
    .filter((word) => word !== '' && !/^\d+$/.test(word))
  while (words.length > 1 && trailingQualifiers.has(words.at(-1) as string) && words.at(-1) !== 'KEY')
    words.pop()
  const last = words.at(-1)
  if (last === undefined) return false
  if (secretNouns.has(last) || joinedNoun.test(last)) return true
  if (last !== 'KEY' && last !== 'KEYS') return false
  const before = words.at(-2)
  if (before === undefined) return false
  if (keyQualifiers.has(before) || secretNouns.has(before)) return true
  // `STRIPE_KEY`: one word before it is whose key it is, unless it says what else the key is for.
  return last === 'KEY' && words.length === 2 && !plainKeyWords.has(before)
}

/** Members by which credentials are known that are no secret by their last word alone. */
const credentialPart =
  /(?:^|_)(?:CREDENTIALS?|SECRETS?|TOKENS?|PASSWORD|PASSPHRASE|AUTH|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SERVICE_?ACCOUNT|ROLE_ID|KEY_?FILE|CERT|CERTIFICATE)(?:_|$)/

/** Says whether a member that is not known is named like a part of a credential, such as `accessKeyId`. */
export function isCredentialName(name: string): boolean {
  const words = name.replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()
  return isSensitiveName(name) || credentialPart.test(words.replaceAll(/[^A-Z0-9]+/g, '_'))
}

/** What may fail late is bounded, or starts once only: else a hostile value would be read to its end many times. */
const valueShapes: readonly RegExp[] = [
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/,
  // Drawn text has digits, package names such as `sk-learn-contrib-extras` have none.
  /\bsk-(?:ant|proj|or|svcacct|admin)-(?=[A-Za-z_-]{0,80}\d)[A-Za-z0-9_-]{16,}/,
  /\bsk-(?=[A-Za-z]{0,80}\d)(?=\d{0,80}[A-Za-z])[A-Za-z0-9]{16,}/,
  /\bsk-(?=[a-z0-9_-]{0,80}[A-Z])(?=[A-Z0-9_-]{0,80}[a-z])(?=[A-Za-z_-]{0,80}\d)[A-Za-z0-9_-]{20,}/,
  /\b[rs]k_(?:live|test)_[A-Za-z0-9]{10,}/,
  /\bgh[pousr]_[A-Za-z0-9]{16,}/,
  /\bgithub_pat_[A-Za-z0-9_]{20,}/,
  /\bglpat-[A-Za-z0-9_-]{16,}/,
  /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/,
  /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
  /\bAIza[A-Za-z0-9_-]{30,}/,
  /\bnpm_[A-Za-z0-9]{30,}/,
  /\bhf_[A-Za-z0-9]{20,}/,
  /\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}/,
  /\bpaperclip_(?:agent|board)_[A-Za-z0-9_-]{20,}/,
  /(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/,
  /\b[a-z][a-z0-9+.-]{0,40}:\/\/[^\s/:@]*:[^\s/@]+@/i,
  /^(?:Bearer|Basic)\s+[A-Za-z0-9+/=._-]{16,}$/i
]

/** Says whether a value has the shape of a known credential, whatever its variable is called. */
export function looksLikeCredential(value: string): boolean {
  return valueShapes.some((shape) => shape.test(value))
}

/** Says whether a plain variable must be sealed at rest, redacted in replies, and refused in strict mode. */
export function isSensitive(name: string, value: string): boolean {
  return isSensitiveName(name) || looksLikeCredential(value)
}

const infraNames = new Set([
  'BETTER_AUTH_SECRET',
  'DATABASE_URL',
  'DATABASE_MIGRATION_URL',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_ACCESS_KEY_ID',
  'AWS_SESSION_TOKEN'
])

/** Says whether a secret's name or key is one of the deployment's own, which no company may hold. */
export function isInfraSecretName(name: string): boolean {
  const folded = name.trim().toUpperCase().replaceAll('-', '_')
  return infraNames.has(folded) || folded.startsWith('PAPERCLIP_') || folded.startsWith('PORKBUN_')
}
