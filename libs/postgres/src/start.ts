import { realpath } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { prepareDataDir } from './init-data.js'
import { type InstalledPostgres, installPostgres } from './install.js'
import { PostgresError } from './postgres-error.js'
import { clearLeftover, readPostmasterPid } from './postmaster-file.js'
import { waitUntilReady } from './ready.js'
import { lastComplaint, openServerLog, type ServerLog } from './server-log.js'
import { resolveServerUser, type ServerUser } from './server-user.js'
import { startWatchdog, type Watchdog } from './start-watchdog.js'

/** How to start an embedded server. */
export interface StartPostgres {
  /** Made when absent. The caller must be the only one using it: a server found running on it is stopped. */
  readonly dataDir: string
  /** 0, the default, picks a free one. */
  readonly port?: number
  readonly superuser: string
  readonly password: string
  /** File to append the server's output to, or an open descriptor. */
  readonly log: string | number
  /** Configuration parameters. They show in the process list: never put a secret here. */
  readonly settings?: Readonly<Record<string, string>>
  /** Who runs the server when this process is root; default `nobody`. */
  readonly user?: string | undefined
  /** Where PostgreSQL is unpacked, see `installPostgres`. */
  readonly cacheDir?: string | undefined
  /** False gives up crash safety for speed. For tests only: a crash then loses the database. */
  readonly durable?: boolean
  /** For tests only: the folder is removed with the server, and the server keeps no process alive. */
  readonly throwAwayDir?: string
  /** How long a fast shutdown may take before an immediate one, which is crash-safe. */
  readonly fastStopMsMax?: number
}

/** A server that answers queries. It stops when `stop` is called or this process ends, however it ends. */
export interface RunningPostgres {
  readonly host: string
  readonly port: number
  readonly superuser: string
  /** Process id of the server itself. */
  readonly pid: number
  readonly dataDir: string
  /** The server's major version. */
  readonly major: number
  /** True when this start made the data directory. */
  readonly created: boolean
  /** A connection URL of the superuser, with its password: never log it. */
  adminUrl(databaseName: string): string
  /** Stops the server and waits for it. `immediate` skips the shutdown checkpoint; nothing is lost. */
  stop(options?: { immediate?: boolean }): Promise<void>
  /** Settles only if the server ends without having been asked to. */
  readonly crashed: Promise<{ exitCode: number | null }>
}

const host = '127.0.0.1'
const startAttemptsMax = 4
const betweenAttemptsMs = 250
/** Crash recovery of a large write-ahead log takes its time. */
const startMsMax = 120_000
const fastStopMsMaxDefault = 3_000
const immediateStopMsMax = 1_000

/**
 * Starts PostgreSQL on `dataDir` and waits until a query succeeds.
 *
 * It listens on 127.0.0.1 only, on no socket file, gets none of our environment, and takes passwords only
 * by SCRAM. It is watched by a process of its own, so that it also stops when this process is killed.
 * Throws {@link PostgresError} with a sentence for the operator.
 */
export async function startPostgres(options: StartPostgres): Promise<RunningPostgres> {
  const user = await resolveServerUser({ name: options.user })
  const installed = await installPostgres({ cacheDir: options.cacheDir, user })
  const log = await openServerLog(options.log)
  try {
    const durable = options.durable ?? true
    const { created } = await prepareDataDir({ ...options, installed, user, durable, log })
    const dataDir = await realpath(options.dataDir)
    return await startOn({ ...options, dataDir }, { installed, user, log, created })
  } finally {
    await log.close()
  }
}

interface Prepared {
  readonly installed: InstalledPostgres
  readonly user: ServerUser
  readonly log: ServerLog
  readonly created: boolean
}

/**
 * Tries a few times: a free port can be taken between choosing and binding it, and backends that outlive a
 * killed server hold its shared memory for a moment.
 */
async function startOn(options: StartPostgres, prepared: Prepared): Promise<RunningPostgres> {
  for (let attempt = 1; attempt <= startAttemptsMax; attempt++) {
    if (attempt > 1) await delay(betweenAttemptsMs)
    await clearLeftover(options.dataDir)
    const port = options.port === undefined || options.port === 0 ? await findFreePort() : options.port
    const started = await startOnce(options, { ...prepared, port })
    if (started !== undefined) return started
  }
  throw new PostgresError(`PostgreSQL stopped while it was starting.${await lastComplaint(prepared.log)}`)
}

async function startOnce(
  options: StartPostgres,
  prepared: Prepared & { port: number }
): Promise<RunningPostgres | undefined> {
  const watchdog = startWatchdog({
    program: join(prepared.installed.binDir, 'postgres'),
    args: serverArguments(options, prepared.port),
    user: prepared.user,
    fastStopMsMax: options.fastStopMsMax ?? fastStopMsMaxDefault,
    immediateStopMsMax,
    throwAwayDir: options.throwAwayDir ?? null,
    logFd: prepared.log.fd
  })
  try {
    const outcome = await waitUntilReady(
      { ...options, host, port: prepared.port },
      { watchdog, msMax: startMsMax }
    )
    const pid = await readPostmasterPid(options.dataDir)
    if (outcome === 'exited') return undefined
    if (outcome === 'ready' && pid !== undefined) return toRunning(options, { ...prepared, watchdog, pid })
    throw new PostgresError(
      `PostgreSQL did not become ready in ${startMsMax / 1000} s.${await lastComplaint(prepared.log)}`
    )
  } catch (error) {
    await watchdog.stop()
    throw error
  }
}

function serverArguments({ dataDir, settings, durable }: StartPostgres, port: number): string[] {
  const all: Record<string, string> = {
    listen_addresses: host,
    port: String(port),
    unix_socket_directories: '',
    // A failed statement may hold a value, and the detail of a constraint error quotes the row.
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    ...(durable === false ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' } : {}),
    ...settings
  }
  return ['-D', dataDir, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])]
}

function toRunning(
  options: StartPostgres,
  prepared: Prepared & { port: number; watchdog: Watchdog; pid: number }
): RunningPostgres {
  const { watchdog, port, pid, created } = prepared
  const { superuser, password, dataDir } = options
  const credentials = `${encodeURIComponent(superuser)}:${encodeURIComponent(password)}`
  let stopping = false
  return {
    ...{ host, port, superuser, pid, dataDir, created, major: prepared.installed.major },
    adminUrl: (databaseName) =>
      `postgres://${credentials}@${host}:${port}/${encodeURIComponent(databaseName)}`,
    stop: async ({ immediate = false } = {}) => {
      stopping = true
      if (immediate && !watchdog.hasExited()) signalIfAlive(pid, 'SIGQUIT')
      await watchdog.stop()
    },
    crashed: new Promise((resolve) => {
      void watchdog.exited.then((exit) => {
        if (!stopping) resolve(exit)
      })
    })
  }
}

function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended by itself in the meantime.
  }
}

async function findFreePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen({ port: 0, host }, () => {
      const address = probe.address()
      probe.close(() =>
        typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port'))
      )
    })
  })
}
