import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { CliError, exitCodes } from '../cli-error.js'
import type { MaskedOutput } from './masked-output.js'
import type { SignalRelay } from './signal-relay.js'

/** How a command ended, as an exit code of a shell: its own, or 128 + the signal's number. */
export interface CommandEnd {
  readonly exitCode: number
  readonly signal: NodeJS.Signals | null
}

/** A command that runs. */
export interface RunningCommand {
  readonly ended: Promise<CommandEnd>
  /** Asks it to end, and ends it after the grace. */
  terminate(options: { graceMs: number }): void
}

/**
 * Starts a command with our stdin, stdout and stderr, in our process group, and no other variables than these. With
 * a mask its stdout and stderr are pipes through it, and it has not ended before they are empty. Rejects `ended` with a {@link CliError} of 126 or 127 when it cannot be started.
 */
export function startCommand(
  [file = '', ...args]: readonly string[],
  { env, relay, output }: { env: Record<string, string>; relay: SignalRelay; output: MaskedOutput | null }
): RunningCommand {
  const out = output === null ? 'inherit' : 'pipe'
  const child = spawn(file, args, { env, stdio: ['inherit', out, out], shell: false })
  relay.attach(child)
  output?.attach(child)
  let killTimer: NodeJS.Timeout | undefined
  const ended = new Promise<CommandEnd>((resolve, reject) => {
    // Errors after the start are those of sending a signal to a process that has gone.
    child.once('error', (error: NodeJS.ErrnoException) => {
      if (child.pid === undefined) reject(startFailure(file, error))
    })
    child.once('exit', (code, signal) => {
      clearTimeout(killTimer)
      const end = { exitCode: code ?? exitCodes.signalBase + signalNumber(signal), signal }
      resolve(output === null ? end : output.drained().then(() => end))
    })
  })
  return {
    ended,
    terminate({ graceMs }) {
      child.kill('SIGTERM')
      killTimer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    }
  }
}

/** The number of a signal, for exit codes. */
export function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : constants.signals[signal]
}

function startFailure(file: string, { code }: NodeJS.ErrnoException): CliError {
  const name = JSON.stringify(file)
  if (code === 'ENOENT') return new CliError(`${name} was not found`, { exitCode: exitCodes.notFound })
  if (code === 'E2BIG')
    return new CliError('the environment is too large for a command on this system', {
      hint: 'let the command fetch large values itself'
    })
  return new CliError(`${name} cannot be started (${code})`, { exitCode: exitCodes.notExecutable })
}
