import type { Db } from '@paperclip/db'
import type { Logger } from '@paperclip/server'
import type { SecretsDatabase } from '../database.js'
import { deleteHolder, purgeHolders, upsertHolder } from './master-key-holder-store.js'
import type { MasterKeyring } from './master-keyring.js'

const beatMs = 5_000

/** Keeps saying that this process lives and which master keys it holds, until it is stopped. */
export function startPresence(
  db: Db<SecretsDatabase>,
  { process, held }: MasterKeyring,
  logger: Logger
): { stop(): Promise<void> } {
  let beating: Promise<void> | null = null

  async function beat(): Promise<void> {
    try {
      await upsertHolder(db, { ...process, keys: held })
      await purgeHolders(db)
    } catch (error) {
      logger.warn(
        { code: (error as { code?: unknown }).code },
        'this process could not say that it lives; it is tried again'
      )
    } finally {
      beating = null
    }
  }

  const timer = setInterval(() => {
    beating ??= beat()
  }, beatMs)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      await beating
      // Else it counts as alive until its lease ends, which is safe, and holds up a rotation for as long.
      await deleteHolder(db, process.id).catch(() => undefined)
    }
  }
}
