import { access } from 'node:fs/promises'
import { join } from 'node:path'
import {
  generatedVariables,
  type InstancePaths,
  type Onboarded,
  onboardInstance,
  readEnvFile,
  readRuntime
} from '@paperclip/instance'
import { chooseDataDir, findProcess, resolveServerUser } from '@paperclip/postgres'
import { withCredentials } from './database-client.js'
import { mayEnter } from './database-roles.js'
import { embeddedDatabaseName, embeddedSuperuser, startEmbedded } from './embedded-database.js'
import { ensureMasterKey } from './ensure-master-key.js'
import { lockInstance } from './instance-lock.js'
import {
  type Environment,
  type ExternalDatabase,
  type LaunchSettings,
  readLaunchSettings
} from './launch-settings.js'
import { findMasterKeyNeed, type MasterKeyNeed } from './master-key-need.js'
import { bringsMasterKey } from './service-environment.js'

/** What preparing did; `brought` when the operator's environment holds the master key. */
export interface Prepared extends Onboarded {
  readonly paths: InstancePaths
  readonly masterKey: 'existing' | 'created' | 'brought'
}

/**
 * Makes every file an instance lacks and starts nothing that stays: `paperclipai onboard` and
 * `doctor --repair`.
 *
 * A master key is made only when the database, started for the question if need be, says that nothing is
 * sealed under another. Throws `LaunchError` when it cannot tell.
 */
export async function prepareInstance(env: Environment): Promise<Prepared> {
  const settings = await readLaunchSettings(env)
  const { paths } = settings
  const onboarded = await onboardInstance(paths, { mayCreateMasterKey: false })
  if (bringsMasterKey(env)) return { ...onboarded, paths, masterKey: 'brought' }
  const masterKey = await ensureMasterKey(paths, async () => await askMasterKeyNeed(settings))
  const created = masterKey === 'created' ? [...onboarded.created, paths.masterKey] : onboarded.created
  return { ...onboarded, created, paths, masterKey }
}

/**
 * Asks the instance's database which master keys it needs: the running one, else the embedded one started
 * for the question, else the one that `DATABASE_URL` names.
 */
export async function askMasterKeyNeed(settings: LaunchSettings): Promise<MasterKeyNeed> {
  const generated = await readEnvFile(settings.paths.env)
  if (settings.external !== null) {
    const password = generated[generatedVariables.secretsOwnerPassword]
    return await findMasterKeyNeed(await ownerUrl(settings.external, password))
  }
  const running = await runningUrl(settings.paths, generated[generatedVariables.superuserPassword])
  return running === undefined ? await askStopped(settings, generated) : await findMasterKeyNeed(running)
}

/** The connecting role may not be allowed to read what our owner role owns. */
async function ownerUrl(external: ExternalDatabase, password: string | undefined): Promise<string> {
  if (external.migrationUrl !== undefined) return external.migrationUrl
  if (password === undefined) return external.secretsUrl
  const owner = withCredentials(external.secretsUrl, { user: 'paperclip_secrets_owner', password })
  return (await mayEnter(owner)) ? owner : external.secretsUrl
}

async function runningUrl(paths: InstancePaths, password: string | undefined): Promise<string | undefined> {
  const runtime = await readRuntime(paths)
  if (runtime?.database.embedded !== true || password === undefined) return undefined
  if ((await findProcess(runtime.launcherPid)) === undefined) return undefined
  return withCredentials(runtime.database.address, { user: embeddedSuperuser, password })
}

async function askStopped(
  settings: LaunchSettings,
  generated: Readonly<Record<string, string>>
): Promise<MasterKeyNeed> {
  const { paths, postgresUser } = settings
  const user = await resolveServerUser({ name: postgresUser })
  const dataDir = await chooseDataDir({ instanceDir: paths.instanceDir, user })
  if (await isAbsent(join(dataDir, 'PG_VERSION'))) return { keyIds: [] }
  const lock = await lockInstance(paths)
  try {
    const server = await startEmbedded(paths, { generated, user: postgresUser, port: 0 })
    try {
      return await findMasterKeyNeed(server.adminUrl(embeddedDatabaseName))
    } finally {
      await server.stop()
    }
  } finally {
    await lock.release()
  }
}

/** Only a definite absence counts: data that cannot be seen may hold ciphertext. */
async function isAbsent(path: string): Promise<boolean> {
  return await access(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => {
      // As root everything can be seen; otherwise the folder is ours. What remains is absence, or a fault.
      if (error.code === 'ENOENT') return true
      throw error
    }
  )
}
