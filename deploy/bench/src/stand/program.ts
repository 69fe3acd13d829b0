import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { eventually, freePort } from '@paperclip/testing'
import type { UndoList } from '../undo.js'

const readyMsMax = 30_000
const stopMsMax = 10_000
const logCharsShown = 2_000

/** A Node program to run beside the load. */
export interface Program {
  readonly name: string
  readonly file: string
  readonly nodeArguments?: readonly string[]
  /** Answers 2xx when ready. */
  readonly readyPath: string
  /** The whole environment, given the port the program shall listen on. */
  readonly env: (port: number) => Readonly<Record<string, string>>
  /** Its output goes here: reading it in this process would slow down the load. */
  readonly logFile: string
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a program on a free port of 127.0.0.1, waits until it is ready, and gives its origin. */
export async function startProgram(undo: UndoList, program: Program): Promise<string> {
  const port = await freePort()
  const log = openSync(program.logFile, 'a', 0o600)
  const child = spawn(process.execPath, [...(program.nodeArguments ?? []), program.file], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...program.env(port) },
    stdio: ['ignore', log, log]
  })
  closeSync(log)
  running.add(child)
  child.once('exit', () => running.delete(child))
  undo.teardown(() => stop(child))
  const origin = `http://127.0.0.1:${port}`
  try {
    await eventually(() => probe(child, `${origin}${program.readyPath}`), { deadlineMs: readyMsMax })
  } catch (error) {
    const text = await readFile(program.logFile, 'utf8')
    throw new Error(`${program.name} did not start:\n${text.slice(-logCharsShown)}`, { cause: error })
  }
  return origin
}

async function probe(child: ChildProcess, url: string): Promise<void> {
  if (child.exitCode !== null) throw new Error('it ended')
  const reply = await fetch(url)
  await reply.arrayBuffer()
  if (!reply.ok) throw new Error(`it answers ${reply.status}`)
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopMsMax)
  await exited
  clearTimeout(timer)
}
