import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { providerIds } from '@paperclip/contracts'
import { ConfigError, parseEnvironment, SecretValue } from '@paperclip/server'
import { findTlsFiles, type TlsFiles } from '@paperclip/signing'
import { type Static, Type } from 'typebox'
import { readAwsSettings } from './config-aws.js'
import type { AwsSettings } from './provider/aws/aws-settings.js'

const Port = (standard: number) => Type.Integer({ minimum: 0, maximum: 65_535, default: standard })

const Variables = Type.Object({
  PAPERCLIP_HOME: Type.Optional(Type.String()),
  PAPERCLIP_INSTANCE_ID: Type.String({ default: 'default', pattern: '^[A-Za-z0-9_-]{1,64}$' }),
  PAPERCLIP_DEPLOYMENT_MODE: Type.Enum(['local_trusted', 'authenticated'], { default: 'local_trusted' }),
  PAPERCLIP_SECRETS_HOST: Type.String({ default: '127.0.0.1' }),
  PAPERCLIP_SECRETS_PORT: Port(3200),
  PAPERCLIP_INTERNAL_KEYS_FILE: Type.Optional(Type.String()),
  PAPERCLIP_SECRETS_STRICT_MODE: Type.Optional(Type.Enum(['true', 'false'])),
  PAPERCLIP_SECRETS_PROVIDER: Type.Enum([...providerIds], { default: 'local_encrypted' }),
  PAPERCLIP_INTERNAL_PLAINTEXT: Type.Optional(Type.Literal('private-network')),
  PAPERCLIP_EMBEDDED_DATABASE: Type.Optional(Type.Literal('true')),
  PAPERCLIP_PARENT_FD: Type.Optional(Type.Integer({ minimum: 3, maximum: 255 })),
  PAPERCLIP_LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error'], { default: 'info' })
})

const secretNames = [
  'DATABASE_URL',
  'PAPERCLIP_SECRETS_MASTER_KEY',
  'PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS'
] as const

/** What may be printed of how the service runs; to the log as {@link loggableConfig}. */
export interface Config {
  readonly host: string
  readonly port: number
  readonly deploymentMode: Static<typeof Variables>['PAPERCLIP_DEPLOYMENT_MODE']
  readonly internalKeysFile: string
  /** Null: plain http. */
  readonly tlsFiles: TlsFiles | null
  readonly masterKeySource: string
  /** The file the master key came from, if any: its mode is tightened at start. */
  readonly masterKeyFile: string | null
  /** As `masterKeyFile`, of the other key that is accepted while the master key is rotated. */
  readonly previousMasterKeyFile: string | null
  readonly strictMode: boolean
  /** The launcher started this database for this machine alone. */
  readonly isDatabaseEmbedded: boolean
  readonly defaultProvider: Static<typeof Variables>['PAPERCLIP_SECRETS_PROVIDER']
  readonly aws: AwsSettings
  readonly parentFd: number | null
  readonly logLevel: string
}

export interface Secrets {
  readonly databaseUrl: SecretValue
  readonly masterKey: SecretValue
  readonly previousMasterKey: SecretValue | null
  /** Every credential of this deployment that the environment gives: no company may store one of them. */
  readonly own: readonly SecretValue[]
}

/** A config for the log, where no ARN stands: that of a KMS key names the account. */
export function loggableConfig({ aws, ...config }: Config): object {
  return { ...config, aws: { ...aws, kmsKeyId: aws.kmsKeyId === null ? null : 'set' } }
}

const loopback = /^(?:127(?:\.\d{1,3}){3}|::1|localhost)$/

/** Reads the environment once. Throws {@link ConfigError} with every fault; never a value in it. */
export function loadConfig(env: NodeJS.ProcessEnv): { config: Config; secrets: Secrets } {
  const home = env.PAPERCLIP_HOME?.trim() || join(homedir(), '.paperclip')
  const secretsFolder = join(home, 'instances', env.PAPERCLIP_INSTANCE_ID?.trim() || 'default', 'secrets')
  const completed = withDefaultKeyFile(env, join(secretsFolder, 'master.key'))
  const { config: variables, secrets, faults } = parseEnvironment(Variables, secretNames, completed)
  const { files: tlsFiles, fault: tlsFault } = findTlsFiles(env)
  if (tlsFault !== null) faults.push(tlsFault)
  const { DATABASE_URL: databaseUrl, PAPERCLIP_SECRETS_MASTER_KEY: masterKey } = secrets
  if (databaseUrl === null && !faults.some((fault) => fault.startsWith('DATABASE_URL')))
    faults.push('DATABASE_URL is not set: name the PostgreSQL database of this service')
  if (masterKey === null && !faults.some((fault) => fault.startsWith('PAPERCLIP_SECRETS_MASTER_KEY')))
    faults.push('PAPERCLIP_SECRETS_MASTER_KEY or PAPERCLIP_SECRETS_MASTER_KEY_FILE is not set')
  const { PAPERCLIP_SECRETS_HOST: host } = variables
  const isPlain = tlsFiles === null && tlsFault === null
  if (isPlain && !loopback.test(host) && variables.PAPERCLIP_INTERNAL_PLAINTEXT === undefined)
    faults.push(
      'PAPERCLIP_SECRETS_HOST is not loopback: set PAPERCLIP_INTERNAL_TLS_CERT_FILE, _KEY_FILE and _CA_FILE, or allow plain http with PAPERCLIP_INTERNAL_PLAINTEXT=private-network'
    )
  const { settings: aws, faults: awsFaults } = readAwsSettings(env, {
    isDefaultProvider: variables.PAPERCLIP_SECRETS_PROVIDER === 'aws_secrets_manager'
  })
  faults.push(...awsFaults)
  if (faults.length > 0 || databaseUrl === null || masterKey === null) throw new ConfigError(faults)
  const fromText = Boolean(env.PAPERCLIP_SECRETS_MASTER_KEY?.trim())
  return {
    config: Object.freeze({
      host,
      port: variables.PAPERCLIP_SECRETS_PORT,
      deploymentMode: variables.PAPERCLIP_DEPLOYMENT_MODE,
      internalKeysFile: variables.PAPERCLIP_INTERNAL_KEYS_FILE ?? join(secretsFolder, 'internal-keys.json'),
      tlsFiles,
      masterKeySource: fromText ? 'PAPERCLIP_SECRETS_MASTER_KEY' : 'PAPERCLIP_SECRETS_MASTER_KEY_FILE',
      masterKeyFile: fromText ? null : (completed.PAPERCLIP_SECRETS_MASTER_KEY_FILE ?? null),
      previousMasterKeyFile: env.PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS?.trim()
        ? null
        : env.PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS_FILE?.trim() || null,
      strictMode: strictModeOf(variables),
      isDatabaseEmbedded: variables.PAPERCLIP_EMBEDDED_DATABASE === 'true',
      defaultProvider: variables.PAPERCLIP_SECRETS_PROVIDER,
      aws,
      parentFd: variables.PAPERCLIP_PARENT_FD ?? null,
      logLevel: variables.PAPERCLIP_LOG_LEVEL
    }),
    secrets: Object.freeze({
      databaseUrl,
      masterKey,
      previousMasterKey: secrets.PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS,
      own: ownCredentials(env, [databaseUrl, masterKey, secrets.PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS])
    })
  }
}

/** What AWS' own library reads by itself, the audit key, the master keys, and the way into the database. */
function ownCredentials(env: NodeJS.ProcessEnv, secrets: readonly (SecretValue | null)[]): SecretValue[] {
  const names = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'PAPERCLIP_AUDIT_KEY']
  const given = names.flatMap((name) => env[name]?.trim() || [])
  const auditKey = env.PAPERCLIP_AUDIT_KEY_FILE?.trim()
  if (auditKey !== undefined && existsSync(auditKey)) given.push(readFileSync(auditKey, 'utf8').trim())
  const present = secrets.filter((secret) => secret !== null)
  const passwords = present.flatMap((secret) => passwordOf(secret.reveal()))
  return [...[...given, ...passwords].map((text) => new SecretValue(text)), ...present]
}

/** That of a URL; empty for any other text. */
function passwordOf(text: string): string[] {
  const password = URL.canParse(text) ? new URL(text).password : ''
  try {
    return password === '' ? [] : [decodeURIComponent(password)]
  } catch {
    return [password]
  }
}

/** On unless said otherwise where several people share the instance. */
function strictModeOf(variables: Static<typeof Variables>): boolean {
  const said = variables.PAPERCLIP_SECRETS_STRICT_MODE
  return said === undefined ? variables.PAPERCLIP_DEPLOYMENT_MODE === 'authenticated' : said === 'true'
}

/** The key file of the instance folder is used when nothing else is said; a key in the environment goes first. */
function withDefaultKeyFile(env: NodeJS.ProcessEnv, file: string): NodeJS.ProcessEnv {
  if (env.PAPERCLIP_SECRETS_MASTER_KEY?.trim()) {
    const { PAPERCLIP_SECRETS_MASTER_KEY_FILE: _overridden, ...rest } = env
    return rest
  }
  return env.PAPERCLIP_SECRETS_MASTER_KEY_FILE?.trim()
    ? env
    : { ...env, PAPERCLIP_SECRETS_MASTER_KEY_FILE: file }
}
