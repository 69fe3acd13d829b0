/**
 * Decides by its name alone whether a variable, or a member of a configuration, announces a secret.
 *
 * Promises: every name that ends in `_API_KEY`, `_TOKEN`, `_SECRET` or `_PASSWORD` does, whatever stands before.
 * What else does is judged word by word, so that `MONKEY` and `MAX_TOKENS` do not.
 */

/** Last words that make a name sensitive by themselves. */
const secretNouns = new Set([
  'SECRET', 'SECRETS', 'PASSWORD', 'PASSWORDS', 'PASSWD', 'PASSPHRASE', 'PASSCODE', 'TOKEN', 'JWT', 'BEARER',
  'AUTHORIZATION', 'CREDENTIAL', 'CREDENTIALS', 'PAT', 'COOKIE', 'DSN', 'MNEMONIC', 'DBPASS', 'USERPASS',
  'CREDS', 'DBPWD', 'ROOTPW', 'BINDPW'
]) // biome-ignore format: a list reads better packed
/** Last words that do so only behind another word, given those behind which they mean something else. */
const nounsBehindOthers: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  // Alone it is the shell's working directory.
  ['PWD', new Set(['OLD', 'INIT'])],
  ['PW', new Set()],
  ['PASS', new Set(['FIRST', 'SECOND', 'LAST', 'RENDER', 'DRY', 'SINGLE', 'MULTI', 'TWO', 'BOARDING', 'BY', 'MAX'])]
]) // biome-ignore format: a list reads better packed
/** Words that make `<…>_<WORD>_KEY` a secret: what it opens, or who hands it out. */
const keyQualifiers = new Set([
  'API', 'ACCESS', 'SECRET', 'PRIVATE', 'SIGNING', 'ENCRYPTION', 'MASTER', 'AUTH', 'SERVICE', 'ACCOUNT', 'APP', 'AI',
  'DEPLOY', 'SSH', 'TLS', 'SSL', 'RSA', 'PGP', 'GPG', 'WEBHOOK', 'SHARED', 'LICENSE', 'ADMIN', 'CLIENT', 'ROLE',
  'HMAC', 'SESSION', 'VAULT', 'DECRYPTION', 'AES', 'KMS', 'SUBSCRIPTION', 'SA', 'AGE', 'WG',
  'OPENAI', 'ANTHROPIC', 'CLAUDE', 'GEMINI', 'GOOGLE', 'MISTRAL', 'COHERE', 'GROQ', 'XAI', 'DEEPSEEK', 'OPENROUTER',
  'REPLICATE', 'AWS', 'AZURE', 'COSMOS', 'STRIPE', 'TWILIO', 'SENDGRID', 'MAILGUN', 'DATADOG', 'ALGOLIA', 'GITHUB',
  'GITLAB', 'SUPABASE', 'CLOUDFLARE', 'PINECONE', 'LANGSMITH', 'LANGFUSE', 'TAVILY', 'SERPAPI'
]) // biome-ignore format: a list reads better packed
/** `MAX_TOKENS` counts; these are the tokens somebody may use. */
const tokenQualifiers = new Set(['API', 'ACCESS', 'AUTH', 'REFRESH', 'BEARER', 'SECRET', 'BOT'])
/** Words that make `<WORD>_KEY` a key of another kind: one that names, sorts or finds, or that everyone may have. */
const plainKeyWords = new Set([
  'PUBLIC', 'PUBLISHABLE', 'ANON', 'SITE', 'PRIMARY', 'FOREIGN', 'UNIQUE', 'COMPOSITE', 'NATURAL', 'SURROGATE',
  'SORT', 'PARTITION', 'SHARD', 'HASH', 'RANGE', 'INDEX', 'CLUSTER', 'CACHE', 'STORAGE', 'OBJECT', 'LOOKUP', 'MAP',
  'IDEMPOTENCY', 'DEDUPLICATION', 'LOCK', 'ROUTING', 'GROUP', 'QUEUE', 'TOPIC', 'EVENT', 'MESSAGE', 'COLUMN', 'ROW',
  'TABLE', 'FIELD', 'ITEM', 'PARENT', 'START', 'END', 'NEXT', 'LAST', 'FIRST', 'PROJECT', 'ISSUE', 'TRANSLATION',
  'CONFIG', 'FEATURE', 'FLAG', 'LABEL', 'TAG', 'ARROW', 'SHORTCUT', 'MODIFIER', 'META', 'ENTER', 'ESCAPE', 'HOT',
  'JOIN', 'GROUPING', 'ORDER', 'S3', 'HOST', 'DICT', 'JSON', 'COMMON', 'KNOWN', 'AUTHORIZED', 'REGISTRY', 'SCHEMA',
  'CTRL', 'ALT', 'SHIFT', 'FN', 'DEL', 'DELETE', 'SPACE', 'TAB', 'LEFT', 'RIGHT', 'UP', 'DOWN', 'REPO', 'BOARD'
]) // biome-ignore format: a list reads better packed
/** Even where `PUBLIC` stands in the name, as in `NEXT_PUBLIC_…_API_KEY`. */
const neverPublic = new Set(['API', 'ACCESS', 'SECRET', 'PRIVATE'])
/** Say which, how it is written, or for where; what it is stands before them. */
const trailingQualifiers = new Set([
  'VALUE', 'RAW', 'BASE', 'BASE64', 'B64', 'HEX', 'JSON', 'PEM', 'ENCODED', 'HASH', 'CONTENT', 'CONTENTS', 'OLD',
  'NEW', 'PREVIOUS', 'CURRENT', 'NEXT', 'DEFAULT', 'PRIMARY', 'SECONDARY', 'BACKUP', 'PROD', 'PRODUCTION', 'DEV',
  'DEVELOPMENT', 'STAGING', 'STAGE', 'TEST', 'LIVE', 'SANDBOX', 'LOCAL', 'CI'
]) // biome-ignore format: a list reads better packed
/** Written together with the word before, as in `PGPASSWORD` or `AUTHTOKEN`. */
const joinedNoun = /(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|APIKEY)$/

/** Names whose words say nothing, that are known to hold a credential. */
const knownSecret = new Set([
  'REDISCLI_AUTH', 'REDIS_AUTH', 'BASIC_AUTH', 'NPM_CONFIG_AUTH', 'DOCKER_AUTH_CONFIG', 'DOCKERCONFIGJSON',
  'VAULT_SECRET_ID', 'AZURE_STORAGE_KEY', 'SEED_PHRASE', 'RECOVERY_PHRASE', 'WALLET_SEED', 'COMPOSER_AUTH',
  'TOTP_SEED', 'OTP_SEED', 'APIKEYS'
]) // biome-ignore format: a list reads better packed
/** Names whose words say a secret, that are known to hold a path. */
const knownPlain = new Set(['GOOGLE_APPLICATION_CREDENTIALS'])

/** Says whether a variable's name announces a secret. Works on words, so that `MONKEY` or `MAX_TOKENS` do not. */
export function isSensitiveName(name: string): boolean {
  const words = wordsOf(name)
  const whole = words.join('_')
  if (knownSecret.has(whole)) return true
  if (knownPlain.has(whole)) return false
  while (words.length > 1 && trailingQualifiers.has(words.at(-1) ?? '')) words.pop()
  // `PASSWORD1` is the first of several.
  const last = words.pop()?.replace(/\d{1,9}$/, '')
  if (last === undefined) return false
  words.push(last)
  const before = words.at(-2)
  if (secretNouns.has(last) || joinedNoun.test(last)) return true
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
