import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { findMasterKeyFiles } from '@paperclip/instance'
import { chooseDataDir, resolveServerUser, restoreData } from '@paperclip/postgres'
import { CliError } from '../cli-error.js'
import { lockInstance } from '../launcher/instance-lock.js'
import { type Environment, type LaunchSettings, readLaunchSettings } from '../launcher/launch-settings.js'
import { backupParts } from './create-backup.js'
import { listKeptFiles, restoreKeptFiles } from './instance-files.js'

/** What was put where. */
export interface Restored {
  /** Null: the database is somebody else's server, and is restored there. */
  readonly dataDir: string | null
  readonly instanceDir: string
  readonly files: readonly string[]
  /** False: none was in the backup, as where the operator's environment brings it. */
  readonly hasMasterKey: boolean
}

const dirMode = 0o700

/**
 * Makes an instance of a backup, where there is none: nothing that exists is replaced. The keys come last, so that what
 * was cut off does not start. Throws `CliError` and its kin.
 */
export async function restoreBackup(env: Environment, folder: string): Promise<Restored> {
  const source = resolve(folder)
  const [database, keys] = [join(source, backupParts.database), join(source, backupParts.keys)]
  const settings = await readLaunchSettings(env)
  const { paths, external } = settings
  const { instanceDir } = paths
  if ((await listKeptFiles(keys)).length === 0)
    throw new CliError(`${keys} holds no keys`, { hint: 'put both parts of the backup beside each other' })
  if (external === null && !existsSync(database))
    throw new CliError(`there is no ${database}`, {
      hint: 'put both parts of the backup beside each other; a database of your own needs DATABASE_URL'
    })
  // Left out without a word, it would be missed when the old machine is gone.
  if (external !== null && existsSync(database))
    throw new CliError(
      `${database} is of an embedded database, and DATABASE_URL names a server of your own`,
      {
        hint: 'unset DATABASE_URL to restore it; to move to that server, see deploy/backup.md'
      }
    )
  // The server that is started on the data writes a log.
  await mkdir(paths.logsDir, { recursive: true, mode: dirMode })
  const lock = await lockInstance(paths)
  try {
    const [found] = await listKeptFiles(instanceDir)
    if (found !== undefined)
      throw new CliError(`there is an instance in ${instanceDir} already: it has ${found}`, {
        hint: 'set PAPERCLIP_HOME to a new folder, or move the old one away'
      })
    const dataDir = external === null ? await placeDatabase(settings, database) : null
    const files = await restoreKeptFiles(keys, paths)
    return { dataDir, instanceDir, files, hasMasterKey: findMasterKeyFiles(paths).length > 0 }
  } finally {
    await lock.release()
  }
}

async function placeDatabase({ paths, postgresUser }: LaunchSettings, source: string): Promise<string> {
  const user = await resolveServerUser({ name: postgresUser })
  const dataDir = await chooseDataDir({ instanceDir: paths.instanceDir, user })
  await restoreData({ source, dataDir, user })
  return dataDir
}
