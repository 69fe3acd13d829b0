import { base64, filler, hex, json, pem } from './credential-parts.js'

const words = (text: string) => text.trim().split(/\s+/)

/** Variables of agents, their tools and what they deploy, whose names announce a secret. */
export const secretVariables = words(`
  AWS_BEARER_TOKEN_BEDROCK TF_TOKEN_app_terraform_io POETRY_PYPI_TOKEN_PYPI SSHPASS NEO4J_AUTH
  AIRFLOW__CORE__FERNET_KEY B2_APPLICATION_KEY FCM_SERVER_KEY SEGMENT_WRITE_KEY VAULT_UNSEAL_KEY API_KEY_OPENAI
  TOKEN_GITHUB GITHUB_TOKEN_RO STRIPE_SECRET_KEY_EU PASSWORD_SALT AUTH_SALT HASH_PEPPER LINKEDIN_COOKIES
  MAGENTO_CRYPT_KEY AZURE_SEARCH_KEY AZURE_OPENAI_SEARCH_KEY NEW_RELIC_INGEST_KEY MY_BASIC_AUTH PROD_REDIS_AUTH
  client-key-data FTPPASS VNCPWD MAILPASS KEYPASS SMTP_PASSWORD_2 RCLONE_CONFIG_PASS ANSIBLE_BECOME_PASS
  NODE_AUTH_TOKEN CARGO_REGISTRY_TOKEN GEM_HOST_API_KEY UV_PUBLISH_TOKEN TWINE_PASSWORD HUGGINGFACEHUB_API_TOKEN
  LANGCHAIN_API_KEY WANDB_API_KEY TAVILY_API_KEY SERPER_API_KEY EXA_API_KEY E2B_API_KEY FIRECRAWL_API_KEY
  BROWSERBASE_API_KEY ELEVENLABS_API_KEY SLACK_SIGNING_SECRET SLACK_APP_TOKEN DISCORD_BOT_TOKEN NOTION_TOKEN
  LINEAR_API_KEY JIRA_API_TOKEN CONFLUENCE_TOKEN RENDER_API_KEY FLY_API_TOKEN VERCEL_TOKEN NETLIFY_AUTH_TOKEN
  SUPABASE_SERVICE_ROLE_KEY SUPABASE_JWT_SECRET NEON_API_KEY UPSTASH_REDIS_REST_TOKEN KV_REST_API_TOKEN
  PLANETSCALE_PASSWORD MONGO_INITDB_ROOT_PASSWORD RABBITMQ_DEFAULT_PASS RABBITMQ_ERLANG_COOKIE MINIO_ROOT_PASSWORD
  KEYCLOAK_ADMIN_PASSWORD N8N_ENCRYPTION_KEY PHX_SIGNING_SALT LIVEKIT_API_SECRET MEILI_MASTER_KEY TYPESENSE_API_KEY
  ALGOLIA_ADMIN_KEY VAPID_PRIVATE_KEY APNS_AUTH_KEY GITHUB_APP_PRIVATE_KEY_BASE64 RESTIC_PASSWORD BORG_PASSPHRASE
  COSIGN_PASSWORD SONAR_TOKEN CODECOV_TOKEN DD_API_KEY PAGERDUTY_TOKEN OPSGENIE_API_KEY ZENDESK_API_TOKEN
  HUBSPOT_ACCESS_TOKEN SALESFORCE_PASSWORD PLAID_SECRET SQUARE_ACCESS_TOKEN SHOPIFY_API_SECRET SNOWFLAKE_PASSWORD
  DATABRICKS_TOKEN CLICKHOUSE_PASSWORD KAFKA_SASL_PASSWORD LDAP_BIND_PASSWORD WORDPRESS_DB_PASSWORD`)

/** Such variables that hold none. */
export const plainVariables = words(`
  TOKENIZER_PATH MODEL_NAME LANGCHAIN_TRACING_V2 LANGCHAIN_PROJECT OPENAI_API_BASE OPENAI_API_TYPE
  AZURE_OPENAI_ENDPOINT AZURE_OPENAI_DEPLOYMENT GITHUB_REPOSITORY GITHUB_SHA GITHUB_REF GITHUB_ACTOR RUNNER_OS
  SLACK_CHANNEL DISCORD_GUILD_ID TELEGRAM_CHAT_ID NOTION_DATABASE_ID JIRA_HOST JIRA_PROJECT_KEY LINEAR_TEAM_ID
  STRIPE_PRICE_ID STRIPE_WEBHOOK_URL TWILIO_ACCOUNT_SID TWILIO_FROM_NUMBER SENDGRID_FROM SENTRY_ENVIRONMENT
  SENTRY_RELEASE PASSWORD_HASH_ROUNDS PASSWORD_RESET_URL SALT_ROUNDS BCRYPT_ROUNDS JWT_EXPIRES_IN JWT_ALGORITHM
  JWT_AUDIENCE TOKEN_EXPIRY SESSION_TIMEOUT COOKIE_MAX_AGE COOKIE_SECURE ACCEPT_COOKIES MEMORY_KEY INPUT_KEY
  OUTPUT_KEY QUESTION_KEY CONTEXT_KEY THEME_KEY LOCALE_KEY STATE_KEY BUCKET_KEY FILE_KEY KEYSPACE KEY_PREFIX
  KEY_LENGTH KEY_SIZE KEYWORDS KEYRING_BACKEND MONKEYPATCH HOCKEY WHISKEY JOURNEY MAX_OUTPUT_TOKENS
  TOKENS_PER_MINUTE NUM_TOKENS MIN_TOKENS TOKEN_BUDGET VAULT_ADDR VAULT_NAMESPACE AWS_PROFILE AWS_ROLE_ARN
  AWS_SHARED_CREDENTIALS_FILE AWS_WEB_IDENTITY_TOKEN_FILE AWS_CA_BUNDLE PGHOST PGPORT PGUSER PGDATABASE PGSSLMODE
  REDIS_HOST REDIS_DB MYSQL_DATABASE DB_NAME DB_USER SMTP_HOST SMTP_USER IMAP_PORT PYTHONPATH VIRTUAL_ENV NODE_PATH
  NPM_CONFIG_REGISTRY NPM_CONFIG_CACHE PIP_INDEX_URL UV_CACHE_DIR GOFLAGS GOPRIVATE CARGO_HOME RUST_LOG JAVA_HOME
  MAVEN_OPTS KUBECONFIG_PATH SSH_AGENT_PID GPG_TTY GIT_SSH_COMMAND GIT_COMMITTER_NAME PASSTHROUGH COMPASS_URL
  ENCOMPASS SURPASS TRESPASS BYPASS_CACHE AUTHORS_FILE OAUTH_CALLBACK_URL OAUTH_SCOPES OIDC_ISSUER SAML_ENTITY_ID
  CORS_ORIGINS FEATURE_FLAG_KEY SORT_BY_KEY DEDUP_KEY_FIELD COBALT BASALT PEPPER`)

/** What stands in them, and opens something. */
export const opening = [
  `https://api.telegram.org/bot123456789:AA${filler(33)}/sendMessage`, `ops_eyJ${filler(60)}`,
  `abc8Q~${filler(34)}`, `1//0g${filler(40)}`, `sk-lf-0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0`,
  `curl -H "X-Api-Key: abcd1234efgh" https://x.example`, `{"args":["--api-key","abc123def456"]}`,
  `'password' => 'hunter2hunter2'`, `define('DB_PASSWORD', 'hunter2hunter2');`, `$env:API_KEY = "abc123def"`,
  `Authorization: ApiKey ${base64(filler(42))}`,
  `ApiKey ${base64(filler(24))}`,
  `https://contoso.webhook.office.com/webhookb2/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0@0f1e/IncomingWebhook/${hex(32)}/0f1e`,
  `https://hooks.zapier.com/hooks/catch/123456/ab3de/`, `pul-${hex(40)}`, `nfp_${filler(36)}`, `napi_${hex(48)}`,
  `fw_${filler(22)}`, `sk_${hex(48)}`, `dor_v1_${hex(64)}`, `apify_api_${filler(36)}`,
  `pylf_v1_us_${filler(40)}`, `wandb_v1_${filler(40)}`, `x-honeycomb-team=${filler(22)}`,
  `bob:$2y$10$${filler(53)}`, `dckr_oat_${filler(27)}`, `glffct-${filler(20)}`, `FlyV1 fm2_${filler(40)}`,
  base64(`apiVersion: v1\nusers:\n- user:\n    client-key-data: ${base64(pem('RSA PRIVATE KEY'))}\n`),
  base64(json({ auths: { 'ghcr.io': { auth: base64('bob:hunter2hunter2') } } })), `mysql://root:pw@db/x`,
  `Server=db;Uid=sa;Pwd=hunter2!`,
  `PGPASSWORD=hunter2 psql`,
  `DefaultEndpointsProtocol=https;AccountName=x;AccountKey=${filler(86)}==;EndpointSuffix=core.windows.net`,
  `Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=${filler(43)}=`,
  `mongodb://u:p%40ss@a:27017,b:27017/db?replicaSet=rs`,
  `[default]\naws_access_key_id = AKIA${filler(16).toUpperCase()}\naws_secret_access_key = ${filler(40)}\n`,
  `export OPENAI_API_KEY='sk-proj-${filler(40)}'`,
  `{"type":"service_account","private_key_id":"${hex(40)}","private_key":"-----BEGIN ${'PRIVATE KEY'}-----\\nMII..."}`,
  `-H 'Authorization: Bearer ${filler(40)}'`,
  `{"mcpServers":{"x":{"env":{"GITHUB_PERSONAL_ACCESS_TOKEN":"${hex(12)}"}}}}`,
  `jdbc:postgresql://db/x?user=u&password=hunter2`,
  `sftp://bob:hunter2@files.example/`,
  `access_token: ${hex(32)}`,
  `sessionToken="${filler(20)}"`,
  `https://user:${filler(12)}@proxy.example:8080`,
  `smtp://u%40x.example:hunter2@mail.example:587`,
  `SG.${filler(22)}.${filler(43)}`,
  `rk_live_${filler(24)}`,
  `ATATT3x${filler(60)}`
] // biome-ignore format: a list reads better packed

/** What stands in them, and opens nothing. */
export const openingNothing = [
  'hf_llama3_8b_instruct', 'npm_run_build_v2_release', 'jina_embeddings_v3_base_en', 'xai-grok-3-mini-beta-2025',
  'pypi-mirror-01.internal.example', 'pplx-70b-online-2024-01', `docker-image://alpine:3.19@sha256:${hex(64)}`,
  `docker://nginx:1.27@sha256:${hex(64)}`, `ghcr.io/org/app:1.2@sha256:${hex(64)}`, 'fw_rule_2_allow_http_x',
  'phx_server_2024_release', 'r8_model_v2_quantized_int8', 'git+https://github.com/org/repo.git@v1.2.3#egg=x',
  'npm:@scope/pkg@1.2.3', 'https://medium.com/@user/post-123', 'http://localhost:3000',
  'https://example.com/cb?state=1&code_challenge_method=S256', 'arn:aws:iam::123456789012:role/agent',
  'projects/x/locations/us/keyRings/a/cryptoKeys/b', 's3://bucket/path/key=value/part-0001.parquet',
  'gs://bucket/model', 'redis://cache:6379/0', 'amqp://mq.example/%2f',
  'postgresql://db.example/app?sslmode=require&application_name=agent',
  'mongodb+srv://cluster.example/app?retryWrites=true',
  'host=db port=5432 dbname=x user=app sslmode=verify-full', '--max-tokens 4096 --temperature 0.2',
  '["--model","claude-opus-4","--max-turns","10"]', '{"model":"gpt-4o","max_tokens":4096}',
  'X-Request-Id: 0f1e2d3c', 'curl -H "Accept: application/json" https://x.example',
  'User-Agent: agent/1.0 (+https://x.example)', `sha512-${base64(filler(64))}`, hex(64), `0x${hex(40)}`,
  'claude-sonnet-4-5-20250929', 'meta-llama/Llama-3.1-8B-Instruct', 'text-embedding-3-large',
  'us.anthropic.claude-3-5-sonnet-20241022-v2:0', 'You are an agent. Never print tokens, passwords or keys.',
  'Write tests for the token bucket: 100 tokens per minute.', 'cron(0 12 * * ? *)', '0 */5 * * *',
  'Europe/Berlin', 'en_US.UTF-8', '/usr/local/bin:/usr/bin:/bin', '-Xmx512m -Dfile.encoding=UTF-8',
  'password-reset@example.com', 'token-service.internal:8443', 'secret-santa-2024', 'sort_key=created_at',
  '{"type":"object","properties":{"password":{"type":"string"}}}',
  '{"required":["username","password","token2"]}', 'SELECT password_hash FROM users2', 'key=value key2=value2',
  'auth.example.com/.well-known/openid-configuration', 'Basic', 'Bearer', 'sk-learn==1.4.2',
  'scikit-learn[all]>=1.0', `pk_test_${filler(24)}`,
  `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${filler(43)} me@host`, 'docker run -p 8080:80 -e MODE=fast nginx',
  'kubectl --namespace prod2 get pods', 'AIzawa', 'eyJhbGciOi', '1.2.3.4:5432', 'https://x.example/reset?token=',
  'sig=none', 'pat=*.ts', 'cookie=none'
] // biome-ignore format: a list reads better packed
