import { chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { canEnter, resolveServerUser, startTestPostgres } from '@paperclip/postgres'
import { testAuthority } from '@paperclip/testing'

type Test = Parameters<typeof testAuthority>[0]

/** Starts a database server that asks nobody for a password, and speaks TLS when asked to. */
export async function startLaxPostgres(t: Test): Promise<{ readonly url: string }> {
  const user = await resolveServerUser()
  const folder = await mkdtemp(join((await canEnter(tmpdir(), user)) ? tmpdir() : '/tmp', 'paperclip-lax-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const { certFile, keyFile } = await (await testAuthority(t)).issue()
  const files = {
    hba_file: 'host all all 127.0.0.1/32 trust\n',
    ssl_cert_file: await readFile(certFile, 'utf8'),
    ssl_key_file: await readFile(keyFile, 'utf8')
  }
  const settings: Record<string, string> = { ssl: 'on' }
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name)
    await writeFile(path, content, { mode: 0o600 })
    if (user.switched) await chown(path, user.uid, user.gid)
    settings[name] = path
  }
  if (user.switched) await chown(folder, user.uid, user.gid)
  await chmod(folder, 0o700)
  const server = await startTestPostgres({ settings })
  t.teardown(() => server.stop({ immediate: true }))
  return { url: server.adminUrl('postgres') }
}
