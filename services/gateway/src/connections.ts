import { connect, type Database, expectSameClock, expectSchemaVersion, watchClock } from '@paperclip/db'
import type { FastifyBaseLogger } from 'fastify'
import type { GatewaySecrets } from './config.js'
import type { GatewayDatabase } from './database.js'

/** The gateway's schema. */
export const gatewaySchema = 'gateway'

/** The pools: one for everything, one for the look-ups that stand before every request, one for Better Auth. */
export interface Databases {
  readonly main: Database<GatewayDatabase>
  readonly lookup: Database<GatewayDatabase>
  readonly session: Database<GatewayDatabase>
  close(): Promise<void>
}

const poolMax = 16
/** Each kind of look-up sends one statement at a time, and so does the counting of the shared limits. */
const lookupPoolMax = 6
/** The look-ups before a request give up soon, so the first one after a pause must not have to connect. */
const lookupPoolMin = 2
/** Sessions are read before requests, and no flood of sign-ins may take what the others work with. */
const sessionPoolMax = 8
/** A sign-in sends several statements, one after the other; a burst of them must queue for a moment. */
const sessionConnectionTimeoutMs = 2_000
const limits = {
  statementTimeoutMs: 5_000,
  lockTimeoutMs: 2_000,
  idleInTransactionTimeoutMs: 10_000,
  // Also the wait for a free connection of the pool: a burst of writes must queue, not fail.
  connectionTimeoutMs: 5_000,
  queryTimeoutMs: 6_000
}
/** A request waits for these before anything else, so they give up sooner. */
const lookupLimits = {
  ...limits,
  connectionTimeoutMs: 1_000,
  statementTimeoutMs: 2_000,
  lockTimeoutMs: 2_000,
  queryTimeoutMs: 2_500
}

/**
 * The look-ups are prepared once and run with arrays of any length. A plan made while the tables were small would
 * read them whole for ever, so plans are generic and go by index.
 */
const lookupSettings = { plan_cache_mode: 'force_generic_plan', jit: 'off', enable_seqscan: 'off' }

/** Who the activity rows name that the tables write themselves, unless a transaction says it (migration 0004). */
const authorSetting = 'paperclip.author'

/** Opens the pools, and waits until the database is there with the schema this build knows. */
export async function openDatabases({
  secrets,
  logger,
  migrationsFolder,
  databaseWaitMsMax
}: {
  secrets: GatewaySecrets
  logger: FastifyBaseLogger
  migrationsFolder: string
  databaseWaitMsMax?: number
}): Promise<Databases> {
  const onError = (error: Error) =>
    logger.warn({ code: (error as NodeJS.ErrnoException).code }, 'an idle database connection was lost')
  const common = { url: secrets.databaseUrl.reveal(), schema: gatewaySchema, onError }
  const main = connect<GatewayDatabase>({
    ...common,
    ...limits,
    applicationName: 'paperclip gateway',
    poolMax,
    settings: { [authorSetting]: 'gateway' }
  })
  const lookup = connect<GatewayDatabase>({
    ...common,
    ...lookupLimits,
    applicationName: 'paperclip gateway look-ups',
    poolMax: lookupPoolMax,
    poolMin: lookupPoolMin,
    settings: lookupSettings
  })
  const session = connect<GatewayDatabase>({
    ...common,
    ...lookupLimits,
    connectionTimeoutMs: sessionConnectionTimeoutMs,
    applicationName: 'paperclip gateway sessions',
    poolMax: sessionPoolMax,
    settings: { [authorSetting]: 'self' }
  })
  const close = async () => {
    await session.close()
    await lookup.close()
    await main.close()
  }
  try {
    await expectSchemaVersion(main.db, {
      schema: gatewaySchema,
      folder: migrationsFolder,
      ...(databaseWaitMsMax === undefined ? {} : { waitMsMax: databaseWaitMsMax })
    })
    await expectSameClock(main.db)
    await lookup.warm()
  } catch (error) {
    await close()
    throw error
  }
  const clock = watchClock(main.db, { onSkew: ({ message }) => logger.warn(message) })
  return {
    main,
    lookup,
    session,
    async close() {
      await clock.stop()
      await close()
    }
  }
}
