import { setTimeout as delay } from 'node:timers/promises'
import { removeRuntime } from '@paperclip/instance'
import type { LaunchContext } from './launch-context.js'

/**
 * How long each part may take to end by itself. With the database's 0.8 s the sum stays under the 5 s in
 * which an instance must have stopped; what was killed loses nothing that was acknowledged.
 */
const graceMs = { gateway: 1_800, secrets: 1_500, migration: 500 } as const

/** A start that was interrupted gets this long to notice; it is waiting for PostgreSQL if for anything. */
const startEndMsMax = 3_000

/**
 * Stops whatever a context has started: the gateway, then the secrets service, then PostgreSQL.
 *
 * `started` is the start, which may still be under way. Once `urgent` is aborted nobody is waited for.
 */
export async function stopInstance(
  context: LaunchContext,
  { started, urgent }: { started: Promise<unknown>; urgent: AbortSignal }
): Promise<void> {
  context.stopping = true
  const killAll = (): void => void endAtOnce(context)
  urgent.addEventListener('abort', killAll, { once: true })
  // First nothing is restarted any more, then everything ends in its turn.
  const database = context.database?.stop()
  const current = { gateway: context.services.gateway?.stop(), secrets: context.services.secrets?.stop() }
  await Promise.all(context.migrations.map(async (each) => await each.stop({ graceMs: graceMs.migration })))
  for (const service of ['gateway', 'secrets'] as const) {
    await context.children[service]?.stop({ graceMs: graceMs[service] })
    await (await current[service])?.child.stop({ graceMs: graceMs[service] })
  }
  const waiting = new AbortController()
  await Promise.race([
    started.catch(() => undefined),
    delay(startEndMsMax, undefined, { signal: waiting.signal }).catch(() => undefined)
  ])
  waiting.abort()
  const server = (await database)?.server ?? context.server
  await server?.stop({ immediate: urgent.aborted })
  urgent.removeEventListener('abort', killAll)
  await finish(context)
}

async function finish(context: LaunchContext): Promise<void> {
  await context.runtimeSaved()
  if (context.paths !== undefined) await removeRuntime(context.paths).catch(() => undefined)
  await Promise.all(context.logs.map(async (log) => await log.close().catch(() => undefined)))
  await context.lock?.release()
}

async function endAtOnce(context: LaunchContext): Promise<void> {
  const { gateway, secrets } = context.services
  for (const each of [...context.migrations, ...Object.values(context.children)])
    void each?.stop({ graceMs: 0 })
  for (const each of await Promise.all([gateway?.stop(), secrets?.stop()]))
    void each?.child.stop({ graceMs: 0 })
  const server = (await context.database?.stop())?.server ?? context.server
  void server?.stop({ immediate: true })
}
