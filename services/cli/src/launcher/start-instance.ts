import { unknownVariables } from '@paperclip/contracts'
import { type InstancePaths, onboardInstance, readEnvFile } from '@paperclip/instance'
import { findClaimNotice } from './claim-notice.js'
import { describeAddress } from './database-client.js'
import { requireDatabasePassword } from './database-password.js'
import { ensureMasterKey } from './ensure-master-key.js'
import { lockInstance } from './instance-lock.js'
import type { LaunchContext } from './launch-context.js'
import { present, readLaunchSettings } from './launch-settings.js'
import { findMasterKeyNeed } from './master-key-need.js'
import { type Databases, openDatabases } from './open-database.js'
import { requireFreePort } from './port-check.js'
import { requirePrograms } from './programs.js'
import { bringsMasterKey, type EnvironmentSources, serviceUrl } from './service-environment.js'
import { migrateServices, startServices } from './start-services.js'

/** What an operator must know about a running instance. */
export interface StartedInstance {
  readonly url: string
  readonly paths: InstancePaths
  /** Where the data lies: a folder, or the address of a database. */
  readonly data: string
  /** How to become the first admin, while there is none. */
  readonly claim: string | null
}

/**
 * Starts everything of an instance, in order: files, lock, ports, database, keys, migrations, services.
 *
 * Checks come before anything is started. A master key is made last of all files, when the database can
 * say that it needs no other. Throws `LaunchError` and its kin.
 */
export async function startInstance(context: LaunchContext): Promise<StartedInstance> {
  requirePrograms(context.programs)
  for (const { name, nearest } of unknownVariables(context.env)) {
    context.report(
      `warning: nothing reads ${name}${nearest === undefined ? '' : `; did you mean ${nearest}?`}`
    )
  }
  const settings = await readLaunchSettings(context.env)
  const { paths } = settings
  await requireDatabasePassword(settings)
  const { tightened, loose } = await onboardInstance(paths, { mayCreateMasterKey: false })
  for (const path of tightened) context.report(`warning: others could read ${path}; now they cannot`)
  for (const path of loose)
    context.report(`warning: others can read ${path}, and its mode could not be changed`)
  context.lock = await lockInstance(paths)
  context.paths = paths
  await requireFreePort(settings.gateway, { variable: 'PORT', service: 'gateway' })
  await requireFreePort(settings.secrets, { variable: 'PAPERCLIP_SECRETS_PORT', service: 'secrets service' })
  const generated = await readEnvFile(paths.env)
  const databases = await openDatabases(context, { settings, generated })
  warnAbout(context, databases)
  if (!bringsMasterKey(context.env))
    await ensureMasterKey(paths, async () => await findMasterKeyNeed(databases.secrets.migrationUrl))
  return await startPrograms(context, { env: context.env, settings, generated, databases })
}

async function startPrograms(context: LaunchContext, sources: EnvironmentSources): Promise<StartedInstance> {
  const { settings, databases } = sources
  await migrateServices(context, sources)
  const logs = await startServices(context, sources)
  await recordRuntime(context, sources)
  const url = serviceUrl('gateway', settings)
  const data = context.server?.dataDir ?? describeAddress(databases.secrets.url)
  return {
    url: present(context.env.PAPERCLIP_PUBLIC_URL) ?? url,
    paths: settings.paths,
    data,
    claim:
      settings.deploymentMode === 'authenticated' ? await findClaimNotice({ url, log: logs.gateway }) : null
  }
}

function warnAbout(context: LaunchContext, { gateway, secrets }: Databases): void {
  for (const { warning } of [secrets, gateway]) if (warning !== null) context.report(`warning: ${warning}`)
}

async function recordRuntime(context: LaunchContext, sources: EnvironmentSources): Promise<void> {
  const { settings, databases } = sources
  const { server, children } = context
  const describe = (service: 'gateway' | 'secrets') => ({
    pid: children[service]?.pid ?? null,
    port: settings[service].port,
    url: serviceUrl(service, settings)
  })
  await context.saveRuntime(() => ({
    version: 1,
    launcherPid: process.pid,
    startedAt: new Date().toISOString(),
    gateway: describe('gateway'),
    secrets: describe('secrets'),
    database: {
      embedded: server !== undefined,
      address: describeAddress(databases.secrets.url),
      pid: server?.pid ?? null,
      dataDir: server?.dataDir ?? null
    }
  }))
}
