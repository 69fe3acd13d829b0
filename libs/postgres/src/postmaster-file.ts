import { constants } from 'node:fs'
import { open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pollUntil } from './poll.js'
import { PostgresError } from './postgres-error.js'
import { findProcess } from './process-info.js'

/** A pid that no system hands out (Linux stops at 2^22, macOS at 99,998), so the server finds it dead. */
const deadPid = 2_000_000_000

/** How long a leftover server gets for a fast shutdown, then for an immediate one. */
const leftoverStopMsMax = { fast: 10_000, immediate: 5_000 } as const

/** Reads the pid of the server that wrote `postmaster.pid`; undefined when there is no such file. */
export async function readPostmasterPid(dataDir: string): Promise<number | undefined> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const pid = Number.parseInt(text, 10)
  return Number.isSafeInteger(pid) ? pid : 0
}

/**
 * Makes way for a new server: stops a live one that still runs on `dataDir`, and defuses a stale pid file.
 *
 * A live server here belongs to a launcher that died together with its watchdog. It is stopped rather than
 * adopted, because nothing would stop it if this launcher were killed too. The caller must hold the
 * instance: the server of a launcher that lives would be stopped as well.
 */
export async function clearLeftover(dataDir: string): Promise<void> {
  const pid = await readPostmasterPid(dataDir)
  if (pid === undefined) return
  if (await isServerOf(pid, dataDir)) await stopLeftover(pid, dataDir)
  const left = await readPostmasterPid(dataDir)
  if (left === 0) return await rm(join(dataDir, 'postmaster.pid'), { force: true })
  if (left !== undefined && !(await isServerOf(left, dataDir))) await defusePidFile(dataDir)
}

async function isServerOf(pid: number, dataDir: string): Promise<boolean> {
  const found = await findProcess(pid)
  return found?.args.join(' ').includes(`-D ${dataDir}`) === true
}

async function stopLeftover(pid: number, dataDir: string): Promise<void> {
  const gone = async (): Promise<boolean> => !(await isServerOf(pid, dataDir))
  try {
    process.kill(pid, 'SIGINT')
    if (await pollUntil(gone, { msMax: leftoverStopMsMax.fast })) return
    process.kill(pid, 'SIGQUIT')
  } catch (error) {
    if (await gone()) return
    throw stillRunning(pid, dataDir, error)
  }
  if (!(await pollUntil(gone, { msMax: leftoverStopMsMax.immediate }))) throw stillRunning(pid, dataDir)
}

function stillRunning(pid: number, dataDir: string, cause?: unknown): PostgresError {
  const message = `A PostgreSQL server (process ${pid}) still runs on ${dataDir} and could not be stopped: stop it, then start again.`
  return new PostgresError(message, { cause })
}

/**
 * Puts a pid into the stale file that cannot be alive.
 *
 * Without this the server refuses to start while the old pid is a zombie or was given to another process.
 * The file is not deleted: its last lines are how the server notices that orphaned backends of the dead one
 * still use the data, and that check must stay.
 */
async function defusePidFile(dataDir: string): Promise<void> {
  const path = join(dataDir, 'postmaster.pid')
  const text = await readFile(path, 'utf8')
  // In place, so that the file keeps its owner, and never through a link that the server's user might plant.
  const file = await open(path, constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW)
  try {
    await file.writeFile(text.replace(/^-?\d+/, String(deadPid)))
  } finally {
    await file.close()
  }
}
