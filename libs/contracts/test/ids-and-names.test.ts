import fc from 'fast-check'
import t from 'tap'
import {
  eventId,
  isInfraSecretName,
  isSensitive,
  isSensitiveName,
  isUuid,
  limits,
  looksLikeCredential,
  newId,
  newResolveId,
  parseEventId,
  resolveIdOf,
  resolveOrdinalsMax,
  roleReaches,
  slugOf,
  unknownVariables
} from '../src/index.js'

// To the year 10889, the end of 48 bits of milliseconds.
const timeMs = fc.integer({ min: 0, max: 2 ** 48 - 1 })

t.test('ids are UUIDs of version 7, sorted by time to the millisecond, and never repeat', async (t) => {
  fc.assert(
    fc.property(timeMs, (ms) => {
      const id = newId(ms)
      const isVersion7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)
      return isVersion7 && isUuid(id) && Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16) === ms
    })
  )
  fc.assert(fc.property(timeMs, timeMs, (a, b) => a === b || newId(a) < newId(b) === a < b))
  t.equal(new Set(Array.from({ length: 20_000 }, () => newId(0))).size, 20_000)
  for (const no of ['', 'x', newId().slice(1), `${newId()} `, newId().replaceAll('-', ''), 5, null])
    t.notOk(isUuid(no))
  t.ok(isUuid(newId().toUpperCase()))
})

t.test('a resolve and the ordinals of its events go into ids and come back', async (t) => {
  const ordinal = fc.integer({ min: 0, max: resolveOrdinalsMax - 1 })
  fc.assert(
    fc.property(timeMs, ordinal, ordinal, (ms, a, b) => {
      const resolveId = newResolveId(ms)
      const parsed = parseEventId(eventId(resolveId, a))
      const ordered = a === b || eventId(resolveId, a) < eventId(resolveId, b) === a < b
      return (
        isUuid(eventId(resolveId, a)) && parsed.resolveId === resolveId && parsed.ordinal === a && ordered
      )
    })
  )
  t.equal(eventId(newResolveId(), 0).slice(33), '000')
})

t.test('a signed request always makes the same resolve id, and another nonce another one', async (t) => {
  const nonce = fc.uint8Array({ minLength: 16, maxLength: 16 })
  fc.assert(
    fc.property(nonce, timeMs, (bytes, ms) => {
      const before = bytes.slice()
      const id = resolveIdOf(bytes, ms)
      return (
        id === resolveIdOf(bytes, ms) &&
        id.endsWith('000') &&
        bytes.every((byte, index) => byte === before[index])
      )
    })
  )
  const drawn = Array.from({ length: 10_000 }, () =>
    resolveIdOf(crypto.getRandomValues(new Uint8Array(16)), 0)
  )
  t.equal(new Set(drawn).size, drawn.length)
})

t.test('a slug is a key, whatever the name', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (name) => {
      const slug = slugOf(name)
      return slug === '' || (/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(slug) && slug.length <= limits.keyCharsMax)
    })
  )
  const slugs: Record<string, string> = {
    'Anthropic API Key': 'anthropic-api-key',
    '  --A  b--': 'a-b',
    日本: '',
    '--': '',
    ÄÖ1: '1',
    'a.b_c/d': 'a-b-c-d',
    [`${'x'.repeat(119)} y`]: 'x'.repeat(119),
    [`${'x'.repeat(120)} y`]: 'x'.repeat(120),
    [`!${'x'.repeat(130)}`]: 'x'.repeat(120)
  }
  for (const [name, slug] of Object.entries(slugs)) t.equal(slugOf(name), slug, name)
})

const sensitiveNames =
  `OPENAI_API_KEY ANTHROPIC_API_KEY GITHUB_TOKEN GH_TOKEN GITLAB_TOKEN NPM_TOKEN DB_PASSWORD
  DATABASE_PASSWORD POSTGRES_PASSWORD PGPASSWORD MYSQL_PWD MYSQL_ROOT_PASSWORD REDIS_PASSWORD SMTP_PASSWORD
  MY_SECRET CLIENT_SECRET STRIPE_SECRET_KEY STRIPE_SECRET NEXTAUTH_SECRET SESSION_SECRET SECRET SECRETS APP_SECRET
  SECRET_KEY SECRET_KEY_BASE SIGNING_KEY ENCRYPTION_KEY MASTER_KEY RAILS_MASTER_KEY PRIVATE_KEY SSH_PRIVATE_KEY
  SSH_KEY DEPLOY_KEY SERVICE_ROLE_KEY ACCOUNT_KEY AZURE_CLIENT_SECRET AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
  ACCESS_KEY ACCESS_TOKEN REFRESH_TOKEN ID_TOKEN BOT_TOKEN SLACK_BOT_TOKEN DISCORD_TOKEN TELEGRAM_TOKEN
  AUTHORIZATION BEARER JWT JWT_SECRET JWT_KEY API_KEY APIKEY api_key apiKey dbPassword clientSecret accessToken
  x-api-key SENTRY_DSN GITHUB_PAT PASSWORD PASSWD PASSPHRASE GPG_PASSPHRASE SSH_PASSPHRASE CREDENTIALS
  GOOGLE_CREDENTIALS GOOGLE_CREDENTIALS_JSON COOKIE SESSION_COOKIE TOKEN_2 API_KEY_1 DB_PASSWORD_OLD SECRET_BASE64
  WEBHOOK_SECRET LICENSE_KEY HMAC_KEY SESSION_KEY DBPASSWORD APITOKEN AUTHTOKEN CLIENTSECRET
  STRIPE_KEY OPENAI_KEY ANTHROPIC_KEY MISTRAL_KEY groqKey sendgrid-key AWS_KEY STRIPE_KEY_2 OPENAI_KEY_OLD`.split(
    /\s+/
  )

const plainNames =
  `GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL MAX_TOKENS TOKENIZERS_PARALLELISM MONKEY MONKEYS KEYBOARD TURKEY
  PUBLIC_KEY_ID PUBLIC_KEY AWS_REGION AWS_DEFAULT_REGION MODEL PATH HOME LANG TERM NODE_ENV LOG_LEVEL PORT HOST
  PRIMARY_KEY SORT_KEY CACHE_KEY KEY KEYMAP AUTHOR AUTHORITY PASSWORD_MIN_LENGTH TOKEN_URL TOKEN_ENDPOINT
  COOKIE_DOMAIN SECRETARY SECRET_NAME PATTERN DATABASE_URL API_URL API_VERSION KEY_ID AWS_ACCESS_KEY_ID
  SSH_AUTH_SOCK BEARER_FORMAT JWT_ISSUER COMPASS BYPASS PASSENGERS TOKENS
  FOREIGN_KEY PARTITION_KEY IDEMPOTENCY_KEY ROUTING_KEY COLUMN_KEY OBJECT_KEY SITE_KEY PROJECT_KEY KEY_1
  NEXT_PUBLIC_STRIPE_PUBLISHABLE_KEY STRIPE_PUBLIC_KEY DONKEY HOTKEY sortKey partition-key`.split(/\s+/)

t.test('names that announce a secret are known, and names that only resemble one are not', async (t) => {
  t.ok(sensitiveNames.length >= 60)
  t.strictSame(
    sensitiveNames.filter((name) => !isSensitiveName(name)),
    [],
    'all sensitive'
  )
  t.strictSame(
    plainNames.filter((name) => isSensitiveName(name)),
    [],
    'none sensitive'
  )
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (name) => typeof isSensitiveName(name) === 'boolean'))
})

// Assembled here, so that no file holds text that a scanner takes for a credential.
const filler = (chars: number) => 'Ab3dEf6hIj9kLm2nOp5qRs8tUv1wXy4z'.repeat(4).slice(0, chars)
const upper = (chars: number) => filler(chars).toUpperCase()
const credentials = [
  `sk-ant-api03-${filler(40)}`,
  `sk-${filler(40)}`,
  `sk-proj-${filler(40)}`,
  `sk-svcacct-${filler(40)}`,
  `sk-${filler(32).toLowerCase()}`,
  `sk-${filler(9)}_${filler(4)}-${filler(8)}`,
  `sk-${'abcdef'.repeat(2)}${filler(6)}`,
  `sk-or-v1-${filler(40)}`,
  `sk_live_${filler(24)}`,
  `sk_test_${filler(24)}`,
  `rk_live_${filler(24)}`,
  `ghp_${filler(36)}`,
  `gho_${filler(36)}`,
  `ghu_${filler(36)}`,
  `ghs_${filler(36)}`,
  `ghr_${filler(36)}`,
  `github_pat_${filler(60)}`,
  `glpat-${filler(20)}`,
  `xoxb-${filler(30)}`,
  `xoxp-${filler(30)}`,
  `xoxa-${filler(30)}`,
  `AKIA${upper(16)}`,
  `ASIA${upper(16)}`,
  `AIza${filler(35)}`,
  `npm_${filler(36)}`,
  `hf_${filler(34)}`,
  `SG.${filler(22)}.${filler(43)}`,
  `paperclip_agent_${filler(43)}`,
  `paperclip_board_${filler(43)}`,
  `eyJ${filler(20)}.eyJ${filler(40)}.${filler(43)}`,
  `-----BEGIN PRIVATE KEY-----\n${filler(64)}\n-----END PRIVATE KEY-----`,
  `-----BEGIN RSA PRIVATE KEY-----\n${filler(64)}`,
  `-----BEGIN OPENSSH PRIVATE KEY-----\n${filler(64)}`,
  `postgres://user:${filler(10)}@db.example:5432/app`,
  `mongodb+srv://user:${filler(10)}@cluster.example/app`,
  `redis://:${filler(10)}@cache.example:6379`,
  `https://user:${filler(10)}@example.com/path`,
  `Bearer ${filler(30)}`,
  `Basic ${filler(30)}`,
  `key=ghp_${filler(36)};other=1`
]
const harmless = [
  '',
  'us-east-1',
  'claude-opus-4',
  '018f2b6e-7c1a-7def-8a4b-1c2d3e4f5a6b',
  'da39a3ee5e6b4b0d3255bfef95601890afd80709',
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  'postgres://db.example:5432/app',
  'postgres://user@db.example/app',
  'https://example.com:8080/a?b=c',
  'https://example.com/@scope/name',
  'ssh://git@example.com:22/x.git',
  '12:30:45',
  'a@b.example',
  'true',
  '-----BEGIN PUBLIC KEY-----',
  'Basic plan',
  'Bearer of news',
  'task-management-for-everyone',
  'risk-averse-long-words-here',
  'sk-learn-contrib-extensions',
  'sk-learn-contrib-2-release-2024-05',
  'sk-proj-management-for-everyone',
  'sk-internationalization',
  'sk-20240501123000123456',
  'npm install sk-learn-0a1b2c3d4e5f6071',
  'sk-SK-collation-of-the-database',
  'AKIA-short',
  '日本語のテキスト'
]

t.test('values that have the shape of a credential are known, whatever their name', async (t) => {
  t.ok(credentials.length >= 30)
  t.strictSame(
    credentials.filter((value) => !looksLikeCredential(value)).map((value) => value.slice(0, 12)),
    []
  )
  t.strictSame(
    harmless.filter((value) => looksLikeCredential(value)),
    []
  )
  t.ok(isSensitive('NOTE', `text ${credentials[0]} text`))
  t.ok(isSensitive('DB_PASSWORD', 'x'))
  t.notOk(isSensitive('MODE', 'fast'))
})

/** Values ten times as long as any that is stored: a quadratic look at one takes many seconds. */
const hostileMsMax = 1_000

t.test('a long value is judged in time that grows with its length', async (t) => {
  const hostile = [
    'a:'.repeat(80_000),
    `x://${':'.repeat(160_000)}`,
    `eyJ${'a'.repeat(160_000)}`,
    'eyJ-'.repeat(40_000),
    `sk-${'-'.repeat(160_000)}`,
    'sk-'.repeat(54_000),
    'sk-ant-'.repeat(23_000),
    'a+'.repeat(80_000),
    `${'a'.repeat(160_000)}:`
  ]
  for (const value of hostile) {
    const startedAt = performance.now()
    looksLikeCredential(value)
    t.ok(performance.now() - startedAt < hostileMsMax, value.slice(0, 6))
  }
})

t.test("the deployment's own names are known in every spelling", async (t) => {
  for (const name of [
    'BETTER_AUTH_SECRET',
    'better-auth-secret',
    ' DATABASE_URL ',
    'Paperclip_X',
    'paperclip-x',
    'PORKBUN_KEY',
    'aws-secret-access-key'
  ])
    t.ok(isInfraSecretName(name), name)
  for (const name of ['MY_DATABASE_URL', 'PAPERCLIPS', 'AWS_REGION']) t.notOk(isInfraSecretName(name), name)
})

t.test('each role reaches those below it', async (t) => {
  t.ok(roleReaches('owner', 'viewer') && roleReaches('operator', 'operator'))
  t.notOk(roleReaches('viewer', 'operator') || roleReaches('admin', 'owner'))
})

t.test('a variable that nothing reads is named with the nearest one that something does', async (t) => {
  const found = unknownVariables({
    PAPERCLIP_SECRET_PORT: '1',
    PAPERCLIP_HOEM: '1',
    PAPERCLIP_SECRETS_AWS_REGOIN: '1',
    PAPERCLIP_SOMETHING_ELSE_ENTIRELY: '1',
    PAPERCLIP_SECRETS_MASTER_KEY_FILE: '1',
    PAPERCLIP_HOME: '1',
    OTHER: '1'
  })
  t.strictSame(found, [
    { name: 'PAPERCLIP_SECRET_PORT', nearest: 'PAPERCLIP_SECRETS_PORT' },
    { name: 'PAPERCLIP_HOEM', nearest: 'PAPERCLIP_HOME' },
    { name: 'PAPERCLIP_SECRETS_AWS_REGOIN', nearest: 'PAPERCLIP_SECRETS_AWS_REGION' },
    { name: 'PAPERCLIP_SOMETHING_ELSE_ENTIRELY', nearest: undefined }
  ])
})
