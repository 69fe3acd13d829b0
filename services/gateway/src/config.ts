import { homedir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, parseEnvironment, type SecretValue } from '@paperclip/server'
import type { TlsFiles } from '@paperclip/signing'
import { Type } from 'typebox'
import { readHopConfig } from './config-hop.js'
import { type DeploymentMode, hostOf, modeFaults } from './config-mode.js'
import { type SecretName, secretFaults, secretNames } from './config-secrets.js'
import { parseTrustProxy, type TrustProxy } from './trust-proxy.js'

const Environment = Type.Object({
  PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 3100 }),
  HOST: Type.Optional(Type.String({ maxLength: 255 })),
  PAPERCLIP_HOME: Type.Optional(Type.String()),
  PAPERCLIP_INSTANCE_ID: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$', default: 'default' }),
  PAPERCLIP_DEPLOYMENT_MODE: Type.Enum(['local_trusted', 'authenticated'], { default: 'local_trusted' }),
  PAPERCLIP_DEPLOYMENT_EXPOSURE: Type.Enum(['private', 'public'], { default: 'private' }),
  PAPERCLIP_PUBLIC_URL: Type.Optional(Type.String()),
  PAPERCLIP_AUTH_PUBLIC_BASE_URL: Type.Optional(Type.String()),
  PAPERCLIP_ALLOWED_HOSTNAMES: Type.String({ default: '' }),
  PAPERCLIP_ALLOWED_ORIGINS: Type.String({ default: '' }),
  PAPERCLIP_SECRETS_URL: Type.String({ default: 'http://127.0.0.1:3200' }),
  PAPERCLIP_GATEWAY_KEY_FILE: Type.Optional(Type.String()),
  PAPERCLIP_INTERNAL_PLAINTEXT: Type.Optional(Type.Enum(['private-network'])),
  PAPERCLIP_ENABLE_COMPANY_DELETION: Type.Boolean({ default: false }),
  TRUST_PROXY: Type.String({ default: '' }),
  PAPERCLIP_LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error'], { default: 'info' }),
  PAPERCLIP_PARENT_FD: Type.Optional(Type.Integer({ minimum: 3, maximum: 1023 }))
})

/** How this gateway runs. Holds nothing secret: it is logged whole at start. */
export interface GatewayConfig {
  readonly port: number
  readonly host: string
  readonly instanceId: string
  readonly mode: DeploymentMode
  readonly exposure: 'private' | 'public'
  readonly publicUrl: string | null
  readonly allowedHostnames: readonly string[]
  readonly allowedOrigins: readonly string[]
  readonly secretsUrl: string
  /** Mutual TLS to the secrets service; null: plain http. */
  readonly tlsFiles: TlsFiles | null
  readonly gatewayKeyFile: string
  readonly companyDeletionEnabled: boolean
  readonly trustProxy: TrustProxy
  readonly logLevel: string
}

/** What may not be printed. */
export interface GatewaySecrets {
  readonly databaseUrl: SecretValue
  /** Null in local_trusted: there are no sessions. */
  readonly betterAuthSecret: SecretValue | null
  /** Null in local_trusted only: no run can be opened. */
  readonly agentJwtSecret: SecretValue | null
  readonly agentJwtSecretPrevious: SecretValue | null
  /** May carry a password. Null: limits are counted in the database. */
  readonly redisUrl: SecretValue | null
}

export interface LoadedConfig {
  readonly config: GatewayConfig
  readonly secrets: GatewaySecrets
}

/** Reads the environment. Throws {@link ConfigError} that names every faulty variable at once and repeats no value. */
export function loadConfig(env: NodeJS.ProcessEnv): LoadedConfig {
  const parsed = parseEnvironment(Environment, secretNames, env)
  const { config: raw, secrets, faults } = parsed
  const note = (fault: string | null) => {
    if (fault !== null) faults.push(fault)
  }
  if (raw.PAPERCLIP_PUBLIC_URL && raw.PAPERCLIP_AUTH_PUBLIC_BASE_URL)
    if (raw.PAPERCLIP_PUBLIC_URL !== raw.PAPERCLIP_AUTH_PUBLIC_BASE_URL)
      note('PAPERCLIP_PUBLIC_URL and PAPERCLIP_AUTH_PUBLIC_BASE_URL are two names of one value and differ')
  const publicUrl = raw.PAPERCLIP_PUBLIC_URL ?? raw.PAPERCLIP_AUTH_PUBLIC_BASE_URL ?? null
  if (publicUrl !== null && !isOrigin(publicUrl))
    note('PAPERCLIP_PUBLIC_URL must be like https://host, without a path')
  const allowedHostnames = listOf(raw.PAPERCLIP_ALLOWED_HOSTNAMES)
  if (!allowedHostnames.every((name) => /^[A-Za-z0-9.-]+$/.test(name)))
    note('PAPERCLIP_ALLOWED_HOSTNAMES must be host names without port, separated by commas')
  const allowedOrigins = listOf(raw.PAPERCLIP_ALLOWED_ORIGINS)
  if (!allowedOrigins.every(isOrigin))
    note('PAPERCLIP_ALLOWED_ORIGINS must be origins like https://host:port, separated by commas')
  for (const fault of modeFaults({ raw, publicUrl, allowedOrigins, secrets })) note(fault)
  const secretsUrl = isOrigin(raw.PAPERCLIP_SECRETS_URL) ? new URL(raw.PAPERCLIP_SECRETS_URL) : null
  if (secretsUrl === null) note('PAPERCLIP_SECRETS_URL must be like http://host:port, without a path')
  const plaintextAllowed = raw.PAPERCLIP_INTERNAL_PLAINTEXT !== undefined
  const hop = readHopConfig(env, { secretsUrl, plaintextAllowed })
  for (const fault of hop.faults) note(fault)
  const trustProxy = parseTrustProxy(raw.TRUST_PROXY)
  if (trustProxy === undefined)
    note('TRUST_PROXY must be a number of hops (1 to 32) or a list of addresses and networks like 10.0.0.0/8')
  if (secrets.DATABASE_URL === null) note('DATABASE_URL is required')
  if (!isRedisUrl(secrets.REDIS_URL)) note('REDIS_URL must be like redis://host:port or rediss://host:port')
  for (const fault of secretFaults(secrets)) note(fault)
  if (faults.length > 0) throw new ConfigError(faults)

  const home = raw.PAPERCLIP_HOME ?? join(homedir(), '.paperclip')
  const instanceFolder = join(home, 'instances', raw.PAPERCLIP_INSTANCE_ID)
  return {
    config: Object.freeze({
      port: raw.PORT,
      host: hostOf(raw),
      instanceId: raw.PAPERCLIP_INSTANCE_ID,
      mode: raw.PAPERCLIP_DEPLOYMENT_MODE as DeploymentMode,
      exposure: raw.PAPERCLIP_DEPLOYMENT_EXPOSURE as GatewayConfig['exposure'],
      publicUrl,
      allowedHostnames,
      allowedOrigins,
      secretsUrl: raw.PAPERCLIP_SECRETS_URL,
      tlsFiles: hop.tlsFiles,
      gatewayKeyFile: raw.PAPERCLIP_GATEWAY_KEY_FILE ?? join(instanceFolder, 'secrets', 'gateway-key.json'),
      companyDeletionEnabled: raw.PAPERCLIP_ENABLE_COMPANY_DELETION,
      trustProxy: trustProxy as TrustProxy,
      logLevel: raw.PAPERCLIP_LOG_LEVEL
    }),
    secrets: {
      betterAuthSecret: secrets.BETTER_AUTH_SECRET,
      databaseUrl: secrets.DATABASE_URL as SecretValue,
      agentJwtSecret: secrets.PAPERCLIP_AGENT_JWT_SECRET,
      agentJwtSecretPrevious: secrets.PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS,
      redisUrl: secrets.REDIS_URL
    }
  }
}

export type RawConfig = ReturnType<typeof parseEnvironment<typeof Environment, SecretName>>['config']

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:'
  return isWeb && url.username === '' && url.pathname === '/' && url.search === '' && url.hash === ''
}

function isRedisUrl(url: SecretValue | null): boolean {
  const text = url?.reveal()
  if (text === undefined) return true
  return /^rediss?:$/.test(URL.canParse(text) ? new URL(text).protocol : '') && new URL(text).hostname !== ''
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}
