import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, copyFile, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { prepareCacheDir } from './cache-dir.js'
import { findPlatformPackage, type PlatformPackage } from './platform-package.js'
import { PostgresError } from './postgres-error.js'
import { resolveServerUser, type ServerUser } from './server-user.js'

/** An unpacked PostgreSQL, ready to run. */
export interface InstalledPostgres {
  /** Folder with `initdb`, `pg_ctl` and `postgres`. */
  readonly binDir: string
  /** Version of the packaging, such as `18.4.0-beta.17`. */
  readonly version: string
  readonly major: number
}

const modes = { folder: 0o755, program: 0o755, file: 0o644, anyExecute: 0o111 } as const

/** A half-unpacked folder older than this was left by a killed process. */
const abandonedAfterMs = 600_000

/**
 * Unpacks PostgreSQL once into a cache folder keyed by version, and says where it lies.
 *
 * Own copy, because the package's library links are only made by an install script that is switched off
 * here, and because the server's user often cannot enter the clone. Any number of processes may call this
 * at once: each unpacks to a folder of its own and renames it; one rename wins.
 * Throws {@link PostgresError}.
 */
export async function installPostgres({
  cacheDir,
  user
}: {
  cacheDir?: string | undefined
  user?: ServerUser | undefined
} = {}): Promise<InstalledPostgres> {
  const source = findPlatformPackage()
  const cache = await prepareCacheDir(user ?? (await resolveServerUser()), cacheDir)
  const target = join(cache, `postgresql-${source.version}-${process.platform}-${process.arch}`)
  if (!(await exists(target))) await unpackOnce(source, target)
  return { binDir: join(target, 'native', 'bin'), version: source.version, major: source.major }
}

async function unpackOnce(source: PlatformPackage, target: string): Promise<void> {
  await removeAbandoned(target)
  const temporary = `${target}.tmp-${randomBytes(8).toString('hex')}`
  try {
    await copyTree(join(source.root, 'native'), join(temporary, 'native'))
    await makeLinks(source.root, temporary)
    await chmod(temporary, modes.folder)
    await rename(temporary, target)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    // Another process was first: its copy is as good as ours.
    if (await exists(target)) return
    throw new PostgresError(
      `PostgreSQL could not be unpacked into ${target}: check the free space and permissions.`,
      {
        cause: error
      }
    )
  }
}

/** Modes are set, not inherited: under a strict umask the server's user could read nothing. */
async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  await chmod(to, modes.folder)
  const entries = await readdir(from, { withFileTypes: true })
  const copies = entries.map(async (entry) => {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await copyTree(source, target)
    if (entry.isFile()) await copyProgramOrFile(source, target)
  })
  await Promise.all(copies)
}

async function copyProgramOrFile(source: string, target: string): Promise<void> {
  await copyFile(source, target, constants.COPYFILE_FICLONE)
  const executable = ((await stat(source)).mode & modes.anyExecute) !== 0
  await chmod(target, executable ? modes.program : modes.file)
}

/** The package lists its library links in a file, because npm archives cannot hold links. */
async function makeLinks(packageRoot: string, root: string): Promise<void> {
  const list = await readFile(join(packageRoot, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links: unknown = JSON.parse(list)
  if (!Array.isArray(links)) throw new Error('pg-symlinks.json is not a list')
  for (const link of links) {
    const { source, target } = toLink(link)
    const path = join(root, target)
    await rm(path, { force: true })
    await symlink(relative(dirname(path), join(root, source)), path)
  }
}

function toLink(link: unknown): { source: string; target: string } {
  if (typeof link === 'object' && link !== null && 'source' in link && 'target' in link) {
    const { source, target } = link
    if (typeof source === 'string' && typeof target === 'string') return { source, target }
  }
  throw new Error('pg-symlinks.json has an entry without source and target')
}

async function removeAbandoned(target: string): Promise<void> {
  const cache = dirname(target)
  for (const name of await readdir(cache)) {
    if (!name.startsWith(`${basename(target)}.tmp-`)) continue
    const path = join(cache, name)
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined && Date.now() - found.mtimeMs > abandonedAfterMs)
      await rm(path, { recursive: true, force: true })
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false
  )
}
