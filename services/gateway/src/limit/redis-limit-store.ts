import RedisStore from '@fastify/rate-limit/store/RedisStore.js'
import { AppError, ConfigError, type Logger, type SecretValue } from '@paperclip/server'
import { Redis } from 'ioredis'
import type { LimitStore } from './limit-store.js'

/** Counts in Redis. */
export interface RedisLimits {
  readonly store: LimitStore
  close(): void
}

const connectTimeoutMs = 2_000
/** Callers wait for this before anything else. */
const commandTimeoutMs = 1_000
const retryDelayMsMax = 2_000

/**
 * Connects to Redis and counts there, with the library's own script. Throws {@link ConfigError} when it cannot be
 * reached or refuses: whoever names a Redis relies on it, and to count elsewhere would split the count between
 * gateways. Nothing that it throws or logs repeats the address, which may carry a password.
 */
export async function openRedisLimits({
  url,
  instanceId,
  logger
}: {
  url: SecretValue
  instanceId: string
  logger: Logger
}): Promise<RedisLimits> {
  const redis = new Redis(url.reveal(), {
    connectionName: 'paperclip-gateway',
    lazyConnect: true,
    connectTimeout: connectTimeoutMs,
    commandTimeout: commandTimeoutMs,
    // Whoever waits for a count wants it now or not at all.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (attempts) => Math.min(attempts * 100, retryDelayMsMax)
  })
  await greet(redis)
  logLosses(redis, logger)
  // Neither a longer window nor a longer wait for those who go on: a stranger could use both against a user.
  const counter = new RedisStore(false, false, redis, `paperclip:${instanceId}:limit:`)
  return {
    store: {
      incr: (key, callback, windowMs, max) =>
        counter.incr(
          key,
          (error, count) => {
            if (error === null) callback(null, count)
            else callback(unavailable(error))
          },
          windowMs,
          max
        )
    },
    close: () => redis.disconnect()
  }
}

async function greet(redis: Redis): Promise<void> {
  let why = 'no answer'
  const note = (error: Error) => {
    why = reasonOf(error)
  }
  redis.on('error', note)
  try {
    await redis.connect()
    await redis.ping()
  } catch (error) {
    redis.disconnect()
    if (why === 'no answer') note(error as Error)
    throw new ConfigError([`REDIS_URL names a server that cannot be used (${why})`])
  } finally {
    redis.off('error', note)
  }
}

/** A word without secrets: a system's code, or the first word of what Redis answers (`WRONGPASS`, `NOAUTH`). */
function reasonOf(error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  return code ?? /^[A-Z]{3,}\b/.exec(error.message)?.[0] ?? error.name
}

/** One line for each loss, not for each attempt to connect again. */
function logLosses(redis: Redis, logger: Logger): void {
  let lost = false
  const note = (code: string) => {
    if (!lost) logger.warn({ code }, 'the connection to Redis was lost')
    lost = true
  }
  redis.on('error', (error: Error) => note(reasonOf(error)))
  redis.on('close', () => note('closed'))
  redis.on('ready', () => {
    if (lost) logger.info('the connection to Redis is back')
    lost = false
  })
}

function unavailable(cause: Error): AppError {
  return new AppError('database_unavailable', {
    detail: 'The store of the rate limits cannot be reached. Try again shortly.',
    cause,
    retryAfterSeconds: 1
  })
}
