import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '@paperclip/server'
import type { RemoteDeletionService } from './remote-deletion-service.js'

const pollMs = 60_000
/** Less than a service has to end: an attempt that takes longer is left to its lease, and to another process. */
const stopMsMax = 3_000

/** Attempts remote deletions in the background: those that are due, whoever noted them. */
export interface RemoteDeletionWorker {
  /** Says that rows were committed. Never waits. */
  kick(): void
  /** Attempts what is due now; resolves when this process is done with it. One turn at a time. */
  runDue(): Promise<void>
  /** Begins nothing more, and waits up to 3 s for attempts under way. */
  stop(): Promise<void>
}

/** Starts looking: now, each minute, and when told to. */
export function startRemoteDeletionWorker(
  service: Pick<RemoteDeletionService, 'runTurn'>,
  logger: Logger
): RemoteDeletionWorker {
  const stopping = new AbortController()
  let wake = new AbortController()
  let turn: Promise<unknown> = Promise.resolve()

  async function runAll(): Promise<void> {
    while (!stopping.signal.aborted && (await service.runTurn(stopping.signal)).hasMore);
  }

  function runDue(): Promise<void> {
    const mine = turn.then(runAll)
    turn = mine.catch(() => undefined)
    return mine
  }

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      // Made before looking, so that a kick during it is not lost.
      wake = new AbortController()
      await runDue().catch((error: unknown) =>
        logger.warn({ code: (error as { code?: unknown }).code }, 'remote deletions could not be read')
      )
      if (stopping.signal.aborted) return
      await sleep(pollMs, undefined, { signal: wake.signal, ref: false }).catch(() => undefined)
    }
  }

  const ended = watch()
  return {
    kick: () => wake.abort(),
    runDue,
    async stop() {
      stopping.abort()
      wake.abort()
      const timeUp = new AbortController()
      const late = sleep(stopMsMax, undefined, { signal: timeUp.signal, ref: false }).catch(() => undefined)
      await Promise.race([Promise.all([ended, turn]), late])
      timeUp.abort()
    }
  }
}
