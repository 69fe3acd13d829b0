/**
 * A process that owns one PostgreSQL server and stops it when whoever started it is gone.
 *
 * PostgreSQL does not notice that its starter was killed. This process does: standard input is a pipe that
 * only the starter holds, and its end means "stop", however the starter ended. It runs in a process group
 * of its own, so that a terminal's Ctrl-C does not reach the server before the services that use it.
 *
 * Started as root it gives that up before it starts the server. It gets no environment and no secret.
 */
import { spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'

const order = parseOrder(process.argv[2])
if (order.switchTo !== null) {
  process.setgroups?.([])
  process.setgid?.(order.switchTo.gid)
  process.setuid?.(order.switchTo.uid)
}

const server = spawn(order.program, order.args, {
  cwd: '/',
  env: order.env,
  stdio: ['ignore', 'inherit', 'inherit']
})
let stopping = false

server.once('error', () => finish(127))
server.once('exit', (code, signal) => finish(signal === null ? (code ?? 1) : 1))
process.stdin.once('end', stop).once('error', stop).once('close', stop).resume()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)

/** Fast shutdown first; a crash-safe immediate one when that takes too long; at last by force. */
function stop(): void {
  if (stopping) return
  stopping = true
  server.kill('SIGINT')
  setTimeout(() => server.kill('SIGQUIT'), order.fastStopMsMax).unref()
  setTimeout(() => server.kill('SIGKILL'), order.fastStopMsMax + order.immediateStopMsMax).unref()
}

async function finish(code: number): Promise<void> {
  // Only when it was asked to stop: what a server leaves that ended by itself is evidence.
  if (stopping && order.throwAwayDir !== null)
    await rm(order.throwAwayDir, { recursive: true, force: true }).catch(() => undefined)
  process.exit(code)
}

interface Order {
  readonly program: string
  readonly args: readonly string[]
  readonly env: Record<string, string>
  readonly switchTo: { readonly uid: number; readonly gid: number } | null
  readonly fastStopMsMax: number
  readonly immediateStopMsMax: number
  readonly throwAwayDir: string | null
}

/** Trusted: written by `start-watchdog.ts` of the same build. */
function parseOrder(text: string | undefined): Order {
  if (text === undefined) throw new Error('the watchdog is started by startPostgres only')
  return JSON.parse(text) as Order
}
