import fc from 'fast-check'
import t from 'tap'
import { memberForms } from '../src/credential-member.js'
import { credentialShapes } from '../src/credential-shape.js'
import { isInfraSecretName, isSensitive, isSensitiveName, looksLikeCredential } from '../src/index.js'
import { opening, openingNothing, plainVariables, secretVariables } from './support/agent-environments.js'
import { base64, filler, hex, json, pem, upper } from './support/credential-parts.js'
import { innocent, pasted } from './support/pasted-values.js'

const words = (text: string) => text.trim().split(/\s+/)

const sensitiveNames = words(`
  OPENAI_API_KEY ANTHROPIC_API_KEY GITHUB_TOKEN GH_TOKEN GITLAB_TOKEN NPM_TOKEN DB_PASSWORD
  DATABASE_PASSWORD POSTGRES_PASSWORD PGPASSWORD MYSQL_PWD MYSQL_ROOT_PASSWORD REDIS_PASSWORD SMTP_PASSWORD
  MY_SECRET CLIENT_SECRET STRIPE_SECRET_KEY STRIPE_SECRET NEXTAUTH_SECRET SESSION_SECRET SECRET SECRETS APP_SECRET
  SECRET_KEY SECRET_KEY_BASE SIGNING_KEY ENCRYPTION_KEY MASTER_KEY RAILS_MASTER_KEY PRIVATE_KEY SSH_PRIVATE_KEY
  SSH_KEY DEPLOY_KEY SERVICE_ROLE_KEY ACCOUNT_KEY AZURE_CLIENT_SECRET AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
  ACCESS_KEY ACCESS_TOKEN REFRESH_TOKEN ID_TOKEN BOT_TOKEN SLACK_BOT_TOKEN DISCORD_TOKEN TELEGRAM_TOKEN
  AUTHORIZATION BEARER JWT JWT_SECRET JWT_KEY API_KEY APIKEY api_key apiKey dbPassword clientSecret accessToken
  x-api-key SENTRY_DSN GITHUB_PAT PASSWORD PASSWD PASSPHRASE GPG_PASSPHRASE SSH_PASSPHRASE CREDENTIALS
  GOOGLE_CREDENTIALS GOOGLE_CREDENTIALS_JSON COOKIE SESSION_COOKIE TOKEN_2 API_KEY_1 DB_PASSWORD_OLD SECRET_BASE64
  WEBHOOK_SECRET LICENSE_KEY HMAC_KEY SESSION_KEY DBPASSWORD APITOKEN AUTHTOKEN CLIENTSECRET
  STRIPE_KEY OPENAI_KEY ANTHROPIC_KEY MISTRAL_KEY groqKey sendgrid-key AWS_KEY STRIPE_KEY_2 OPENAI_KEY_OLD
  AZURE_OPENAI_KEY MY_TLS_KEY SERVER_SSL_KEY OpenAIKey OPENAIKEY SSHKEY MASTERKEY APIKey GITHUBToken OAuthToken
  DB_PASS SMTP_PASS EMAIL_PASS DBPASS PASSWORDS API_KEYS OPENAI_API_KEYS API_TOKENS AUTH_TOKENS REFRESH_TOKENS
  STRIPE_SECRET_KEY_TEST DB_PASSWORD_PROD API_KEY_V2 TOKEN_STAGING ADMIN_PASSWORD_HASH TLS_PRIVATE_KEY_PEM
  COSMOS_KEY_PRIMARY REDISCLI_AUTH NPM_CONFIG__AUTH DOCKER_AUTH_CONFIG VAULT_SECRET_ID AZURE_STORAGE_KEY
  WALLET_MNEMONIC SEED_PHRASE NEXT_PUBLIC_FIREBASE_API_KEY MYSQL_ALLOW_EMPTY_PASSWORD CLOUDFLARE_API_TOKEN
  HF_TOKEN VAULT_TOKEN TWILIO_AUTH_TOKEN PORKBUN_SECRET_API_KEY BETTER_AUTH_SECRET DD_APP_KEY SNYK_TOKEN
  DB_PASSWORD1 GITHUB_TOKEN2 API_KEY2 APIKEY2 AWS_CREDS DB_PW ROOTPW LDAP_BINDPW GCP_SA_KEY SOPS_AGE_KEY TOTP_SEED
  openai.api.key github-token OPENAI__API__KEY GithubToken githubPat sessionCookie sentryDsn ldapCreds dbPwd tlsSigningKey`)

const plainNames = words(`
  GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL MAX_TOKENS TOKENIZERS_PARALLELISM MONKEY MONKEYS KEYBOARD TURKEY
  PUBLIC_KEY_ID PUBLIC_KEY AWS_REGION AWS_DEFAULT_REGION MODEL PATH HOME LANG TERM NODE_ENV LOG_LEVEL PORT HOST
  PRIMARY_KEY SORT_KEY CACHE_KEY KEY KEYMAP AUTHOR AUTHORITY PASSWORD_MIN_LENGTH TOKEN_URL TOKEN_ENDPOINT
  COOKIE_DOMAIN SECRETARY SECRET_NAME PATTERN DATABASE_URL API_URL API_VERSION KEY_ID AWS_ACCESS_KEY_ID
  SSH_AUTH_SOCK BEARER_FORMAT JWT_ISSUER COMPASS BYPASS PASSENGERS TOKENS
  FOREIGN_KEY PARTITION_KEY IDEMPOTENCY_KEY ROUTING_KEY COLUMN_KEY OBJECT_KEY SITE_KEY PROJECT_KEY KEY_1
  NEXT_PUBLIC_STRIPE_PUBLISHABLE_KEY STRIPE_PUBLIC_KEY DONKEY HOTKEY sortKey partition-key
  PWD OLDPWD OLD_PWD FIRST_PASS RENDER_PASS PASS GIT_ASKPASS SSH_ASKPASS PGPASSFILE KUBECONFIG DOCKER_CONFIG
  GOOGLE_APPLICATION_CREDENTIALS DB_PASSWORD_FILE TLS_KEY_FILE SSL_KEY_PATH SSH_KEY_PATH PUBLIC_SSH_KEY
  VAPID_PUBLIC_KEY SSH_AUTHORIZED_KEYS JWT_PUBLIC_KEY PUBLIC_KEY_PEM MAX_NEW_TOKENS OUTPUT_TOKENS CONTEXT_TOKENS
  TOKEN_LIMIT TOKEN_COUNT TOKEN_TTL API_KEY_HEADER API_KEY_NAME PASSWORD_POLICY SECRET_ARN SECRETS_DIR COOKIE_NAME
  COMMIT_HASH GIT_COMMIT CREDENTIAL_HELPER GIT_COMMITTER_EMAIL NODE_OPTIONS TZ CI DEBUG HTTP_PROXY NO_PROXY
  SUPABASE_ANON_KEY RECAPTCHA_SITE_KEY PASSPORT_COUNTRY TOKENIZER AUTHOR_KEYWORDS MONKEY_PATCH KEYCLOAK_URL
  OPENAI_BASE_URL OPENAI_ORG_ID ANTHROPIC_MODEL EDITOR PAGER SHELL HOSTNAME COLORTERM
  ALT_KEY CTRL_KEY SHIFT_KEY DELETE_KEY SPACE_KEY REPO_KEY BASE64 SHA256 MD5 OAUTH2 H264 PW ENCRYPTED`)

sensitiveNames.push(...secretVariables)
plainNames.push(...plainVariables)

t.test('names that announce a secret are known, and names that only resemble one are not', async (t) => {
  t.equal(new Set([...sensitiveNames, ...plainNames]).size, sensitiveNames.length + plainNames.length)
  t.ok(sensitiveNames.length + plainNames.length >= 450)
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
})

t.test('the four promised endings are sensitive behind anything, in every style of writing', async () => {
  const stem = fc.stringMatching(/^[A-Z][A-Z0-9]{0,20}(?:_[A-Z0-9]{1,10}){0,4}$/)
  const ending = fc.constantFrom('API_KEY', 'TOKEN', 'SECRET', 'PASSWORD')
  fc.assert(
    fc.property(stem, ending, (before, after) => {
      const name = `${before}_${after}`
      const camel = name.toLowerCase().replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
      return [name, name.toLowerCase(), name.replaceAll('_', '-'), camel].every(isSensitiveName)
    })
  )
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (name) => typeof isSensitiveName(name) === 'boolean'))
})

const credentials = [
  ...['sk-ant-api03-', 'sk-ant-oat01-', 'sk-', 'sk-proj-', 'sk-svcacct-', 'sk-or-v1-', 'xai-', 'gsk_', 'r8_'],
  ...['sk_live_', 'sk_test_', 'rk_live_', 'whsec_', 'ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'github_pat_'],
  ...[
    'glpat-',
    'glrt-',
    'xoxb-',
    'xoxp-',
    'xoxa-',
    'xoxe.xoxp-',
    'xapp-1-',
    'AIza',
    'ya29.',
    'GOCSPX-',
    'npm_'
  ],
  ...[
    'pypi-',
    'hf_',
    'hvs.',
    'dop_v1_',
    'dckr_pat_',
    'lin_api_',
    'ATATT3',
    'shpat_',
    'sntrys_',
    'pcsk_',
    'PMAK-'
  ],
  ...['paperclip_agent_', 'paperclip_board_']
].map((prefix) => `${prefix}${filler(43)}`)
credentials.push(
  ...[`sk-${filler(32).toLowerCase()}`, `sk-${filler(9)}_${filler(4)}-${filler(8)}`],
  ...[
    `sk-${'abcdef'.repeat(2)}${filler(6)}`,
    `npm_${'aB'.repeat(18)}`,
    `ghp_${'a'.repeat(36)}`,
    `dop_v1_${hex(64)}`
  ],
  ...[`AKIA${upper(16)}`, `ASIA${upper(16)}`, `SG.${filler(22)}.${filler(43)}`],
  ...[`123456789:AA${filler(33)}`, `M${filler(23)}.${filler(6)}.${filler(27)}`],
  `eyJ${filler(20)}.eyJ${filler(40)}.${filler(43)}`,
  ...['PRIVATE KEY', 'RSA PRIVATE KEY', 'OPENSSH PRIVATE KEY', 'EC PRIVATE KEY', 'PGP PRIVATE KEY BLOCK'].map(
    pem
  ),
  ...['PRIVATE KEY', 'RSA PRIVATE KEY', 'EC PRIVATE KEY', 'OPENSSH PRIVATE KEY'].map((kind) =>
    base64(pem(kind))
  ),
  ...[`postgres://user:${filler(10)}@db.example:5432/app`, `redis://:${filler(10)}@cache.example:6379`],
  ...[`mongodb+srv://user:${filler(10)}@cluster.example/app`, `amqps://u:${filler(6)}@mq.example/%2f`],
  ...[
    `https://user:${filler(10)}@example.com/path`,
    `https://x-access-token:${filler(20)}@git.example/a.git`
  ],
  ...[`Bearer ${filler(30)}`, `Basic ${filler(30)}`, `Authorization: token ${filler(30)}`],
  `https://hooks.slack.com/services/T${upper(8)}/B${upper(8)}/${filler(24)}`,
  `https://discord.com/api/webhooks/1234567890123/${filler(60)}`,
  `https://store.example/box?sv=2024-01-01&sig=${filler(43)}`,
  `https://api.example/v1?access_token=${filler(20)}`,
  `https://bucket.example/x?X-Amz-Signature=${hex(64)}`,
  `Server=tcp:db.example;User Id=app;Password=${filler(12)};`,
  `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${filler(60)}==`,
  `host=db.example user=app password=${filler(12)}`,
  `-Djavax.net.ssl.keyStorePassword=${filler(9)}`,
  ...[json({ type: 'service_account', private_key: pem('PRIVATE KEY') }), json({ clientSecret: filler(20) })],
  ...[`MODE=fast\nAPI_TOKEN=${filler(20)}\n`, `key=ghp_${filler(36)};other=1`, `$2b$12$${filler(53)}`]
)
const harmless = [
  ...[
    '',
    'us-east-1',
    'claude-opus-4',
    'claude-3-5-sonnet-20241022',
    'gpt-4o-mini-2024-07-18',
    '12:30:45',
    'true'
  ],
  '018f2b6e-7c1a-7def-8a4b-1c2d3e4f5a6b',
  ...['da39a3ee5e6b4b0d3255bfef95601890afd80709', `sha256:${hex(64)}`, hex(64), 'v1.2.3-beta.4+build.5'],
  ...['postgres://db.example:5432/app', 'postgres://user@db.example/app', 'https://example.com:8080/a?b=c'],
  ...['https://example.com/@scope/name', 'ssh://git@example.com:22/x.git', 'git@example.com:owner/name.git'],
  ...[
    'a@b.example',
    `registry.example:5000/team/image@sha256:${hex(64)}`,
    'https://example.com/?page_token='
  ],
  ...[pem('PUBLIC KEY'), pem('CERTIFICATE'), pem('CERTIFICATE REQUEST'), base64(pem('CERTIFICATE'))],
  ...[pem('PGP PUBLIC KEY BLOCK'), `ssh-ed25519 AAAAC3${filler(60)} me@host`, `ssh-rsa AAAAB3${filler(120)}`],
  ...['Basic plan', 'Bearer of news', 'Basic internationalization', 'task-management-for-everyone'],
  ...['risk-averse-long-words-here', 'sk-learn-contrib-extensions', 'sk-learn-contrib-2-release-2024-05'],
  ...['sk-proj-management-for-everyone', 'sk-internationalization', 'sk-20240501123000123456'],
  ...[
    'npm install sk-learn-0a1b2c3d4e5f6071',
    'sk-SK-collation-of-the-database',
    'AKIA-short',
    'npm_config_cache'
  ],
  ...['npm_package_config_registry_mirror', 'hf_hub_offline_mode_settings', 'rk_test_of_something_longer'],
  ...['arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/stripe-AbCdEf', `pk_live_${filler(24)}`],
  ...[
    'arn:aws:kms:us-east-1:123456789012:key/018f2b6e-7c1a-4def-8a4b-1c2d3e4f5a6b',
    '--max-old-space-size=4096'
  ],
  ...['max_tokens=100000000&model=claude', '{"max_tokens":"100000000","model":"claude-opus-4"}', 'a.b.c'],
  ...[
    'token=$TOKEN_FROM_ELSEWHERE',
    'ssh_key=/home/me/.ssh/id_ed25519',
    json({ token: '<filled-in-later>' })
  ],
  ...[
    'Host=db.example;Integrated Security=true',
    '/usr/local/bin:/usr/bin',
    'eyJhbGciOiJub25lIn0',
    'Passwords matter.'
  ],
  ...['日本語のテキスト', 'key: value', '$2 off', '10:AA', 'MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=']
]

t.test('values that have the shape of a credential are known, whatever their name', async (t) => {
  t.equal(new Set([...credentials, ...harmless]).size, credentials.length + harmless.length)
  t.ok(credentials.length + harmless.length >= 120)
  t.strictSame(
    credentials.filter((value) => !looksLikeCredential(value)).map((value) => value.slice(0, 24)),
    [],
    'all known'
  )
  t.strictSame(
    harmless.filter((value) => looksLikeCredential(value)),
    [],
    'none known'
  )
  t.strictSame(
    [...pasted, ...opening].filter((value) => !looksLikeCredential(value)).map((value) => value.slice(0, 40)),
    [],
    'all known however they were pasted'
  )
  t.strictSame(
    [...innocent, ...openingNothing].filter((value) => looksLikeCredential(value)),
    [],
    'none known that only shows the place of one'
  )
  t.ok(isSensitive('NOTE', `text ${credentials[0]} text`))
  t.ok(isSensitive('DB_PASSWORD', 'x'))
  t.notOk(isSensitive('MODE', 'fast'))
  for (const value of ['true', 'No', ' off\n'])
    t.notOk(isSensitive('USE_JWT', value), 'a switch is no secret')
  for (const value of ['truest', '1', 'x']) t.ok(isSensitive('USE_JWT', value))
})

t.test('what is drawn at random is told from text, with very few exceptions', async () => {
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789']
  const drawn = fc.array(fc.constantFrom(...letters), { minLength: 36, maxLength: 36 })
  fc.assert(fc.property(drawn, (characters) => looksLikeCredential(`ghp_${characters.join('')}`)))
  fc.assert(fc.property(fc.uuid(), (id) => !looksLikeCredential(id)))
  const sha = fc.stringMatching(/^[0-9a-f]{40}$/)
  fc.assert(fc.property(sha, (id) => !looksLikeCredential(id)))
})

t.test('each place of a value costs a bounded number of steps, so hostile ones are no slower', async (t) => {
  for (const { source } of [...credentialShapes, ...memberForms]) {
    const plain = source.replaceAll(/\\./g, '_').replaceAll(/\[[^\]]*\]/g, '_')
    t.notMatch(plain, /[*+]|\{\d+,\}/, `every repetition is bounded: ${source.slice(0, 30)}`)
    t.notMatch(plain, /\)[?{]\d*,?\d*\}/, `no repetition inside another: ${source.slice(0, 30)}`)
    t.notMatch(source, /\\[1-9]|\\k</, `no reference back: ${source.slice(0, 30)}`)
  }
  // Ten times as long as any value that is stored. What grew with the square of it would outlast the test's limit.
  for (const piece of [
    'a:',
    'x://:',
    'eyJ-',
    'eyJa',
    'sk-',
    'sk-ant-',
    'a+',
    '"a":',
    'a=',
    '-----BEGIN ',
    '"a": "',
    'x://a:',
    'a = ',
    'token: a\n',
    'name="token" value="',
    '\\"',
    '%41',
    'YWFh',
    'auth: ',
    'curl -u a',
    'machine a login '
  ])
    looksLikeCredential(piece.repeat(160_000 / piece.length))
  for (const head of ['x://', 'eyJ', 'sk-', '', '"', '-----BEGIN '])
    for (const piece of [':', 'a', '-', ' ', 'A', '1']) looksLikeCredential(`${head}${piece.repeat(160_000)}`)
  for (const piece of ['A', 'a', '_', 'Ab', '-KEY']) isSensitiveName(piece.repeat(160_000))
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
