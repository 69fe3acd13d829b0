import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, chown, lstat, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { InstalledPostgres } from './install.js'
import { PostgresError } from './postgres-error.js'
import { serverEnvironment } from './server-environment.js'
import { lastComplaint, type ServerLog } from './server-log.js'
import type { ServerUser } from './server-user.js'

const modes = { private: 0o700, enterable: 0o755, passwordFile: 0o600 } as const

/** Everything `initdb` is told. */
export interface InitData {
  readonly installed: InstalledPostgres
  readonly dataDir: string
  readonly user: ServerUser
  readonly superuser: string
  readonly password: string
  readonly durable: boolean
  readonly log: ServerLog
}

/**
 * Makes the data directory if there is none, and refuses one that this server cannot run on.
 *
 * It is made under another name and renamed when complete, so a killed start never leaves a half-made one.
 * Throws {@link PostgresError} for another major version or another owner.
 */
export async function prepareDataDir(init: InitData): Promise<{ created: boolean }> {
  const { dataDir, installed, user } = init
  const major = await readFile(join(dataDir, 'PG_VERSION'), 'utf8').catch(absent)
  if (major === undefined) {
    await createDataDir(init)
    return { created: true }
  }
  const owner = (await lstat(dataDir)).uid
  if (owner !== user.uid) {
    throw new PostgresError(
      `The data in ${dataDir} belongs to uid ${owner}, but PostgreSQL would run as uid ${user.uid}: start as the user who made it, or hand it over with chown -R.`
    )
  }
  if (major.trim() !== String(installed.major)) {
    throw new PostgresError(
      `The data in ${dataDir} was made by PostgreSQL ${major.trim()} and this release runs PostgreSQL ${installed.major}: start the release that made it, or dump there and restore here.`
    )
  }
  return { created: false }
}

/** Unreadable is not absent: creating a database over data that we may not see would hide it. */
function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw new PostgresError('The PostgreSQL data directory cannot be read: start as the user who made it.', {
    cause: error
  })
}

async function createDataDir(init: InitData): Promise<void> {
  const { dataDir, user } = init
  const temporary = `${dataDir}.tmp`
  await prepareParent(dirname(dataDir), user)
  await rm(temporary, { recursive: true, force: true })
  await mkdir(temporary, { mode: modes.private })
  if (user.switched) await chown(temporary, user.uid, user.gid)
  const passwordFile = await writePasswordFile(init)
  try {
    await runInitdb(init, { temporary, passwordFile })
  } finally {
    await rm(passwordFile, { force: true })
  }
  await moveIntoPlace(temporary, dataDir)
}

/** Makes the folder that the data lies in. It stays ours, so that the server's user cannot exchange what we rename and remove in it. */
export async function prepareParent(parent: string, user: ServerUser): Promise<void> {
  const made = await mkdir(parent, { recursive: true, mode: user.switched ? modes.enterable : modes.private })
  // The umask may have taken the bits away that the server's user needs.
  if (made === undefined || !user.switched) return
  for (let part = parent; part.length >= made.length; part = dirname(part)) await chmod(part, modes.enterable)
}

async function writePasswordFile({ dataDir, user, password }: InitData): Promise<string> {
  const path = join(dirname(dataDir), `.initdb-${randomBytes(8).toString('hex')}`)
  const file = await open(path, 'wx', modes.passwordFile)
  try {
    await file.writeFile(`${password}\n`)
    if (user.switched) await file.chown(user.uid, user.gid)
  } finally {
    await file.close()
  }
  return path
}

async function runInitdb(init: InitData, files: { temporary: string; passwordFile: string }): Promise<void> {
  const { installed, user, log } = init
  const args = [
    ...['--pgdata', files.temporary, '--username', init.superuser, '--pwfile', files.passwordFile],
    ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--no-instructions'],
    // Sorting and case rules then come from PostgreSQL itself and never change with the system's libraries.
    ...['--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8', '--locale', 'C'],
    ...(init.durable ? [] : ['--no-sync'])
  ]
  const child = spawn(join(installed.binDir, 'initdb'), args, {
    cwd: '/',
    env: { ...serverEnvironment },
    stdio: ['ignore', log.fd, log.fd],
    detached: true,
    ...(user.switched ? { uid: user.uid, gid: user.gid } : {})
  })
  const [code] = await once(child, 'exit').catch((cause: unknown) => {
    throw new PostgresError(
      'initdb could not be executed: the unpacked PostgreSQL is damaged, remove its cache folder.',
      { cause }
    )
  })
  if (code !== 0)
    throw new PostgresError(`PostgreSQL could not create its data directory.${await lastComplaint(log)}`)
}

/** Gives a complete data directory its name, durably. Throws {@link PostgresError} where something is in its place. */
export async function moveIntoPlace(temporary: string, dataDir: string): Promise<void> {
  await rename(temporary, dataDir).catch((cause: unknown) => {
    throw new PostgresError(`${dataDir} exists but holds no database: move it away and start again.`, {
      cause
    })
  })
  const parent = await open(dirname(dataDir), 'r')
  await parent.sync().finally(() => parent.close())
}
