import type { Db } from '@paperclip/db'
import type { Logger } from '@paperclip/server'
import type { SecretsDatabase } from './database.js'
import { purgeNonces } from './nonce/nonce-store.js'
import { purgePreviewLeases } from './remote-import/preview-lease-store.js'
import { touchResolved } from './secret/secret-store.js'

const purgeEveryMs = 30_000
/** Secrets noted between two writes; beyond it, later ones are noted the next time they are resolved. */
const touchesMax = 10_000

/** Small writes that no request waits for. */
export interface Housekeeping {
  noteResolved(secretIds: readonly string[]): void
  /** Ends the timers and writes what is left. */
  stop(): Promise<void>
}

/** Starts purging spent nonces and leases, and writing last resolved times aside, in batches. */
export function startHousekeeping(db: Db<SecretsDatabase>, logger: Logger): Housekeeping {
  let due = new Set<string>()
  let writing: Promise<void> | null = null
  const purge = setInterval(() => {
    for (const purging of [purgeNonces(db), purgePreviewLeases(db)]) purging.catch(warn)
  }, purgeEveryMs)
  purge.unref()

  function warn(error: unknown): void {
    logger.warn(
      { code: (error as { code?: unknown }).code },
      'a housekeeping write failed; it is tried again'
    )
  }

  async function write(): Promise<void> {
    while (due.size > 0) {
      const ids = [...due]
      due = new Set()
      await touchResolved(db, ids).catch(warn)
    }
    writing = null
  }

  return {
    noteResolved(secretIds) {
      for (const id of secretIds) if (due.size < touchesMax) due.add(id)
      writing ??= write()
    },
    async stop() {
      clearInterval(purge)
      await writing
    }
  }
}
