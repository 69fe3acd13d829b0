import type { Db } from '@paperclip/db'
import type { Logger } from '@paperclip/server'
import type { Pool } from 'pg'
import type { GatewayConfig, GatewaySecrets } from '../config.js'
import type { GatewayDatabase } from '../database.js'
import { createSweeper } from '../sweeper.js'
import type { LimitStore } from './limit-store.js'
import { createPostgresLimitStore, limitSweepIntervalMs, sweepRateLimits } from './postgres-limit-store.js'
import { openRedisLimits } from './redis-limit-store.js'

/** Where all gateways of an installation count. */
export interface SharedLimits {
  readonly store: LimitStore
  start(): void
  stop(): Promise<void>
}

interface OpenOptions {
  config: GatewayConfig
  secrets: GatewaySecrets
  /** Counts; one connection of it at a time. */
  pool: Pool
  /** Sweeps. */
  db: Db<GatewayDatabase>
  logger: Logger
}

/** Opens Redis when one is configured, and else counts in the database. Throws `ConfigError`. */
export async function openSharedLimits(options: OpenOptions): Promise<SharedLimits> {
  const { config, secrets, pool, db, logger } = options
  if (secrets.redisUrl !== null) {
    const { store, close } = await openRedisLimits({
      url: secrets.redisUrl,
      instanceId: config.instanceId,
      logger
    })
    return { store, start: () => {}, stop: async () => close() }
  }
  const sweeper = createSweeper({
    name: 'rate limits',
    sweep: () => sweepRateLimits(db),
    intervalMs: limitSweepIntervalMs,
    logger
  })
  return { store: createPostgresLimitStore(pool), start: sweeper.start, stop: sweeper.stop }
}
