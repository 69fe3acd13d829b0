import { execFile } from 'node:child_process'
import { userInfo } from 'node:os'
import { promisify } from 'node:util'
import { PostgresError } from './postgres-error.js'

const run = promisify(execFile)

/** The operating system user that the server runs as; PostgreSQL refuses to run as root. */
export interface ServerUser {
  readonly uid: number
  readonly gid: number
  /** False when it is the user of this process: nothing has to be switched or handed over. */
  readonly switched: boolean
}

/** Exists on every Linux and macOS, owns nothing and cannot sign in. */
const defaultUser = 'nobody'

/**
 * Decides who runs the server: this process's own user, or, when that is root, `name` (default `nobody`).
 *
 * Never makes a user. An ordinary user cannot become someone else, so `name` counts for root only.
 * Throws {@link PostgresError} when the user does not exist or is root, or when ours has no name.
 */
export async function resolveServerUser({ name }: { name?: string | undefined } = {}): Promise<ServerUser> {
  const uid = process.getuid?.()
  const gid = process.getgid?.()
  if (uid === undefined || gid === undefined) {
    throw new PostgresError('The embedded PostgreSQL needs Linux or macOS: set DATABASE_URL instead.')
  }
  if (uid !== 0) {
    requireNamedUser(uid, userInfo)
    return { uid, gid, switched: false }
  }
  return await lookUp(name ?? defaultUser)
}

/**
 * PostgreSQL asks for its user's name, and some containers run under a number that has none: `lookUpSelf` then throws,
 * as `os.userInfo` does. Throws {@link PostgresError} that says so.
 */
export function requireNamedUser(uid: number, lookUpSelf: () => unknown): void {
  try {
    lookUpSelf()
  } catch (cause) {
    throw new PostgresError(
      `The embedded PostgreSQL cannot run as uid ${uid}, which has no user name here: start as a user that has one, or set DATABASE_URL.`,
      { cause }
    )
  }
}

async function lookUp(name: string): Promise<ServerUser> {
  const unusable = new PostgresError(
    `The user that should run PostgreSQL (${JSON.stringify(name)}) does not exist or is root: set PAPERCLIP_POSTGRES_USER to an existing ordinary user.`
  )
  if (!/^[a-z_][a-z0-9_.-]{0,31}$/i.test(name)) throw unusable
  const [uid, gid] = await Promise.all([askId('-u', name), askId('-g', name)])
  if (uid === undefined || gid === undefined || uid === 0) throw unusable
  return { uid, gid, switched: true }
}

/** `id` asks the system's own name service, which reading /etc/passwd would bypass. */
async function askId(flag: '-u' | '-g', name: string): Promise<number | undefined> {
  try {
    const { stdout } = await run('id', [flag, name], { env: { PATH: '/usr/bin:/bin:/usr/sbin:/sbin' } })
    const id = Number(stdout.trim())
    return Number.isInteger(id) ? id : undefined
  } catch {
    return undefined
  }
}
