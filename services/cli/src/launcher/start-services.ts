import { dirname } from 'node:path'
import { type ChildLog, openChildLog } from './child-log.js'
import { type Child, type Exit, startChild } from './child-process.js'
import type { ServiceName } from './database-roles.js'
import type { LaunchContext, RunningService } from './launch-context.js'
import {
  type EnvironmentSources,
  migrationEnvironment,
  serviceEnvironment,
  serviceUrl
} from './service-environment.js'
import { endedEarly, waitForReady } from './service-ready.js'
import { supervise } from './supervise.js'

const names = ['secrets', 'gateway'] as const

/** Migrates both schemas, each with its owner's role. Nothing is started on an older schema. */
export async function migrateServices(context: LaunchContext, sources: EnvironmentSources): Promise<void> {
  await Promise.all(names.map(async (service) => await migrateService(context, service, sources)))
}

async function migrateService(
  context: LaunchContext,
  service: ServiceName,
  sources: EnvironmentSources
): Promise<void> {
  const log = await openLog(context, sources, service)
  context.ensureNotStopping()
  const entry = context.programs[service].migrate
  const child = startChild({ entry, env: migrationEnvironment(service, sources), logFd: log.fd })
  context.migrations.push(child)
  const { code } = await child.exited
  context.ensureNotStopping()
  if (code !== 0) throw await endedEarly(`migration of the ${service} database`, log)
}

/** Starts both services, waits until both are ready, and keeps them running from then on. Gives their logs. */
export async function startServices(
  context: LaunchContext,
  sources: EnvironmentSources
): Promise<Readonly<Record<ServiceName, ChildLog>>> {
  const [secrets, gateway] = await Promise.all([
    startService(context, 'secrets', sources),
    startService(context, 'gateway', sources)
  ])
  return { secrets, gateway }
}

async function startService(
  context: LaunchContext,
  service: ServiceName,
  sources: EnvironmentSources
): Promise<ChildLog> {
  const log = await openLog(context, sources, service)
  const entry = context.programs[service].main
  const start = (): Child => {
    context.ensureNotStopping()
    return startChild({ entry, env: serviceEnvironment(service, sources), logFd: log.fd })
  }
  const child = start()
  context.children[service] = child
  const { settings } = sources
  const tls = settings.internalTls
  await waitForReady(service, { child, url: serviceUrl(service, settings), tls, log })
  context.ensureNotStopping()
  context.services[service] = supervise<RunningService>({
    first: toRunning(child),
    restart: async () => toRunning(start()),
    onEnd: (how, { delayMs }) => {
      context.report(
        `the ${service} service ${how}; starting it again in ${delayMs} ms (${dirname(log.path)})`
      )
    },
    onRestart: ({ child: { pid } }) => {
      void context.saveRuntime((before) => before && { ...before, [service]: { ...before[service], pid } })
    }
  })
  return log
}

async function openLog(
  context: LaunchContext,
  { settings }: EnvironmentSources,
  name: string
): Promise<ChildLog> {
  const log = await openChildLog(settings.paths.logsDir, name)
  context.logs.push(log)
  return log
}

function toRunning(child: Child): RunningService {
  return { child, ended: child.exited.then(describeExit) }
}

function describeExit({ code, signal }: Exit): string {
  if (signal !== null) return `was ended by ${signal}`
  return code === null ? 'could not be executed' : `ended with exit code ${code}`
}
