import { existsSync } from 'node:fs'
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { findMasterKeyFiles } from '@paperclip/instance'
import { chooseDataDir, copyRunningData, PostgresError, resolveServerUser } from '@paperclip/postgres'
import { CliError, MisuseError } from '../cli-error.js'
import { type Environment, type LaunchSettings, readLaunchSettings } from '../launcher/launch-settings.js'
import { askSecretsDatabase } from '../launcher/prepare-instance.js'
import { withRunningDatabase } from '../launcher/running-database.js'
import { bringsMasterKey } from '../launcher/service-environment.js'
import { takeProcessLock } from '../process-lock.js'
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
  if (existsSync(target)) throw new MisuseError(`${target} exists already`, 'name a new folder')
  const settings = await withRunningDatabase(await readLaunchSettings(env))
  const { paths } = settings
  if (!existsSync(paths.env))
    throw new CliError(`there is no instance in ${paths.instanceDir}`, { hint: 'set PAPERCLIP_HOME' })
  const hasMasterKey = !bringsMasterKey(env)
  if (hasMasterKey && findMasterKeyFiles(paths).length === 0)
    throw new CliError(`there is no master key in ${paths.secretsDir}`, {
      hint: 'nothing that is stored would open: put it back first; `paperclipai doctor` says which one'
    })
  await mkdir(dirname(target), { recursive: true, mode: dirMode })
  const lock = await takeProcessLock(`${target}.lock`)
  if (lock === null || 'heldBy' in lock)
    throw new CliError(`another command is at work on ${target}`, {
      hint: 'wait for its end, or name another'
    })
  try {
    return { ...(await copyInstance(settings, target)), hasMasterKey }
  } finally {
    await lock.release()
  }
}

async function copyInstance(settings: LaunchSettings, target: string): Promise<Omit<Backup, 'hasMasterKey'>> {
  const partial = `${target}.partial`
  await removeLeftover(partial)
  await mkdir(partial, { mode: dirMode })
  try {
    const hasDatabase = settings.external === null
    if (hasDatabase) await copyDatabase(settings, join(partial, backupParts.database))
    const files = await copyKeptFiles(settings.paths, join(partial, backupParts.keys))
    await syncFolder(partial)
    await rename(partial, target)
    await syncFolder(dirname(target))
    return {
      folder: target,
      database: hasDatabase ? join(target, backupParts.database) : null,
      keys: join(target, backupParts.keys),
      files
    }
  } catch (error) {
    await rm(partial, { recursive: true, force: true })
    throw error
  }
}

/** Removes what a command that was killed has left, and nothing that it cannot have made. */
async function removeLeftover(partial: string): Promise<void> {
  const ours: readonly string[] = Object.values(backupParts)
  const names = await readdir(partial).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new MisuseError(`${partial} is in the way (${error.code})`, 'move it away')
  })
  if (names.some((name) => !ours.includes(name)))
    throw new MisuseError(`${partial} holds something else`, 'move it away, or name another folder')
  await rm(partial, { recursive: true, force: true })
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  await folder.sync().finally(() => folder.close())
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
