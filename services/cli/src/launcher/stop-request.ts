/** Listens for the operator's wish to stop. */
export interface StopRequest {
  /** Settles at the first signal. */
  readonly requested: Promise<void>
  /** Aborted at the second: stop at once, without waiting for anyone. */
  readonly urgent: AbortSignal
  /** Gives the signals back to whoever had them. */
  close(): void
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** npm passes a signal on that the terminal sent to us as well: two this close together are one wish. */
const sameWishMs = 500

/** Takes SIGINT, SIGTERM and SIGHUP, the last being the end of a terminal. */
export function listenForStop(): StopRequest {
  const urgent = new AbortController()
  let firstAt: number | undefined
  let settle: () => void = () => undefined
  const requested = new Promise<void>((resolve) => {
    settle = resolve
  })
  const onSignal = (): void => {
    firstAt ??= performance.now()
    if (performance.now() - firstAt > sameWishMs) urgent.abort()
    settle()
  }
  for (const signal of signals) process.on(signal, onSignal)
  return {
    requested,
    urgent: urgent.signal,
    close: () => {
      for (const signal of signals) process.off(signal, onSignal)
    }
  }
}
