import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { chooseDataDir, copyRunningData, PostgresError, resolveServerUser } from '@paperclip/postgres'
import { CliError, MisuseError } from '../cli-error.js'
import { type Environment, type LaunchSettings, readLaunchSettings } from '../launcher/launch-settings.js'
import { askSecretsDatabase } from '../launcher/prepare-instance.js'
import { bringsMasterKey } from '../launcher/service-environment.js'
import { copyKeptFiles } from './instance-files.js'

/** The two halves of a backup, to be kept apart: neither is worth anything alone. */
export const backupParts = { database: 'database', keys: 'keys' } as const

/** What a backup holds. */
export interface Backup {
  readonly folder: string
  /** Null: the database is somebody else's server, and is dumped there. */
  readonly database: string | null
  readonly keys: string
  readonly files: readonly string[]
  /** False: the operator's environment brings it, and no file of the instance has it. */
  readonly hasMasterKey: boolean
}

const dirMode = 0o700

/**
 * Copies an instance into a new folder: the embedded database as of this moment, whether or not the instance runs, and
 * then its keys and configuration, so that no key that the database needs can be missing.
 *
 * The folder gets its name when it is complete. Throws `MisuseError` where it exists, `CliError` and its kin.
 */
export async function createBackup(env: Environment, folder: string): Promise<Backup> {
  const target = resolve(folder)
  const partial = `${target}.partial`
  if (existsSync(target)) throw new MisuseError(`${target} exists already`, 'name a new folder')
  const settings = await readLaunchSettings(env)
  if (!existsSync(settings.paths.env))
    throw new CliError(`there is no instance in ${settings.paths.instanceDir}`, {
      hint: 'set PAPERCLIP_HOME'
    })
  await rm(partial, { recursive: true, force: true })
  await mkdir(dirname(partial), { recursive: true, mode: dirMode })
  await mkdir(partial, { mode: dirMode })
  try {
    const hasDatabase = settings.external === null
    if (hasDatabase) await copyDatabase(settings, join(partial, backupParts.database))
    const files = await copyKeptFiles(settings.paths, join(partial, backupParts.keys))
    await rename(partial, target)
    return {
      folder: target,
      database: hasDatabase ? join(target, backupParts.database) : null,
      keys: join(target, backupParts.keys),
      files,
      hasMasterKey: !bringsMasterKey(env)
    }
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

async function copyDatabase(settings: LaunchSettings, target: string): Promise<void> {
  const user = await resolveServerUser({ name: settings.postgresUser })
  const dataDir = await chooseDataDir({ instanceDir: settings.paths.instanceDir, user })
  const isCopied = await askSecretsDatabase(
    settings,
    async (adminUrl) => {
      await copyRunningData({ dataDir, adminUrl, target })
      return true
    },
    false
  ).catch(describe)
  if (!isCopied)
    throw new CliError('this instance has no database yet', { hint: 'start it once with `npm start`' })
}

/** Errors of the driver and of the file system may quote what they were given. */
function describe(error: unknown): never {
  const { code } = (error ?? {}) as { code?: unknown }
  if (error instanceof PostgresError || code === undefined) throw error
  throw new CliError(`the database could not be copied (${String(code)})`, {
    hint: code === 'ENOSPC' ? 'make room' : 'see the log of PostgreSQL in the logs folder of the instance'
  })
}
