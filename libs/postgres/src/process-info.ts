import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What the operating system says about a running process. */
export interface ProcessInfo {
  readonly pid: number
  /** Distinguishes two processes that had the same pid one after the other. Opaque. */
  readonly startedAt: string
  /** The command line; empty where it may not be read. */
  readonly args: readonly string[]
}

/**
 * Finds a live process by pid, or undefined.
 *
 * A zombie counts as dead: where nothing reaps (pid 1 of many containers) it keeps its pid for ever, and a
 * bare `kill(pid, 0)` would take it for alive.
 */
export async function findProcess(pid: number): Promise<ProcessInfo | undefined> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
  return process.platform === 'linux' ? await fromProc(pid) : await fromPs(pid)
}

async function fromProc(pid: number): Promise<ProcessInfo | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The second field is the command name in parentheses and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const state = fields[0]
    const startTicks = fields[19]
    if (state === 'Z' || state === 'X' || startTicks === undefined) return undefined
    const cmdline = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
    return { pid, startedAt: startTicks, args: cmdline.split('\0').filter((arg) => arg !== '') }
  } catch {
    return undefined
  }
}

async function fromPs(pid: number): Promise<ProcessInfo | undefined> {
  try {
    const env = { PATH: '/bin:/usr/bin', LC_ALL: 'C' }
    const { stdout } = await run('ps', ['-ww', '-o', 'stat=,lstart=,args=', '-p', String(pid)], { env })
    // "S  Mon Jan  1 12:00:00 2026 /path/to/postgres -D /data"
    const [state, ...rest] = stdout.trim().split(/\s+/)
    if (state === undefined || state.startsWith('Z')) return undefined
    return { pid, startedAt: rest.slice(0, 5).join(' '), args: rest.slice(5) }
  } catch {
    return undefined
  }
}
