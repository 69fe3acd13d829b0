/** What a backup of keys and configuration has, and what it leaves alone; the database is somebody else's here. */
import { existsSync, readFileSync, renameSync, symlinkSync, unlinkSync } from 'node:fs'
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type InstancePaths, instancePaths, onboardInstance } from '@paperclip/instance'
import t from 'tap'
import { createBackup } from '../src/backup/create-backup.js'
import { restoreBackup } from '../src/backup/restore-backup.js'
import { takeProcessLock } from '../src/process-lock.js'

const scratch = t.testdir()
const envOf = (name: string) => ({
  PAPERCLIP_HOME: join(scratch, name),
  DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing'
})
const pathsOf = (name: string) => instancePaths({ home: join(scratch, name), instanceId: 'default' })

async function newInstance(name: string): Promise<InstancePaths> {
  const paths = pathsOf(name)
  await onboardInstance(paths, { mayCreateMasterKey: true })
  return paths
}

t.test('a key that lies elsewhere, with a link in its place, is in the backup and is restored', async (t) => {
  const paths = await newInstance('linked')
  const mounted = join(scratch, 'mounted.key')
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
  await writeFile(join(paths.secretsDir, 'client.p12'), bytes)
  renameSync(paths.masterKey, mounted)
  symlinkSync(mounted, paths.masterKey)
  const folder = join(scratch, 'backup-linked')
  const { files } = await createBackup(envOf('linked'), folder)
  t.ok(files.includes('secrets/master.key'), files.join())
  t.match(await restoreBackup(envOf('restored'), folder), { hasMasterKey: true })
  t.same(readFileSync(pathsOf('restored').masterKey), readFileSync(mounted))
  t.ok(readFileSync(join(pathsOf('restored').secretsDir, 'client.p12')).equals(bytes), 'to the byte')

  await rm(mounted)
  await t.rejects(createBackup(envOf('linked'), join(scratch, 'backup-dangling')), { code: 'ENOENT' })
  t.same(
    (await readdir(scratch)).filter((name) => name.startsWith('backup-dangling')),
    []
  )
})

t.test('without a master key there is no backup that looks like one', async (t) => {
  const paths = await newInstance('keyless')
  unlinkSync(paths.masterKey)
  const folder = join(scratch, 'backup-keyless')
  await t.rejects(createBackup(envOf('keyless'), folder), { message: /there is no master key/ })
  t.notOk(existsSync(folder))
  const brought = { ...envOf('keyless'), PAPERCLIP_SECRETS_MASTER_KEY_FILE: '/somewhere/else' }
  t.match(await createBackup(brought, folder), { hasMasterKey: false })
})

t.test('two commands at once do not share a folder, and nothing of others is removed', async (t) => {
  await newInstance('busy')
  const folder = join(scratch, 'backup-busy')
  const partial = `${folder}.partial`
  await mkdir(partial)
  const lock = await takeProcessLock(`${folder}.lock`)
  if (lock === null || 'heldBy' in lock) throw new Error('the lock is taken')
  await t.rejects(createBackup(envOf('busy'), folder), { message: /another command is at work/ })
  t.ok(existsSync(partial), 'what the other one makes is left alone')
  await lock.release()

  await writeFile(join(partial, 'thesis.txt'), 'years of work')
  await t.rejects(createBackup(envOf('busy'), folder), { message: /holds something else/ })
  t.ok(existsSync(join(partial, 'thesis.txt')))
  await rm(join(partial, 'thesis.txt'))
  await mkdir(join(partial, 'database'))
  await createBackup(envOf('busy'), folder)
  t.same(
    (await readdir(scratch)).filter((name) => name.startsWith('backup-busy')),
    ['backup-busy'],
    'what one that was killed has left is gone'
  )
})

t.test(
  'a restore whose database cannot be placed leaves no keys, which would start without it',
  async (t) => {
    await newInstance('alone')
    const folder = join(scratch, 'backup-alone')
    await createBackup(envOf('alone'), folder)
    await mkdir(join(folder, 'database'))
    await t.rejects(
      restoreBackup(envOf('elsewhere'), folder),
      { message: /database is of an embedded database, and DATABASE_URL names a server of your own/ },
      'a database is not left out without a word'
    )
    t.notOk(existsSync(join(scratch, 'elsewhere')))
    const paths = pathsOf('unplaced')
    await t.rejects(restoreBackup({ PAPERCLIP_HOME: join(scratch, 'unplaced') }, folder), {
      message: /holds no database/
    })
    for (const path of [paths.env, paths.masterKey]) t.notOk(existsSync(path), path)
  }
)

t.test('a restore says so where a link already stands for a file of the instance', async (t) => {
  const paths = pathsOf('occupied')
  await newInstance('source')
  const folder = join(scratch, 'backup-source')
  await createBackup(envOf('source'), folder)
  await mkdir(paths.secretsDir, { recursive: true })
  symlinkSync('/nowhere', paths.masterKey)
  await t.rejects(restoreBackup(envOf('occupied'), folder), { message: /there is an instance in .* already/ })
  t.notOk(existsSync(paths.env))
})
