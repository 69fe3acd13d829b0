import { execFile } from 'node:child_process'
import { existsSync, lstatSync, readlinkSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { repositoryRoot } from '@paperclip/testing'
import t from 'tap'

const run = promisify(execFile)
const installMsMax = 240_000
t.setTimeout(installMsMax)

t.test('a fresh clone has the command right after npm ci, and the command says how to build', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'paperclip-clone-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const clone = join(folder, 'clone')
  await run('git', ['clone', '--quiet', '--no-hardlinks', repositoryRoot, clone])
  const early = run('npm', ['start'], { cwd: clone })
  await t.rejects(early, {
    code: 1,
    stderr: /(?:^|\n)paperclip: nothing is installed yet: run npm ci first\n/
  })
  // Who checks this has installed the whole of it already; nothing that only development needs links our command.
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--omit=dev', '--loglevel=error']
  await run('npm', ['ci', ...flags], { cwd: clone, timeout: installMsMax })

  const link = join(clone, 'node_modules', '.bin', 'paperclipai')
  t.ok(lstatSync(link).isSymbolicLink())
  t.match(readlinkSync(link), /services\/cli\/bin\/paperclipai\.js$|@paperclip\/cli\/bin\/paperclipai\.js$/)
  t.notOk(existsSync(join(clone, 'services', 'cli', 'dist')), 'nothing was built')

  // Without the link npx would look for a package of this name elsewhere, and run it.
  const npx = run('npx', ['--no-install', 'paperclipai', '--version'], { cwd: clone })
  await t.rejects(npx, { code: 1, stdout: '', stderr: /not built yet[\s\S]*npm run build/ })
})
