import { findMasterKeyFiles, type InstancePaths } from '@paperclip/instance'
import type { ServiceDatabase, ServiceName } from './database-roles.js'
import { type Environment, type LaunchSettings, type ListenAddress, present } from './launch-settings.js'

/** What any program needs to run; nothing here is secret. */
const baseNames = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'TZ',
  'TMPDIR',
  'NODE_ENV',
  'NODE_EXTRA_CA_CERTS'
]

/** Documented variables of both services. */
const sharedNames = [
  ...['TRUST_PROXY', 'PAPERCLIP_LOG_LEVEL', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'PAPERCLIP_INTERNAL_PLAINTEXT'],
  ...[
    'PAPERCLIP_INTERNAL_TLS_CERT_FILE',
    'PAPERCLIP_INTERNAL_TLS_KEY_FILE',
    'PAPERCLIP_INTERNAL_TLS_CA_FILE'
  ],
  ...['REDIS_URL', 'REDIS_URL_FILE']
]

/** Documented variables of one service; what the launcher decides itself is not listed. */
const ownNames: Readonly<Record<ServiceName, readonly string[]>> = {
  gateway: [
    // One port cannot serve two processes of one machine.
    'PAPERCLIP_METRICS_PORT',
    ...['PAPERCLIP_DEPLOYMENT_EXPOSURE', 'PAPERCLIP_PUBLIC_URL', 'PAPERCLIP_AUTH_PUBLIC_BASE_URL'],
    ...['PAPERCLIP_ALLOWED_HOSTNAMES', 'PAPERCLIP_ALLOWED_ORIGINS', 'PAPERCLIP_ENABLE_COMPANY_DELETION']
  ],
  secrets: [
    ...['PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS', 'PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS_FILE'],
    ...['PAPERCLIP_SECRETS_STRICT_MODE', 'PAPERCLIP_SECRETS_PROVIDER'],
    ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR']
  ]
}

/** Families of variables: the AWS credential chain, and settings that end in one of many names. */
const ownPrefixes: Readonly<Record<ServiceName, readonly string[]>> = {
  gateway: [],
  secrets: ['AWS_', 'PAPERCLIP_SECRETS_AWS_', 'PAPERCLIP_STORAGE_']
}

/** Everything the environments are built from. */
export interface EnvironmentSources {
  readonly env: Environment
  readonly settings: LaunchSettings
  /** The instance's `.env`; the environment wins over it. */
  readonly generated: Readonly<Record<string, string>>
  readonly databases: Readonly<Record<ServiceName, ServiceDatabase>>
}

/**
 * Builds the environment of a service from nothing.
 *
 * Neither service sees the other's secrets: the master key, the audit key and AWS credentials go to the
 * secrets service only, session and token secrets to the gateway only. Variables that no service is
 * documented to read go nowhere, since a misspelt one may hold a secret.
 */
export function serviceEnvironment(
  service: ServiceName,
  sources: EnvironmentSources
): Record<string, string> {
  const { env, settings, databases } = sources
  const { paths } = settings
  return {
    ...pick(env, [...baseNames, ...sharedNames, ...ownNames[service]], ['LC_', ...ownPrefixes[service]]),
    PAPERCLIP_HOME: paths.home,
    PAPERCLIP_INSTANCE_ID: paths.instanceId,
    PAPERCLIP_DEPLOYMENT_MODE: settings.deploymentMode,
    PAPERCLIP_PARENT_FD: '3',
    DATABASE_URL: databases[service].url,
    ...(service === 'gateway' ? gatewayOnly(sources) : secretsOnly(env, settings))
  }
}

/** Builds the environment of a service's migration: the owner's database URL and nothing secret besides. */
export function migrationEnvironment(
  service: ServiceName,
  sources: EnvironmentSources
): Record<string, string> {
  const { env, databases } = sources
  return {
    ...pick(env, [...baseNames, 'PAPERCLIP_LOG_LEVEL'], ['LC_']),
    PAPERCLIP_PARENT_FD: '3',
    DATABASE_MIGRATION_URL: databases[service].migrationUrl
  }
}

/** Where a service answers from this machine. */
export function serviceUrl(service: ServiceName, settings: LaunchSettings): string {
  const isTls = service === 'secrets' && settings.internalTls !== null
  return addressUrl(isTls ? 'https' : 'http', settings[service])
}

/** Where what listens answers from this machine. */
export function addressUrl(scheme: 'http' | 'https', { host, port }: ListenAddress): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  return `${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
}

function gatewayOnly({ env, settings, generated }: EnvironmentSources): Record<string, string> {
  return {
    PORT: String(settings.gateway.port),
    HOST: settings.gateway.host,
    PAPERCLIP_SECRETS_URL: present(env.PAPERCLIP_SECRETS_URL) ?? serviceUrl('secrets', settings),
    PAPERCLIP_GATEWAY_KEY_FILE: present(env.PAPERCLIP_GATEWAY_KEY_FILE) ?? settings.paths.gatewayKey,
    ...secretVariable('BETTER_AUTH_SECRET', env, generated),
    ...secretVariable('PAPERCLIP_AGENT_JWT_SECRET', env, generated),
    ...secretVariable('PAPERCLIP_AGENT_JWT_SECRET_PREVIOUS', env, generated)
  }
}

function secretsOnly(env: Environment, settings: LaunchSettings): Record<string, string> {
  const { paths, secrets: address } = settings
  return {
    ...(settings.external === null ? { PAPERCLIP_EMBEDDED_DATABASE: 'true' } : {}),
    PAPERCLIP_SECRETS_PORT: String(address.port),
    PAPERCLIP_SECRETS_HOST: address.host,
    PAPERCLIP_INTERNAL_KEYS_FILE: present(env.PAPERCLIP_INTERNAL_KEYS_FILE) ?? paths.internalKeys,
    ...masterKeyVariables(env, paths),
    ...keyVariable('PAPERCLIP_AUDIT_KEY', env, paths.auditKey)
  }
}

/** The newest key file and the one before it: during a rotation the service needs both. */
function masterKeyVariables(env: Environment, paths: InstancePaths): Record<string, string> {
  const brought = given('PAPERCLIP_SECRETS_MASTER_KEY', env)
  if (brought !== undefined) return brought
  const [newest = paths.masterKey, former] = findMasterKeyFiles(paths)
  const previous = 'PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS'
  return {
    PAPERCLIP_SECRETS_MASTER_KEY_FILE: newest,
    ...(former === undefined || given(previous, env) !== undefined ? {} : { [`${previous}_FILE`]: former })
  }
}

/** True when the operator brings a master key, so that the key file is neither read nor made. */
export function bringsMasterKey(env: Environment): boolean {
  return given('PAPERCLIP_SECRETS_MASTER_KEY', env) !== undefined
}

function secretVariable(
  name: string,
  env: Environment,
  generated: Readonly<Record<string, string>>
): Record<string, string> {
  const fromFile = generated[name]
  return given(name, env) ?? (fromFile === undefined ? {} : { [name]: fromFile })
}

function keyVariable(name: string, env: Environment, path: string): Record<string, string> {
  return given(name, env) ?? { [`${name}_FILE`]: path }
}

/** The variable as the operator set it, by value or by file; both are passed on, and the service complains. */
function given(name: string, env: Environment): Record<string, string> | undefined {
  const found = pick(env, [name, `${name}_FILE`], [])
  return Object.keys(found).length === 0 ? undefined : found
}

function pick(
  env: Environment,
  names: readonly string[],
  prefixes: readonly string[]
): Record<string, string> {
  const wanted = new Set(names)
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    const matches = wanted.has(name) || prefixes.some((prefix) => name.startsWith(prefix))
    if (matches && present(value) !== undefined && value !== undefined) found[name] = value
  }
  return found
}
