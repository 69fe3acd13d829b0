import { randomBytes } from 'node:crypto'
import { chmod, chown, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canEnter, resolveServerUser, startPostgres } from '@paperclip/postgres'
import { freePort } from '@paperclip/testing'
import type { HasTeardown } from './e2e-installation.js'

/** A server of its own, as crash-safe as one in earnest, that can be killed. */
export interface DurablePostgres {
  adminUrl(database: string): string
  /** Ends it by SIGKILL and starts it again at the same address. Resolves when it answers queries. */
  kill9(): Promise<void>
  log(): Promise<string>
}

const enterableMode = 0o711
const passwordBytes = 24

export async function durablePostgres(t: HasTeardown): Promise<DurablePostgres> {
  const user = await resolveServerUser()
  const parent = (await canEnter(tmpdir(), user)) ? tmpdir() : '/tmp'
  const dir = await mkdtemp(join(parent, 'paperclip-e2e-postgres-'))
  await chmod(dir, enterableMode)
  if (user.switched) await chown(dir, user.uid, user.gid)
  const log = join(dir, 'postgres.log')
  const password = randomBytes(passwordBytes).toString('base64url')
  const port = await freePort()
  const start = () =>
    startPostgres({ dataDir: join(dir, 'postgres'), superuser: 'postgres', password, port, log })
  let server = await start()
  t.teardown(async () => {
    await server.stop({ immediate: true })
    await rm(dir, { recursive: true, force: true })
  })
  return {
    adminUrl: (database) => server.adminUrl(database),
    async kill9() {
      const { crashed, pid } = server
      process.kill(pid, 'SIGKILL')
      await crashed
      server = await start()
    },
    log: () => readFile(log, 'utf8')
  }
}
