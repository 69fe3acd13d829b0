import type { FastifyBaseLogger } from 'fastify'

/** Notes when keys were last used, aside from the requests that used them. */
export interface LastUsed {
  /** Takes note of a use; only of a request that was let in. */
  touch(keyId: string): void
  /** Resolves when everything noted so far is written, or was given up. */
  flush(): Promise<void>
}

/**
 * Writes uses in batches, one at a time, at once when idle. What is lost when a write fails is a time stamp that
 * the next use of the key writes, so it is not tried again.
 */
export function createLastUsed({
  write,
  logger
}: {
  write: (keyIds: string[]) => Promise<void>
  logger: FastifyBaseLogger
}): LastUsed {
  const waiting = new Set<string>()
  let writing: Promise<void> | undefined

  async function drain(): Promise<void> {
    while (waiting.size > 0) {
      const batch = [...waiting]
      waiting.clear()
      try {
        await write(batch)
      } catch {
        logger.debug({ keys: batch.length }, 'the time of last use was not written')
      }
    }
    writing = undefined
  }

  return {
    touch(keyId) {
      waiting.add(keyId)
      writing ??= drain()
    },
    flush: async () => {
      await writing
    }
  }
}
