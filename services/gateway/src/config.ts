import { createHash } from 'node:crypto'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { ConfigError, parseEnvironment, type SecretValue, unavailableFault } from '@paperclip/server'
import { Type } from 'typebox'
import { isLoopbackHost } from './auth/host-guard.js'
import { parseTrustProxy, type TrustProxy } from './trust-proxy.js'

export type DeploymentMode = 'local_trusted' | 'authenticated'

const Environment = Type.Object({
  PORT: Type.Integer({ minimum: 0, maximum: 65_535, default: 3100 }),
  HOST: Type.String({ maxLength: 255, default: '127.0.0.1' }),
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

const secretNames = [
  'DATABASE_URL',
  'BETTER_AUTH_SECRET',
  'PAPERCLIP_AGENT_JWT_SECRET',
  'PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS'
] as const

/** HMAC-SHA256 keys shorter than their output are weaker than it (RFC 7518 section 3.2). */
const secretBytesMin = 32

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
  readonly gatewayKeyFile: string
  readonly companyDeletionEnabled: boolean
  readonly trustProxy: TrustProxy
  readonly logLevel: string
}

/** What may not be printed. */
export interface GatewaySecrets {
  readonly databaseUrl: SecretValue
  /** Null: no run can be opened. */
  readonly agentJwtSecret: SecretValue | null
  readonly agentJwtSecretPrevious: SecretValue | null
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
  note(unavailableFault(env))
  note(modeFault(raw))
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
  note(secretsUrlFault(raw))
  const trustProxy = parseTrustProxy(raw.TRUST_PROXY)
  if (trustProxy === undefined)
    note('TRUST_PROXY must be a number of hops (1 to 32) or a list of addresses and networks like 10.0.0.0/8')
  if (secrets.DATABASE_URL === null) note('DATABASE_URL is required')
  for (const fault of weakSecrets(secrets)) note(fault)
  if (faults.length > 0) throw new ConfigError(faults)

  const home = raw.PAPERCLIP_HOME ?? join(homedir(), '.paperclip')
  const instanceFolder = join(home, 'instances', raw.PAPERCLIP_INSTANCE_ID)
  return {
    config: Object.freeze({
      port: raw.PORT,
      host: raw.HOST,
      instanceId: raw.PAPERCLIP_INSTANCE_ID,
      mode: raw.PAPERCLIP_DEPLOYMENT_MODE as DeploymentMode,
      exposure: raw.PAPERCLIP_DEPLOYMENT_EXPOSURE as GatewayConfig['exposure'],
      publicUrl,
      allowedHostnames,
      allowedOrigins,
      secretsUrl: raw.PAPERCLIP_SECRETS_URL,
      gatewayKeyFile: raw.PAPERCLIP_GATEWAY_KEY_FILE ?? join(instanceFolder, 'secrets', 'gateway-key.json'),
      companyDeletionEnabled: raw.PAPERCLIP_ENABLE_COMPANY_DELETION,
      trustProxy: trustProxy as TrustProxy,
      logLevel: raw.PAPERCLIP_LOG_LEVEL
    }),
    secrets: {
      databaseUrl: secrets.DATABASE_URL as SecretValue,
      agentJwtSecret: secrets.PAPERCLIP_AGENT_JWT_SECRET,
      agentJwtSecretPrevious: secrets.PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS
    }
  }
}

type RawConfig = ReturnType<
  typeof parseEnvironment<typeof Environment, (typeof secretNames)[number]>
>['config']

function modeFault(raw: RawConfig): string | null {
  if (raw.PAPERCLIP_DEPLOYMENT_MODE === 'authenticated')
    return 'PAPERCLIP_DEPLOYMENT_MODE "authenticated" is not available in this version yet; use "local_trusted"'
  if (raw.PAPERCLIP_DEPLOYMENT_EXPOSURE === 'public')
    return 'PAPERCLIP_DEPLOYMENT_EXPOSURE "public" needs authenticated mode: in local_trusted every caller is the operator'
  const host = raw.HOST.includes(':') && !raw.HOST.startsWith('[') ? `[${raw.HOST}]` : raw.HOST
  return isLoopbackHost(host)
    ? null
    : 'HOST must be a loopback address (127.0.0.1, ::1 or localhost) in local_trusted, where every caller is the operator'
}

function secretsUrlFault(raw: RawConfig): string | null {
  const text = raw.PAPERCLIP_SECRETS_URL
  if (!isOrigin(text)) return 'PAPERCLIP_SECRETS_URL must be like http://host:port, without a path'
  const url = new URL(text)
  const isPlain = url.protocol === 'http:' && !isLoopbackHost(url.hostname)
  return isPlain && raw.PAPERCLIP_INTERNAL_PLAINTEXT === undefined
    ? 'PAPERCLIP_SECRETS_URL is plain http to another machine; use https, or set PAPERCLIP_INTERNAL_PLAINTEXT=private-network'
    : null
}

function weakSecrets(secrets: Record<(typeof secretNames)[number], SecretValue | null>): string[] {
  const faults: string[] = []
  const seen = new Map<string, string>()
  for (const name of secretNames) {
    const text = secrets[name]?.reveal()
    if (name === 'DATABASE_URL' || text === undefined) continue
    if (Buffer.byteLength(text) < secretBytesMin)
      faults.push(`${name} must be at least ${secretBytesMin} bytes`)
    const digest = createHash('sha256').update(text).digest('hex')
    const other = seen.get(digest)
    if (other !== undefined) faults.push(`${name} must differ from ${other}`)
    seen.set(digest, name)
  }
  if (secrets.PAPERCLIP_AGENT_JWT_SECRET === null && secrets.PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS !== null)
    faults.push('PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS is set without PAPERCLIP_AGENT_JWT_SECRET')
  return faults
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false
  const url = new URL(text)
  const isWeb = url.protocol === 'http:' || url.protocol === 'https:'
  return isWeb && url.username === '' && url.pathname === '/' && url.search === '' && url.hash === ''
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}
