import type { FastifyBaseLogger } from 'fastify'

/** Something that is looked after every so often, aside from requests. */
export interface Sweeper {
  /** Sweeps soon. Never waits. */
  wake(): void
  start(): void
  /** Stops, and waits for a sweep that is under way. */
  stop(): Promise<void>
}

/** Makes a sweeper. `sweep` must be safe to run on several gateways at once; one at a time here. */
export function createSweeper({
  name,
  sweep,
  intervalMs,
  logger
}: {
  name: string
  sweep: () => Promise<unknown>
  intervalMs: number
  logger: FastifyBaseLogger
}): Sweeper {
  let sweeping: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  async function sweepOnce(): Promise<void> {
    try {
      await sweep()
    } catch (error) {
      logger.warn({ sweeper: name, code: (error as { code?: unknown }).code }, 'a sweep failed')
    } finally {
      sweeping = undefined
    }
  }

  function wake(): void {
    sweeping ??= sweepOnce()
  }

  return {
    wake,
    start() {
      timer = setInterval(wake, intervalMs).unref()
    },
    async stop() {
      clearInterval(timer)
      await sweeping
    }
  }
}
