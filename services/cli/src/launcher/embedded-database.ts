import { join } from 'node:path'
import { type EnvEntries, generatedVariables, type InstancePaths } from '@paperclip/instance'
import { chooseDataDir, type RunningPostgres, resolveServerUser, startPostgres } from '@paperclip/postgres'
import { withClient } from './database-client.js'
import { LaunchError } from './launch-error.js'

/** The database of the product in the embedded server. */
export const embeddedDatabaseName = 'paperclip'

/** The role that the embedded server is made with. */
export const embeddedSuperuser = 'postgres'
/** Short, because the whole instance has 5 s to stop; what it does not finish is recovered at the next start. */
const fastStopMsMax = 800

/**
 * Starts the embedded server of an instance and makes the product's database in it.
 *
 * The caller holds the instance's lock. `port` 0 picks a free one.
 */
export async function startEmbedded(
  paths: InstancePaths,
  { generated, user, port }: { generated: EnvEntries; user: string | undefined; port: number }
): Promise<RunningPostgres> {
  const password = generated[generatedVariables.superuserPassword]
  if (password === undefined)
    throw new LaunchError(`${paths.env} has no database password: restore it from a backup.`)
  const serverUser = await resolveServerUser({ name: user })
  const server = await startPostgres({
    dataDir: await chooseDataDir({ instanceDir: paths.instanceDir, user: serverUser }),
    ...{ superuser: embeddedSuperuser, password, user, port, fastStopMsMax },
    log: join(paths.logsDir, 'postgres.log'),
    // Root keeps its copy where every server user can enter; anyone else keeps everything in one place.
    cacheDir: serverUser.switched ? undefined : join(paths.home, 'cache')
  })
  try {
    await createDatabase(server)
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

async function createDatabase(server: RunningPostgres): Promise<void> {
  await withClient(server.adminUrl('postgres'), async (client) => {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [
      embeddedDatabaseName
    ])
    if (rowCount === 0) await client.query(`create database ${embeddedDatabaseName}`)
  })
}
