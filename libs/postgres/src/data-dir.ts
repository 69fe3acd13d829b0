import { createHash } from 'node:crypto'
import { realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { canEnter } from './reach.js'
import type { ServerUser } from './server-user.js'

/** Where data goes when the server's user cannot enter the instance folder. */
export const sharedStateDir = '/var/lib/paperclip'

/** Enough of a SHA-256 (64 bits) that no two instance folders of one machine meet. */
const hashHexDigits = 16

/**
 * Chooses the PostgreSQL data directory of an instance.
 *
 * The instance folder, if the server's user can reach it, else a folder under `stateDir` named after it. A
 * place that already holds data wins over one that does not, so that a changed permission between two
 * starts never shows as an empty database.
 */
export async function chooseDataDir({
  instanceDir,
  user,
  stateDir = sharedStateDir
}: {
  instanceDir: string
  user: ServerUser
  stateDir?: string
}): Promise<string> {
  const real = await realpath(instanceDir).catch(() => instanceDir)
  const inside = join(real, 'postgres')
  const name = createHash('sha256').update(real).digest('hex').slice(0, hashHexDigits)
  const outside = join(stateDir, name, 'postgres')
  const reachable = await canEnter(real, user)
  const [preferred, other] = reachable ? [inside, outside] : [outside, inside]
  if (!(await holdsData(preferred)) && (await holdsData(other))) return other
  return preferred
}

async function holdsData(dataDir: string): Promise<boolean> {
  return await stat(join(dataDir, 'PG_VERSION')).then(
    () => true,
    () => false
  )
}
