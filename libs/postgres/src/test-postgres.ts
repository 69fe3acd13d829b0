import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canEnter } from './reach.js'
import { resolveServerUser } from './server-user.js'
import { type RunningPostgres, startPostgres } from './start.js'

const passwordBytes = 24
const enterableMode = 0o711

/**
 * Starts a throw-away server: own temporary folder, random password, free port, no crash safety.
 *
 * Both the server and its folder go when `stop` is called or this process ends, even by kill -9.
 */
export async function startTestPostgres({
  cacheDir,
  settings = {}
}: {
  cacheDir?: string
  settings?: Readonly<Record<string, string>>
} = {}): Promise<RunningPostgres> {
  const user = await resolveServerUser()
  const parent = (await canEnter(tmpdir(), user)) ? tmpdir() : '/tmp'
  const dir = await mkdtemp(join(parent, 'paperclip-test-postgres-'))
  await chmod(dir, enterableMode)
  // The watchdog removes the folder, and runs as the server's user.
  if (user.switched) await chown(dir, user.uid, user.gid)
  return await startPostgres({
    dataDir: join(dir, 'postgres'),
    superuser: 'postgres',
    password: randomBytes(passwordBytes).toString('base64url'),
    log: join(dir, 'postgres.log'),
    settings: { max_connections: '300', ...settings },
    durable: false,
    throwAwayDir: dir,
    ...(cacheDir === undefined ? {} : { cacheDir })
  })
}
