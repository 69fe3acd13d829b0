import * as rules from './setting-rules.js'

/** The parts of an installation that `configure` knows. */
export const sectionNames = ['database', 'server', 'auth', 'secrets', 'storage'] as const
export type SectionName = (typeof sectionNames)[number]

/** Something that can be set: by its key here, and by the variable that services read. */
export interface Setting {
  readonly key: string
  readonly variable: string
  readonly what: string
  readonly rule: rules.SettingRule
  /** Goes into `.env`, and never comes from an argument. */
  readonly isSecret: boolean
}

const open = (key: string, variable: string, what: string, rule: rules.SettingRule): Setting => ({
  ...{ key, variable, what, rule },
  isSecret: false
})
const secret = (key: string, variable: string, what: string, rule: rules.SettingRule): Setting => ({
  ...{ key, variable, what, rule },
  isSecret: true
})
const aws = 'PAPERCLIP_SECRETS_AWS'

/** Every setting by section, in the order in which it is asked for. */
export const settings: Readonly<Record<SectionName, readonly Setting[]>> = {
  database: [
    secret('url', 'DATABASE_URL', 'PostgreSQL of the gateway', rules.isPostgresUrl),
    secret(
      'secretsUrl',
      'PAPERCLIP_SECRETS_DATABASE_URL',
      'PostgreSQL of the secrets service',
      rules.isPostgresUrl
    ),
    secret('migrationUrl', 'DATABASE_MIGRATION_URL', 'PostgreSQL as the owner', rules.isPostgresUrl),
    secret('redisUrl', 'REDIS_URL', 'Redis for rate limits', rules.isRedisUrl)
  ],
  server: [
    open(
      'mode',
      'PAPERCLIP_DEPLOYMENT_MODE',
      'who may enter',
      rules.isOneOf('local_trusted', 'authenticated')
    ),
    open('exposure', 'PAPERCLIP_DEPLOYMENT_EXPOSURE', 'who reaches it', rules.isOneOf('private', 'public')),
    open('publicUrl', 'PAPERCLIP_PUBLIC_URL', 'the address people open', rules.isOriginText),
    open('port', 'PORT', 'port of the gateway', rules.isPort),
    open('host', 'HOST', 'address the gateway listens at', rules.isHost),
    open('secretsPort', 'PAPERCLIP_SECRETS_PORT', 'port of the secrets service', rules.isPort),
    open('allowedHostnames', 'PAPERCLIP_ALLOWED_HOSTNAMES', 'further names of the gateway', rules.isHostList),
    open('allowedOrigins', 'PAPERCLIP_ALLOWED_ORIGINS', 'further origins of pages', rules.isOriginList),
    open('trustProxy', 'TRUST_PROXY', 'proxies in front', rules.isProxyTrust)
  ],
  auth: [
    secret('sessionSecret', 'BETTER_AUTH_SECRET', 'signs sessions', rules.isStrongSecret),
    secret('runTokenSecret', 'PAPERCLIP_AGENT_JWT_SECRET', 'signs run tokens', rules.isStrongSecret),
    secret(
      'runTokenSecretPrevious',
      'PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS',
      'still verifies run tokens',
      rules.isStrongSecret
    )
  ],
  secrets: [
    open(
      'strictMode',
      'PAPERCLIP_SECRETS_STRICT_MODE',
      'refuse sensitive plain values',
      rules.isOneOf('true', 'false')
    ),
    open('provider', 'PAPERCLIP_SECRETS_PROVIDER', 'where values lie by default', rules.isProvider),
    open('awsRegion', `${aws}_REGION`, 'region of AWS', rules.isRegion),
    open('awsDeploymentId', `${aws}_DEPLOYMENT_ID`, 'name of this deployment at AWS', rules.isShortText),
    open('awsKmsKeyId', `${aws}_KMS_KEY_ID`, 'KMS key', rules.isShortText)
  ],
  storage: [
    open('provider', 'PAPERCLIP_STORAGE_PROVIDER', 'where files lie', rules.isOneOf('local_disk', 's3'))
  ]
}
