import { type ChildProcess, spawn } from 'node:child_process'
import { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { serverEnvironment } from './server-environment.js'
import type { ServerUser } from './server-user.js'

/** What the watchdog is told; nothing secret, since a command line can be read by others. */
export interface WatchdogOrder {
  readonly program: string
  readonly args: readonly string[]
  readonly user: ServerUser
  readonly fastStopMsMax: number
  readonly immediateStopMsMax: number
  /** Removed when the server is gone; such a server keeps no process alive either. */
  readonly throwAwayDir: string | null
  readonly logFd: number
}

/** A running watchdog. When this process ends, however it ends, the server stops. */
export interface Watchdog {
  readonly pid: number | undefined
  /** Settles when the server and the watchdog are gone. */
  readonly exited: Promise<{ exitCode: number | null }>
  hasExited(): boolean
  /** Closes the pipe, which asks for a stop, and waits for the end. */
  stop(): Promise<void>
}

/** Starts the watchdog, and through it the server, in a process group of its own. */
export function startWatchdog({ logFd, user, ...order }: WatchdogOrder): Watchdog {
  const switchTo = user.switched ? { uid: user.uid, gid: user.gid } : null
  const text = JSON.stringify({ ...order, switchTo, env: serverEnvironment })
  const entry = fileURLToPath(new URL('./watchdog.js', import.meta.url))
  const child = spawn(process.execPath, [entry, text], {
    cwd: '/',
    env: { ...serverEnvironment },
    stdio: ['pipe', logFd, logFd],
    detached: true
  })
  const pipe = child.stdin
  pipe?.on('error', () => undefined)
  if (order.throwAwayDir !== null) {
    child.unref()
    if (pipe instanceof Socket) pipe.unref()
  }
  const exited = whenExited(child)
  return {
    pid: child.pid,
    exited,
    hasExited: () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined,
    stop: async () => {
      child.ref()
      pipe?.end()
      await exited
    }
  }
}

function whenExited(child: ChildProcess): Promise<{ exitCode: number | null }> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ exitCode: null }))
    child.once('exit', (exitCode) => resolve({ exitCode }))
  })
}
