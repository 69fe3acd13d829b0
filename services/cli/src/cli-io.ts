import type { Readable, Writable } from 'node:stream'

/** Whether a stream is a terminal. */
interface MaybeTerminal {
  readonly isTTY?: boolean
}

/** Everything a command touches of its process. */
export interface CliIo {
  readonly env: NodeJS.ProcessEnv
  readonly stdin: Readable & MaybeTerminal
  /** Data only. */
  readonly stdout: Writable & MaybeTerminal
  /** All else. */
  readonly stderr: Writable & MaybeTerminal
  /** What the process exits with; `exitCodes` says what it means. */
  exitCode: number
}

/** Tells the person something, on stderr. */
export function note(io: CliIo, text: string): void {
  io.stderr.write(`paperclipai: ${printable(text)}\n`)
}

/** Says what to do next, on stderr. */
export function hint(io: CliIo, text: string): void {
  note(io, `hint: ${text}`)
}

/**
 * Makes text from elsewhere safe for a terminal: control characters, and those that turn the direction of
 * writing, become `\u….` escapes, so that a name cannot move the cursor or fake a line.
 */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  )
}

/** A blank variable counts as unset. */
export function envText(io: CliIo, name: string): string | undefined {
  const text = io.env[name]
  return text === undefined || text.trim() === '' ? undefined : text.trim()
}
