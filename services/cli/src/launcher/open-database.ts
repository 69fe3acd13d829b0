import { type EnvEntries, generatedVariables } from '@paperclip/instance'
import type { RunningPostgres } from '@paperclip/postgres'
import {
  type PrepareDatabase,
  prepareDatabase,
  type ServiceDatabase,
  type ServiceName
} from './database-roles.js'
import { embeddedDatabaseName, startEmbedded } from './embedded-database.js'
import type { LaunchContext, RunningDatabase } from './launch-context.js'
import { LaunchError } from './launch-error.js'
import type { LaunchSettings } from './launch-settings.js'
import { supervise } from './supervise.js'

/** What each service connects with. */
export type Databases = Readonly<Record<ServiceName, ServiceDatabase>>

/** Brings the database up, the embedded one under supervision, and makes roles and schemas in it. */
export async function openDatabases(
  context: LaunchContext,
  { settings, generated }: { settings: LaunchSettings; generated: EnvEntries }
): Promise<Databases> {
  const { external } = settings
  if (external === null) {
    const server = await startSupervised(context, { settings, generated })
    return await prepareBoth(generated, { gateway: server.adminUrl(embeddedDatabaseName), ownsServer: true })
  }
  const { gatewayUrl, secretsUrl, migrationUrl } = external
  if (migrationUrl === undefined)
    return await prepareBoth(generated, { gateway: gatewayUrl, secrets: secretsUrl })
  const given = { migrationUrl, warning: null }
  return { gateway: { url: gatewayUrl, ...given }, secrets: { url: secretsUrl, ...given } }
}

async function prepareBoth(
  generated: EnvEntries,
  urls: { gateway: string; secrets?: string; ownsServer?: true }
): Promise<Databases> {
  const { ownsServer = false } = urls
  const secrets = await prepareDatabase({
    ...toPrepare('secrets', urls.secrets ?? urls.gateway, generated),
    ownsServer
  })
  const gateway = await prepareDatabase({ ...toPrepare('gateway', urls.gateway, generated), ownsServer })
  return { gateway, secrets }
}

function toPrepare(service: ServiceName, adminUrl: string, generated: EnvEntries): PrepareDatabase {
  const owner = generated[generatedVariables[`${service}OwnerPassword`]]
  const runtime = generated[generatedVariables[`${service}Password`]]
  if (owner === undefined || runtime === undefined) {
    throw new LaunchError('The .env of this instance lacks a database password: restore it from a backup.')
  }
  return { service, adminUrl, passwords: { owner, runtime } }
}

async function startSupervised(
  context: LaunchContext,
  { settings, generated }: { settings: LaunchSettings; generated: EnvEntries }
): Promise<RunningPostgres> {
  const { paths, postgresUser: user } = settings
  context.ensureNotStopping()
  const first = await startEmbedded(paths, { generated, user, port: 0 })
  context.server = first
  context.ensureNotStopping()
  context.database = supervise<RunningDatabase>({
    first: toRunning(first),
    // The services know the port, so it must stay.
    restart: async () => toRunning(await startEmbedded(paths, { generated, user, port: first.port })),
    onEnd: (how, { delayMs }) => context.report(`PostgreSQL ${how}; starting it again in ${delayMs} ms`),
    onRestart: ({ server }) => {
      context.report('PostgreSQL runs again')
      void context.saveRuntime(
        (before) => before && { ...before, database: { ...before.database, pid: server.pid } }
      )
    }
  })
  return first
}

function toRunning(server: RunningPostgres): RunningDatabase {
  return { server, ended: server.crashed.then(() => 'ended by itself') }
}
