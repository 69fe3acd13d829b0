import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { eventually } from './eventually.js'
import type { Teardown } from './teardown.js'

/** Which process to start, and how to tell that it is ready. */
export interface StartProcess {
  readonly command: string
  readonly args?: readonly string[]
  /** The whole environment but `PATH` and `HOME`, which come from ours unless given. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** A line of its output, or a URL that must answer 2xx. Without it, a started process is ready. */
  readonly readyWhen?: { readonly line: RegExp } | { readonly url: string }
  readonly readyMsMax?: number
  /** Written to its standard input, which is then closed. Without it the input stays an open pipe. */
  readonly input?: string
}

/** How a process ended. */
export interface ProcessEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** A running child process and everything it has written. */
export interface StartedProcess {
  readonly pid: number
  readonly child: ChildProcess
  readonly ended: Promise<ProcessEnd>
  stdout(): string
  stderr(): string
  /** Resolves with the first match in its output, past or future; rejects when it ends or time is up. */
  waitForLine(pattern: RegExp, options?: { deadlineMs?: number }): Promise<RegExpExecArray>
  /** Sends SIGTERM (or `signal`) and waits for the end; SIGKILL after `graceMs`. */
  stop(options?: { signal?: NodeJS.Signals; graceMs?: number }): Promise<ProcessEnd>
  /** Sends SIGKILL and waits for the end. */
  kill9(): Promise<ProcessEnd>
}

const readyMsMaxDefault = 30_000
const graceMsDefault = 6_000
const lineMsMaxDefault = 10_000
const probeMsMax = 1_000
const tailCharsMax = 4_000

// Children outlive a test file that ends without its teardowns, unless the exit itself takes them along.
const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a real process, waits until it is ready, and stops it when the test ends. */
export async function startProcess(t: Teardown, options: StartProcess): Promise<StartedProcess> {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn(options.command, options.args ?? [], {
    cwd: options.cwd,
    env: { PATH, HOME, ...options.env },
    stdio: 'pipe'
  })
  running.add(child)
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child)
      resolve({ code, signal })
    })
  })
  const output = capture(child)
  await once(child, 'spawn')
  if (options.input !== undefined) child.stdin.end(options.input)
  const stop = async ({ signal = 'SIGTERM' as NodeJS.Signals, graceMs = graceMsDefault } = {}) => {
    child.kill(signal)
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    const end = await ended
    clearTimeout(timer)
    return end
  }
  t.teardown(() => stop())
  const started: StartedProcess = {
    pid: child.pid ?? -1,
    child,
    ended,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    waitForLine: (pattern, { deadlineMs = lineMsMaxDefault } = {}) =>
      waitForLine({ child, ended, output }, { pattern, deadlineMs }),
    stop,
    kill9: () => stop({ signal: 'SIGKILL' })
  }
  await ready(started, options)
  return started
}

interface Output {
  stdout: string
  stderr: string
}

function capture(child: ChildProcess): Output {
  const output: Output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
      child.emit('output')
    })
  }
  // Writing to a process that has gone is its tester's point, not an error of the test.
  child.stdin?.on('error', () => {})
  return output
}

function waitForLine(
  { child, ended, output }: { child: ChildProcess; ended: Promise<ProcessEnd>; output: Output },
  { pattern, deadlineMs }: { pattern: RegExp; deadlineMs: number }
): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    const look = () => {
      const match = pattern.exec(output.stdout) ?? pattern.exec(output.stderr)
      if (match) settle(() => resolve(match))
    }
    const fail = (why: string) => settle(() => reject(new Error(`${why} before ${pattern}${tail(output)}`)))
    const timer = setTimeout(() => fail(`${deadlineMs} ms passed`), deadlineMs)
    const settle = (act: () => void) => {
      clearTimeout(timer)
      child.off('output', look)
      act()
    }
    child.on('output', look)
    look()
    void ended.then(() => fail('the process ended'))
  })
}

async function ready(started: StartedProcess, options: StartProcess): Promise<void> {
  const { readyWhen, readyMsMax: deadlineMs = readyMsMaxDefault } = options
  if (!readyWhen) return
  if ('line' in readyWhen) {
    await started.waitForLine(readyWhen.line, { deadlineMs })
    return
  }
  let over = false
  void started.ended.then(() => {
    over = true
  })
  const probe = async () => {
    if (over) return 'the process ended'
    const response = await fetch(readyWhen.url, { signal: AbortSignal.timeout(probeMsMax) })
    await response.arrayBuffer()
    if (!response.ok) throw new Error(`${readyWhen.url} answers ${response.status}`)
    return undefined
  }
  const problem = await eventually(probe, { deadlineMs }).catch(String)
  if (problem !== undefined) {
    throw new Error(`not ready: ${problem}${tail({ stdout: started.stdout(), stderr: started.stderr() })}`)
  }
}

function tail({ stdout, stderr }: Output): string {
  return `; the end of its output:\n${stdout.slice(-tailCharsMax)}${stderr.slice(-tailCharsMax)}`
}
