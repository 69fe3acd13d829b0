/** Words of names, by what they say of a secret. Judged in `sensitive-name.ts`. */

/** Last words that make a name sensitive by themselves. */
export const secretNouns: ReadonlySet<string> = new Set([
  'SECRET', 'SECRETS', 'PASSWORD', 'PASSWORDS', 'PASSWD', 'PASSPHRASE', 'PASSCODE', 'TOKEN', 'JWT', 'BEARER',
  'AUTHORIZATION', 'CREDENTIAL', 'CREDENTIALS', 'PAT', 'COOKIE', 'DSN', 'MNEMONIC', 'CREDS'
]) // biome-ignore format: a list reads better packed
/** Last words that do so only behind another word, given those behind which they mean something else. */
export const nounsBehindOthers: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  // Alone it is the shell's working directory.
  ['PWD', new Set(['OLD', 'INIT'])],
  ['PW', new Set()],
  ['PASS', new Set(['FIRST', 'SECOND', 'LAST', 'RENDER', 'DRY', 'SINGLE', 'MULTI', 'TWO', 'BOARDING', 'BY', 'MAX'])],
  ['COOKIES', new Set(['ACCEPT', 'ALLOW', 'BLOCK', 'ENABLE', 'DISABLE', 'USE', 'NO', 'SECURE', 'PARTY'])],
  ['SALT', new Set(['SEA', 'TABLE', 'ROCK', 'NO'])],
  ['PEPPER', new Set(['BLACK', 'BELL'])]
]) // biome-ignore format: a list reads better packed
/** Who hands out keys: `<PROVIDER>_…_KEY` is one of theirs, and `API_KEY_<PROVIDER>` says whose. */
export const providers: ReadonlySet<string> = new Set([
  'OPENAI', 'ANTHROPIC', 'CLAUDE', 'GEMINI', 'GOOGLE', 'MISTRAL', 'COHERE', 'GROQ', 'XAI', 'DEEPSEEK', 'OPENROUTER',
  'REPLICATE', 'AWS', 'AZURE', 'COSMOS', 'STRIPE', 'TWILIO', 'SENDGRID', 'MAILGUN', 'DATADOG', 'ALGOLIA', 'GITHUB',
  'GITLAB', 'SUPABASE', 'CLOUDFLARE', 'PINECONE', 'LANGSMITH', 'LANGFUSE', 'TAVILY', 'SERPAPI', 'HUGGINGFACE',
  'FIREWORKS', 'PERPLEXITY', 'ELEVENLABS', 'BEDROCK', 'BITBUCKET', 'SLACK', 'DISCORD', 'TELEGRAM', 'NOTION',
  'PYPI', 'NPM', 'BACKBLAZE', 'FIRECRAWL', 'SENTRY', 'GRAFANA', 'POSTMARK'
]) // biome-ignore format: a list reads better packed
/** Words that make `<…>_<WORD>_KEY` a secret: what it opens, or what it is for. */
export const keyQualifiers: ReadonlySet<string> = new Set([
  'API', 'ACCESS', 'SECRET', 'PRIVATE', 'SIGNING', 'ENCRYPTION', 'MASTER', 'AUTH', 'SERVICE', 'ACCOUNT', 'APP', 'AI',
  'DEPLOY', 'SSH', 'TLS', 'SSL', 'RSA', 'PGP', 'GPG', 'WEBHOOK', 'SHARED', 'LICENSE', 'ADMIN', 'CLIENT', 'ROLE',
  'HMAC', 'SESSION', 'VAULT', 'DECRYPTION', 'AES', 'KMS', 'SUBSCRIPTION', 'SA', 'AGE', 'WG', 'APPLICATION', 'SERVER',
  'CA', 'CRYPT', 'CRYPTO', 'CIPHER', 'FERNET', 'UNSEAL', 'RECOVERY', 'READ', 'WRITE', 'INSERT', 'INGEST', 'INGESTION',
  ...providers
]) // biome-ignore format: a list reads better packed
/** `MAX_TOKENS` counts; these are the tokens somebody may use. */
export const tokenQualifiers: ReadonlySet<string> = new Set([
  'API',
  'ACCESS',
  'AUTH',
  'REFRESH',
  'BEARER',
  'SECRET',
  'BOT'
])
/** Words that make `<WORD>_KEY` a key of another kind: one that names, sorts or finds, or that everyone may have. */
export const plainKeyWords: ReadonlySet<string> = new Set([
  'PUBLIC', 'PUBLISHABLE', 'ANON', 'SITE', 'PRIMARY', 'FOREIGN', 'UNIQUE', 'COMPOSITE', 'NATURAL', 'SURROGATE',
  'SORT', 'PARTITION', 'SHARD', 'HASH', 'RANGE', 'INDEX', 'CLUSTER', 'CACHE', 'STORAGE', 'OBJECT', 'LOOKUP', 'MAP',
  'IDEMPOTENCY', 'DEDUPLICATION', 'LOCK', 'ROUTING', 'GROUP', 'QUEUE', 'TOPIC', 'EVENT', 'MESSAGE', 'COLUMN', 'ROW',
  'TABLE', 'FIELD', 'ITEM', 'PARENT', 'START', 'END', 'NEXT', 'LAST', 'FIRST', 'PROJECT', 'ISSUE', 'TRANSLATION',
  'CONFIG', 'FEATURE', 'FLAG', 'LABEL', 'TAG', 'ARROW', 'SHORTCUT', 'MODIFIER', 'META', 'ENTER', 'ESCAPE', 'HOT',
  'JOIN', 'GROUPING', 'ORDER', 'S3', 'HOST', 'DICT', 'JSON', 'COMMON', 'KNOWN', 'AUTHORIZED', 'REGISTRY', 'SCHEMA',
  'CTRL', 'ALT', 'SHIFT', 'FN', 'DEL', 'DELETE', 'SPACE', 'TAB', 'LEFT', 'RIGHT', 'UP', 'DOWN', 'REPO', 'BOARD',
  'INPUT', 'OUTPUT', 'MEMORY', 'CONTEXT', 'QUESTION', 'ANSWER', 'RESULT', 'STATE', 'DOCUMENT', 'DATASET', 'FILE',
  'BUCKET', 'PATH', 'NAME', 'ID', 'LANG', 'LOCALE', 'THEME', 'SETTING', 'SETTINGS', 'HEADER', 'ATTRIBUTE', 'FILTER',
  'METRIC', 'DIMENSION', 'TRACE', 'SPAN', 'ROUTE', 'JOB', 'TASK', 'TICKET', 'EPIC', 'WORKSPACE', 'SHEET', 'PRICE'
]) // biome-ignore format: a list reads better packed
/** Even where `PUBLIC` stands in the name, as in `NEXT_PUBLIC_…_API_KEY`. */
export const neverPublic: ReadonlySet<string> = new Set(['API', 'ACCESS', 'SECRET', 'PRIVATE'])
/** Say which, how it is written, for where or for whom; what it is stands before them. */
export const trailingQualifiers: ReadonlySet<string> = new Set([
  'VALUE', 'RAW', 'BASE', 'BASE64', 'B64', 'HEX', 'JSON', 'PEM', 'ENCODED', 'HASH', 'CONTENT', 'CONTENTS', 'DATA',
  'OLD', 'NEW', 'PREVIOUS', 'CURRENT', 'NEXT', 'DEFAULT', 'PRIMARY', 'SECONDARY', 'BACKUP', 'FALLBACK', 'LEGACY',
  'PROD', 'PRODUCTION', 'DEV', 'DEVELOPMENT', 'STAGING', 'STAGE', 'TEST', 'LIVE', 'SANDBOX', 'LOCAL', 'CI', 'MAIN',
  'EU', 'US', 'RO', 'RW', 'READONLY', ...providers
]) // biome-ignore format: a list reads better packed
/** Written together with the word before, as in `PGPASSWORD` or `AUTHTOKEN`. */
export const joinedNoun = /(?:PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|APIKEY)$/
/** `SSHPASS` is one; `COMPASS` and `GIT_ASKPASS` are not. */
export const joinedShortNoun =
  /^(?:SSH|PG|DB|FTP|MAIL|SMTP|IMAP|LDAP|BIND|ROOT|ADMIN|USER|MYSQL|SUDO|VNC|KEY|STORE)(?:PASS|PWD|PW)$/

/** Names, or ends of names, whose words say nothing, that are known to hold a credential. */
export const knownSecret: readonly string[] = [
  'REDISCLI_AUTH', 'REDIS_AUTH', 'NEO4_J_AUTH', 'BASIC_AUTH', 'NPM_CONFIG_AUTH', 'COMPOSER_AUTH', 'DOCKER_AUTH_CONFIG',
  'DOCKERCONFIGJSON', 'VAULT_SECRET_ID', 'AZURE_STORAGE_KEY', 'SEED_PHRASE', 'RECOVERY_PHRASE', 'WALLET_SEED',
  'TOTP_SEED', 'OTP_SEED', 'APIKEYS', 'FASTLANE_SESSION'
] // biome-ignore format: a list reads better packed
/** Beginnings of such names; what follows says for where. */
export const knownSecretStart: readonly string[] = ['TF_TOKEN_', 'POETRY_PYPI_TOKEN_', 'AWS_BEARER_TOKEN_']
/** Names whose words say a secret, that are known to hold a path. */
export const knownPlain: ReadonlySet<string> = new Set(['GOOGLE_APPLICATION_CREDENTIALS'])
