import type { ChildProcess } from 'node:child_process'

const relayed = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const
type Relayed = (typeof relayed)[number]

/** Signals that ask for an end; the other two mean whatever the command takes them to mean. */
const ending: ReadonlySet<Relayed> = new Set<Relayed>(['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'])

/** What a terminal sends to every process in front of it, to the command as well as to us. */
const sentByTerminal: ReadonlySet<Relayed> = new Set<Relayed>(['SIGINT', 'SIGQUIT'])

/** Takes the signals of this process, so that it outlives its command, and hands them on. */
export interface SignalRelay {
  /** The first signal that asked for an end. */
  readonly endedBy: NodeJS.Signals | null
  /** Resolves with that signal if it comes before there is a command. */
  readonly interrupted: Promise<NodeJS.Signals>
  /** From now on signals go to this process. */
  attach(child: ChildProcess): void
  close(): void
}

/**
 * Starts listening.
 *
 * The command runs in our process group, so that job control works as if it had been started alone. On a
 * terminal Ctrl-C and Ctrl-\ therefore reach it without us, and are not sent a second time: many programs
 * take a second Ctrl-C for "at once". Without a terminal, and for every other signal, we are the only one who
 * was told, and hand it on.
 */
export function relaySignals({ onTerminal }: { onTerminal: boolean }): SignalRelay {
  let child: ChildProcess | null = null
  let endedBy: NodeJS.Signals | null = null
  let interrupt: (signal: NodeJS.Signals) => void = () => {}
  const interrupted = new Promise<NodeJS.Signals>((resolve) => {
    interrupt = resolve
  })
  const handlers = relayed.map((signal) => {
    const handler = () => {
      if (ending.has(signal)) endedBy ??= signal
      if (child === null) {
        if (ending.has(signal)) interrupt(signal)
      } else if (!onTerminal || !sentByTerminal.has(signal)) child.kill(signal)
    }
    process.on(signal, handler)
    return [signal, handler] as const
  })
  return {
    get endedBy() {
      return endedBy
    },
    interrupted,
    attach(started) {
      child = started
    },
    close() {
      for (const [signal, handler] of handlers) process.off(signal, handler)
    }
  }
}
