import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { findTlsFiles, type TlsFiles } from '@paperclip/client'
import { type InstanceConfig, type InstancePaths, instancePaths, readConfig } from '@paperclip/instance'
import { LaunchError } from './launch-error.js'

/** The environment of a process, as it was given to us. */
export type Environment = Readonly<Record<string, string | undefined>>

/** Where a service listens. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** What the launcher was told, before anything is started. */
export interface LaunchSettings {
  readonly paths: InstancePaths
  readonly deploymentMode: string
  readonly gateway: ListenAddress
  readonly secrets: ListenAddress
  /** Mutual TLS between the services; null: plain http. */
  readonly internalTls: TlsFiles | null
  /** Null: the embedded PostgreSQL. */
  readonly external: ExternalDatabase | null
  /** Who runs the embedded server when we are root. */
  readonly postgresUser: string | undefined
}

/** Databases that somebody else runs. These URLs hold passwords. */
export interface ExternalDatabase {
  readonly gatewayUrl: string
  readonly secretsUrl: string
  /** Given when the operator made the roles by hand; then none are made here. */
  readonly migrationUrl: string | undefined
  /** Named by no setting, but found to be what the instance runs on; how it is reached may be another way. */
  readonly isAssumed?: true
}

const loopback = '127.0.0.1'
const portMax = 65_535

/** Says where an instance lies, by `PAPERCLIP_HOME` and `PAPERCLIP_INSTANCE_ID` or their defaults. */
export function findInstance(env: Environment): InstancePaths {
  const home = present(env.PAPERCLIP_HOME) ?? join(present(env.HOME) ?? homedir(), '.paperclip')
  return instancePaths({ home, instanceId: present(env.PAPERCLIP_INSTANCE_ID) ?? 'default' })
}

/**
 * Reads what the launcher itself needs: the environment first, then `config.json`, then the defaults.
 *
 * Everything else is checked by the services. Throws {@link LaunchError} that names the variable.
 */
export async function readLaunchSettings(env: Environment): Promise<LaunchSettings> {
  const paths = findInstance(env)
  const config = await readConfig(paths)
  const settings: LaunchSettings = {
    paths,
    deploymentMode: deploymentModeOf(env, config),
    gateway: gatewayAddress(env, config),
    secrets: {
      host: present(env.PAPERCLIP_SECRETS_HOST) ?? loopback,
      port: readPort(env, 'PAPERCLIP_SECRETS_PORT') ?? config.secrets.port
    },
    internalTls: readInternalTls(env),
    external: await readExternal(env),
    postgresUser: present(env.PAPERCLIP_POSTGRES_USER)
  }
  if (settings.gateway.port === settings.secrets.port) {
    throw new LaunchError(
      'PORT and PAPERCLIP_SECRETS_PORT are the same: give each service a port of its own.'
    )
  }
  return settings
}

/**
 * Says where the gateway listens when this instance runs, by the same order. Throws {@link LaunchError} that names the
 * variable.
 */
export function gatewayAddress(env: Environment, config: InstanceConfig): ListenAddress {
  const everywhere = deploymentModeOf(env, config) === 'authenticated' ? '0.0.0.0' : loopback
  return { host: present(env.HOST) ?? everywhere, port: readPort(env, 'PORT') ?? config.server.port }
}

function deploymentModeOf(env: Environment, config: InstanceConfig): string {
  return present(env.PAPERCLIP_DEPLOYMENT_MODE) ?? config.server.deploymentMode
}

function readInternalTls(env: Environment): TlsFiles | null {
  const { files, fault } = findTlsFiles(env)
  if (fault !== null) throw new LaunchError(`${fault}.`)
  return files
}

async function readExternal(env: Environment): Promise<ExternalDatabase | null> {
  const gatewayUrl = await readUrl(env, 'DATABASE_URL')
  const secretsUrl = await readUrl(env, 'PAPERCLIP_SECRETS_DATABASE_URL')
  const migrationUrl = await readUrl(env, 'DATABASE_MIGRATION_URL')
  if (gatewayUrl !== undefined) return { gatewayUrl, secretsUrl: secretsUrl ?? gatewayUrl, migrationUrl }
  const alone = secretsUrl !== undefined ? 'PAPERCLIP_SECRETS_DATABASE_URL' : 'DATABASE_MIGRATION_URL'
  if (secretsUrl === undefined && migrationUrl === undefined) return null
  throw new LaunchError(`${alone} is set but DATABASE_URL is not: set both or neither.`)
}

async function readUrl(env: Environment, name: string): Promise<string | undefined> {
  const text = present(env[name]) ?? (await readNamedFile(env, name))
  if (text === undefined) return undefined
  const protocol = URL.canParse(text) ? new URL(text).protocol : ''
  if (protocol !== 'postgres:' && protocol !== 'postgresql:')
    throw new LaunchError(`${name} must look like postgres://user:password@host:5432/name.`)
  if (hidesPassword(new URL(text)))
    throw new LaunchError(
      `${name} has a password that ends too early: write / as %2F, ? as %3F and # as %23.`
    )
  return text
}

/** `postgres://user:1/2@host/name` is the host `user` to a parser, and a part of the password would be shown as its port. */
function hidesPassword({ username, port, pathname, search, hash }: URL): boolean {
  return username === '' && port !== '' && (pathname + search + hash).includes('@')
}

async function readNamedFile(env: Environment, name: string): Promise<string | undefined> {
  const path = present(env[`${name}_FILE`])
  if (path === undefined) return undefined
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new LaunchError(`The file named by ${name}_FILE cannot be read: check its path and mode.`, {
      cause
    })
  })
  return present(text)
}

function readPort(env: Environment, name: string): number | undefined {
  const text = present(env[name])
  if (text === undefined) return undefined
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= portMax) return port
  throw new LaunchError(`${name} must be a port number from 1 to ${portMax}.`)
}

/** A blank variable counts as unset. */
export function present(text: string | undefined): string | undefined {
  const trimmed = text?.trim()
  return trimmed === '' ? undefined : trimmed
}
