import type { Logger } from '@paperclip/server'
import type { RemoteWriteService } from './remote-write-service.js'

const everyMs = 60_000

/** Finishes what others have left: at start, then each minute, one turn at a time. */
export interface Reconciler {
  /** Ends the turns; one under way is waited for. */
  stop(): Promise<void>
}

/** Starts it. Any number of processes may run one. */
export function startReconciler(
  { reconcileDue }: Pick<RemoteWriteService, 'reconcileDue'>,
  logger: Logger
): Reconciler {
  let turn: Promise<void> | null = null
  const begin = () => {
    turn ??= reconcileDue()
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
      await turn
    }
  }
}
