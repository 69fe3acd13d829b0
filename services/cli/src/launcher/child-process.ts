import { type ChildProcess, spawn } from 'node:child_process'

/** How a program ended; both null when it could not be executed. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A program that the launcher started. */
export interface Child {
  readonly pid: number | null
  readonly exited: Promise<Exit>
  hasExited(): boolean
  /** SIGTERM, then after `graceMs` SIGKILL to its whole group; waits for the end. 0 kills at once. */
  stop(options: { graceMs: number }): Promise<void>
}

/** What to run, and where its output goes. */
export interface StartChild {
  readonly entry: string
  readonly env: Record<string, string>
  readonly logFd: number
}

/**
 * Starts a Node program in a process group of its own, holding one end of a pipe on descriptor 3.
 *
 * Its own group, or a terminal's Ctrl-C would reach it before its turn. The pipe has no content: its end
 * tells the program that the launcher is gone, however that happened.
 */
export function startChild({ entry, env, logFd }: StartChild): Child {
  const child = spawn(process.execPath, [entry], {
    env,
    stdio: ['ignore', logFd, logFd, 'pipe'],
    detached: true
  })
  // What it writes there, or the reset when it dies, concerns nobody.
  const pipe = child.stdio[3]
  pipe?.on('error', () => undefined)
  if (pipe !== null && pipe !== undefined && 'resume' in pipe) pipe.resume()
  const exited = whenExited(child)
  return {
    pid: child.pid ?? null,
    exited,
    hasExited: () => hasExited(child),
    stop: async ({ graceMs }) => {
      if (hasExited(child)) return
      if (graceMs > 0) child.kill('SIGTERM')
      const timer = setTimeout(() => killGroup(child), graceMs)
      await exited
      clearTimeout(timer)
    }
  }
}

function hasExited(child: ChildProcess): boolean {
  return child.pid === undefined || child.exitCode !== null || child.signalCode !== null
}

function whenExited(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }))
    child.once('exit', (code, signal) => resolve({ code, signal }))
  })
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || hasExited(child)) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    // It ended by itself in the meantime.
  }
}
