import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, open, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { PostgresError } from './postgres-error.js'

/** Written last, so what has it is whole; tells a server from where to recover (PostgreSQL manual, 25.3.4). */
export const backupLabel = 'backup_label'

/** Names in a data directory that belong to the running server, not to the data (PostgreSQL manual, 25.3.4). */
const leftOut = new Set(['postmaster.pid', 'postmaster.opts', backupLabel, 'tablespace_map'])
/** Folders of which only the empty folder is needed; the write-ahead log is copied by itself, after all else. */
const emptied = new Set([
  'pg_wal', 'pg_replslot', 'pg_dynshmem', 'pg_notify', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans'
]) // biome-ignore format: a list reads better packed
/** Temporary files of queries, and caches that a start makes anew. */
const passing = /^(?:pgsql_tmp|pg_internal\.init)/
const logFileBytes = 2 ** 32
const walSegment = /^[0-9A-F]{24}$/

const fileMode = 0o600
const dirMode = 0o700
const connectMsMax = 10_000
/** The checkpoint at the beginning writes whatever is in memory. */
const statementMsMax = 600_000

/**
 * Copies the data of a running server into a new folder, as of the moment at which this resolves. Nothing is
 * interrupted: whoever reads or writes goes on.
 *
 * The low-level base backup of PostgreSQL, with the write-ahead log that the copy needs, so that a server that is
 * started on it recovers by itself. `adminUrl` is of a superuser. The copy is for its owner alone. Throws
 * {@link PostgresError} for data with tablespaces, which lie outside of the folder that is copied.
 */
export async function copyRunningData({
  dataDir,
  adminUrl,
  target
}: {
  dataDir: string
  adminUrl: string
  target: string
}): Promise<void> {
  if ((await readdir(join(dataDir, 'pg_tblspc'))).length > 0)
    throw new PostgresError(`The data in ${dataDir} has tablespaces: back it up with PostgreSQL's own tools.`)
  const client = new pg.Client({
    connectionString: adminUrl,
    connectionTimeoutMillis: connectMsMax,
    query_timeout: statementMsMax,
    application_name: 'paperclip backup'
  })
  client.on('error', () => undefined)
  await client.connect()
  try {
    await copyBetween(client, { dataDir, target })
  } finally {
    // Ends a backup that was begun, and gives the reserved log back.
    await client.end().catch(() => undefined)
  }
}

async function copyBetween(
  client: pg.Client,
  { dataDir, target }: { dataDir: string; target: string }
): Promise<void> {
  // Holds back the removal of what the copy needs of the write-ahead log. Of this session only.
  await client.query("select pg_create_physical_replication_slot('paperclip_backup', true, true)")
  const begun = await client.query<{ wal: string }>(
    "select pg_walfile_name(pg_backup_start('paperclip', fast => true)) as wal"
  )
  await copyTree(dataDir, target)
  const ended = await client.query<{ wal: string; label: string }>(
    'select pg_walfile_name(lsn) as wal, labelfile as label from pg_backup_stop(wait_for_archive => false)'
  )
  await copyLog({
    from: join(dataDir, 'pg_wal'),
    to: join(target, 'pg_wal'),
    first: begun.rows[0]?.wal ?? '',
    last: ended.rows[0]?.wal ?? ''
  })
  await writeFile(join(target, backupLabel), ended.rows[0]?.label ?? '', { mode: fileMode })
  await syncTree(target)
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { mode: dirMode })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, copy] = [join(from, entry.name), join(to, entry.name)]
    if (passing.test(entry.name) || leftOut.has(entry.name)) continue
    if (entry.isDirectory())
      await (emptied.has(entry.name) ? mkdir(copy, { mode: dirMode }) : copyTree(source, copy))
    else if (entry.isFile()) await copyUnlessDropped(source, copy)
  }
}

/**
 * A table may be dropped while it is copied; the log knows that it is gone. Where the file is still there, it is its copy
 * that has no place any more, and nothing that goes on would be whole.
 */
async function copyUnlessDropped(source: string, copy: string): Promise<void> {
  try {
    await copyOne(source, copy)
  } catch (error) {
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (!isAbsent || existsSync(source)) throw error
  }
}

async function copyOne(source: string, copy: string): Promise<void> {
  await copyFile(source, copy)
  await chmod(copy, fileMode)
}

/**
 * Copies the segments of the write-ahead log from `first` to `last`. Throws {@link PostgresError}, and copies nothing,
 * when one of them is gone.
 */
export async function copyLog({
  from,
  to,
  first,
  last
}: {
  from: string
  to: string
  first: string
  last: string
}): Promise<void> {
  const names = (await readdir(from)).filter((name) => walSegment.test(name) && name >= first && name <= last)
  names.sort()
  if (names[0] !== first || names.at(-1) !== last || !(await isUnbroken(from, names)))
    throw new PostgresError('PostgreSQL removed a part of its log during the backup: run it again.')
  for (const name of names) await copyOne(join(from, name), join(to, name))
}

/** Names are the timeline, then the position in 4 GiB and the segment in those, each as 8 hexadecimal digits. */
async function isUnbroken(folder: string, names: readonly string[]): Promise<boolean> {
  const [first = ''] = names
  const segments = logFileBytes / (await stat(join(folder, first))).size
  const position = (name: string) =>
    Number.parseInt(name.slice(8, 16), 16) * segments + Number.parseInt(name.slice(16), 16)
  return names.every((name, index) => position(name) === position(first) + index)
}

/** Every file and folder reaches the disk before anybody calls the copy a backup. */
async function syncTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) await syncTree(path)
    else await syncPath(path)
  }
  await syncPath(folder)
}

async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r')
  await file.sync().finally(() => file.close())
}
