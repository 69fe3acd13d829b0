import { connect, type Database } from '@paperclip/db'
import type { Logger } from '@paperclip/server'
import type { SecretsDatabase } from './database.js'

/** Limits of ordinary statements. */
const ordinary = {
  poolMax: 10,
  statementTimeoutMs: 5_000,
  lockTimeoutMs: 2_000,
  idleInTransactionTimeoutMs: 10_000,
  // Also the wait for a free connection of the pool: a burst of writes must queue, not fail.
  connectionTimeoutMs: 5_000,
  queryTimeoutMs: 6_000
}

/**
 * Limits of the resolve path: a record that cannot be written in time must answer 503 within a second. Plans are
 * generic and by index: one first made on an empty table would keep a sequential scan after it has filled.
 */
const hot = {
  // Two batches of resolves at once, and single reveals beside them.
  poolMax: 4,
  // On a busy machine connecting takes longer than a resolve may wait, so the first one after a pause must find these.
  poolMin: 2,
  statementTimeoutMs: 600,
  lockTimeoutMs: 200,
  idleInTransactionTimeoutMs: 5_000,
  connectionTimeoutMs: 300,
  queryTimeoutMs: 700,
  settings: { plan_cache_mode: 'force_generic_plan', jit: 'off', enable_seqscan: 'off' }
}

/** The two ways to the one database of this service. */
export interface Databases {
  readonly ordinary: Database<SecretsDatabase>
  /** For what records and reveals. */
  readonly hot: Database<SecretsDatabase>
  close(): Promise<void>
}

/** Opens both; nothing is sent before the first statement. */
export function openDatabases(url: string, logger: Logger): Databases {
  const onError = (error: Error) =>
    logger.warn({ code: (error as { code?: unknown }).code ?? error.name }, 'a database connection was lost')
  const base = { url, schema: 'secrets', onError }
  const opened = {
    ordinary: connect<SecretsDatabase>({ ...base, ...ordinary, applicationName: 'paperclip-secrets' }),
    hot: connect<SecretsDatabase>({ ...base, ...hot, applicationName: 'paperclip-secrets-resolve' })
  }
  return {
    ...opened,
    async close() {
      await Promise.all([opened.ordinary.close(), opened.hot.close()])
    }
  }
}
