import { access } from 'node:fs/promises'
import { join } from 'node:path'
import {
  findMasterKeyFiles,
  generatedVariables,
  type InstancePaths,
  type Onboarded,
  onboardInstance,
  readEnvFile,
  readRuntime,
  requireMatchingFiles
} from '@paperclip/instance'
import { chooseDataDir, findProcess, resolveServerUser } from '@paperclip/postgres'
import { codeOf, describeAddress, sqlState, withCredentials } from './database-client.js'
import { requireDatabasePassword } from './database-password.js'
import { mayEnter } from './database-roles.js'
import { embeddedDatabaseName, embeddedSuperuser, startEmbedded } from './embedded-database.js'
import { ensureMasterKey, requireNoneLost } from './ensure-master-key.js'
import { lockInstance } from './instance-lock.js'
import { LaunchError } from './launch-error.js'
import {
  type Environment,
  type ExternalDatabase,
  type LaunchSettings,
  readLaunchSettings
} from './launch-settings.js'
import { findMasterKeyNeed, type MasterKeyNeed, nothingStored } from './master-key-need.js'
import { requireOwnInstance } from './own-instance.js'
import { withRunningDatabase } from './running-database.js'
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
 * sealed under another. All questions come first: throws `LaunchError` and its kin, and nothing is changed, when the
 * database cannot tell, or tells that a key is lost, and when what is there does not go together or is another user's.
 * `onBegin` is called once nothing speaks against it, before the first change.
 */
export async function prepareInstance(
  env: Environment,
  { onBegin = () => undefined }: { onBegin?: () => void } = {}
): Promise<Prepared> {
  const settings = await readLaunchSettings(env)
  const { paths } = settings
  const isBrought = bringsMasterKey(env)
  await requireOwnInstance(paths)
  await requireMatchingFiles(paths)
  await requireDatabasePassword(settings)
  if (!isBrought && findMasterKeyFiles(paths).length === 0)
    requireNoneLost(paths, await askMasterKeyNeed(settings))
  onBegin()
  const onboarded = await onboardInstance(paths, { mayCreateMasterKey: false })
  if (isBrought) return { ...onboarded, paths, masterKey: 'brought' }
  // Nothing was sealed a moment ago, and only a service that has a key can have sealed anything since.
  const masterKey = await ensureMasterKey(paths, async () => ({ ...nothingStored, isMigrated: true }))
  const created = masterKey === 'created' ? [...onboarded.created, paths.masterKey] : onboarded.created
  return { ...onboarded, created, paths, masterKey }
}

/** Asks the instance's database which master keys it needs, as {@link askSecretsDatabase} does. */
export async function askMasterKeyNeed(settings: LaunchSettings): Promise<MasterKeyNeed> {
  return await askSecretsDatabase(settings, findMasterKeyNeed, nothingStored)
}

/**
 * Asks the instance's database something as a role that may read the schema `secrets`: the one that `DATABASE_URL`
 * names, else the one that the instance runs on, else the embedded one, started for the question. `whenAbsent` is the
 * answer of a database that was never made. Throws `LaunchError` when there is no answer.
 */
export async function askSecretsDatabase<T>(
  settings: LaunchSettings,
  ask: (url: string) => Promise<T>,
  whenAbsent: T
): Promise<T> {
  const generated = await readEnvFile(settings.paths.env)
  const { external } = await withRunningDatabase(settings)
  if (external !== null) {
    const url = await ownerUrl(external, generated[generatedVariables.secretsOwnerPassword])
    return await ask(url).catch((error: unknown) => describeRefusal(url, error))
  }
  const running = await runningUrl(settings.paths, generated[generatedVariables.superuserPassword])
  if (running !== undefined) return await ask(running)
  const user = await resolveServerUser({ name: settings.postgresUser })
  const dataDir = await chooseDataDir({ instanceDir: settings.paths.instanceDir, user })
  if (await isAbsent(join(dataDir, 'PG_VERSION'))) return whenAbsent
  return await askStopped(settings, generated, ask)
}

/** The driver names the table, but neither the database nor what to do. */
function describeRefusal(url: string, error: unknown): never {
  if (codeOf(error) !== sqlState.insufficientPrivilege) throw error
  throw new LaunchError(
    `The role that asks ${describeAddress(url)} may not read the schema "secrets": name its owner in DATABASE_MIGRATION_URL.`,
    { cause: error }
  )
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

async function askStopped<T>(
  settings: LaunchSettings,
  generated: Readonly<Record<string, string>>,
  ask: (url: string) => Promise<T>
): Promise<T> {
  const { paths, postgresUser } = settings
  const lock = await lockInstance(paths)
  try {
    const server = await startEmbedded(paths, { generated, user: postgresUser, port: 0 })
    try {
      return await ask(server.adminUrl(embeddedDatabaseName))
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
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return true
      throw error
    }
  )
}
