import { readFile, writeFile } from 'node:fs/promises'
import { type InstancePaths, writeRuntime } from '@paperclip/instance'

/** What the files shall say of services that run already. */
interface LiveServices {
  /** Where both services have their database, with a password that each of the roles has there. */
  readonly databaseUrl: string
  /** Whose passwords the launcher keeps, as in `PAPERCLIP_<role>_DB_PASSWORD`. */
  readonly roles: readonly string[]
  readonly isEmbedded: boolean
  readonly gateway: string
  readonly secrets: string
}

/** Writes what a launcher that lives has written: the passwords of its roles, and where everything is. */
export async function writeLiveLauncher(
  paths: InstancePaths,
  { databaseUrl, roles, isEmbedded, gateway, secrets }: LiveServices
): Promise<void> {
  const { password, host, pathname, search } = new URL(databaseUrl)
  const lines = roles.map((role) => `PAPERCLIP_${role}_DB_PASSWORD=${password}\n`).join('')
  const former = new RegExp(`^PAPERCLIP_(?:${roles.join('|')})_DB_PASSWORD=.*\n`, 'gm')
  await writeFile(paths.env, (await readFile(paths.env, 'utf8')).replace(former, '') + lines)
  const service = (url: string) => ({ pid: null, port: Number(new URL(url).port), url })
  await writeRuntime(paths, {
    version: 1,
    launcherPid: process.pid,
    startedAt: new Date().toISOString(),
    gateway: service(gateway),
    secrets: service(secrets),
    database: {
      embedded: isEmbedded,
      pid: null,
      dataDir: null,
      address: `postgres://${host}${pathname}${search}`
    }
  })
}
