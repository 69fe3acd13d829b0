import { chmod, chown, copyFile, mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { backupLabel } from './base-backup.js'
import { moveIntoPlace, prepareParent } from './init-data.js'
import { PostgresError } from './postgres-error.js'
import type { ServerUser } from './server-user.js'

// PostgreSQL refuses data that others may read.
const modes = { dir: 0o700, file: 0o600 } as const

/**
 * Puts a copy of a data directory, as `copyRunningData` makes it, where a server of `user` will find it.
 *
 * The copy may belong to anybody and have any mode: what is made is the server user's alone. It gets its name when it
 * is complete. Throws {@link PostgresError}, and changes nothing, where data lies already or `source` is none, or is not
 * whole: without its label a server would start on it as if nothing had been written during the copy.
 */
export async function restoreData({
  source,
  dataDir,
  user
}: {
  source: string
  dataDir: string
  user: ServerUser
}): Promise<void> {
  if (!(await exists(join(source, 'PG_VERSION'))))
    throw new PostgresError(`${source} holds no database: name the folder of a backup.`)
  if (!(await exists(join(source, backupLabel))))
    throw new PostgresError(`${source} is not a whole backup: it has no ${backupLabel}.`)
  if (await exists(dataDir))
    throw new PostgresError(`There is data in ${dataDir} already: move it away, or restore elsewhere.`)
  await prepareParent(dirname(dataDir), user)
  const temporary = `${dataDir}.restored`
  await rm(temporary, { recursive: true, force: true })
  try {
    await copyOwned(source, temporary, user)
    await moveIntoPlace(temporary, dataDir)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}

async function copyOwned(from: string, to: string, user: ServerUser): Promise<void> {
  await mkdir(to, { mode: modes.dir })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, copy] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await copyOwned(source, copy, user)
    if (!entry.isFile()) continue
    await copyFile(source, copy)
    await settle(copy, { mode: modes.file, user })
  }
  await settle(to, { mode: modes.dir, user })
}

async function settle(path: string, { mode, user }: { mode: number; user: ServerUser }): Promise<void> {
  await chmod(path, mode)
  if (user.switched) await chown(path, user.uid, user.gid)
  const file = await open(path, 'r')
  await file.sync().finally(() => file.close())
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return false
      throw error
    }
  )
}
