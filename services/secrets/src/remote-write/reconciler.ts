import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '@paperclip/server'
import type { RemoteWriteService } from './remote-write-service.js'

const everyMs = 60_000
/** Less than a service has to end: a question that takes longer is left to its lease, and to another process. */
const stopMsMax = 3_000

/** Finishes what others have left: at start, then each minute, one turn at a time. */
export interface Reconciler {
  /** Begins nothing more, and waits up to 3 s for a question under way. */
  stop(): Promise<void>
}

/** Starts it. Any number of processes may run one. */
export function startReconciler(
  { reconcileDue }: Pick<RemoteWriteService, 'reconcileDue'>,
  logger: Logger
): Reconciler {
  const stopping = new AbortController()
  let turn: Promise<void> | null = null
  const begin = () => {
    turn ??= reconcileDue(stopping.signal)
      .then(
        (count) => {
          if (count > 0) logger.info({ count }, 'remote writes that were left unfinished are settled')
        },
        (error: unknown) =>
          logger.warn(
            { code: (error as { code?: unknown }).code },
            'unfinished remote writes could not be read'
          )
      )
      .finally(() => {
        turn = null
      })
  }
  const timer = setInterval(begin, everyMs)
  timer.unref()
  begin()
  return {
    async stop() {
      clearInterval(timer)
      stopping.abort()
      const timeUp = new AbortController()
      const late = sleep(stopMsMax, undefined, { signal: timeUp.signal, ref: false }).catch(() => undefined)
      await Promise.race([turn, late])
      timeUp.abort()
    }
  }
}
