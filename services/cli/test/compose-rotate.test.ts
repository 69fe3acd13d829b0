import { execFile } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { repositoryRoot, testDatabase } from '@paperclip/testing'
import t from 'tap'
import { shippedMigrations } from './support/e2e-installation.js'
import { openAdmin } from './support/e2e-ledger.js'

// Each step starts a shell, openssl and a process that asks the database.
t.setTimeout(100_000)
const run = promisify(execFile)
const database = await testDatabase(t, { migrations: shippedMigrations })
const admin = await openAdmin(database.adminUrl)
t.teardown(() => admin.end())
const [formerId, newId] = ['mk_00000000000000aa', 'mk_00000000000000bb']
const compose = `${process.execPath} ${fileURLToPath(new URL('./fixtures/compose-psql.js', import.meta.url))}`

/** Both scripts in a folder of their own, as in `deploy/`, with every secret made. */
async function newDeploy(test: { teardown(clean: () => void): void }) {
  const folder = mkdtempSync(join(tmpdir(), 'paperclip-compose-'))
  test.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const deploy = join(folder, 'deploy')
  mkdirSync(deploy)
  for (const name of ['compose-secrets.sh', 'compose-rotate.sh'])
    copyFileSync(`${repositoryRoot}deploy/${name}`, join(deploy, name))
  const secrets = join(deploy, 'secrets')
  const env = { ...process.env, COMPOSE: compose, DATABASE_URL: database.adminUrl }
  const sh = async (args: readonly string[], more: Record<string, string> = {}): Promise<string> => {
    const { stdout, stderr } = await run('sh', args, { cwd: tmpdir(), env: { ...env, ...more } })
    return stdout + stderr
  }
  await sh([join(deploy, 'compose-secrets.sh')])
  const file = (name: string) => join(secrets, name)
  const script = join(deploy, 'compose-rotate.sh')
  return {
    file,
    read: (name: string) => readFileSync(file(name), 'utf8'),
    list: () => readdirSync(secrets).sort(),
    put(name: string, text: string): void {
      rmSync(file(name), { force: true })
      writeFileSync(file(name), text, { mode: 0o444 })
    },
    /** Everything that compose-secrets.sh wrote. */
    secrets: async (args: readonly string[], more?: Record<string, string>) =>
      await sh([join(deploy, 'compose-secrets.sh'), ...args], more),
    /** Everything it wrote; `-x` shows every command with its arguments. */
    rotate: async (key: string, step: string, more?: Record<string, string>) =>
      await sh(['-x', script, key, step], more),
    /** How it ended and what it says when it refuses. */
    refusal: async (...args: string[]) =>
      await sh([script, ...args]).then(
        () => 'it did not refuse',
        ({ code, stderr }: { code: number; stderr: string }) => `${code} ${stderr}`
      )
  }
}

/** Puts the keys in the database as a service and a rotation leave them; the later one was activated later. */
async function keysAre(...keys: ['active' | 'waiting' | 'retired', id: string][]): Promise<void> {
  await admin.query('delete from secrets.master_keys')
  for (const [index, [state, id]] of keys.entries())
    await admin.query(
      `insert into secrets.master_keys (id, salt, iterations, activated_at, retired_at) values ($1, $2, 600000, $3, $4)`,
      [
        ...[id, Buffer.alloc(32, index + 1)],
        ...[state === 'waiting' ? null : new Date(index * 1_000), state === 'retired' ? new Date() : null]
      ]
    )
}

t.test('a new master key takes its place beside the old one, which goes when it is retired', async (t) => {
  const deploy = await newDeploy(t)
  const old = deploy.read('master_key')
  await keysAre(['active', formerId])
  t.match(await deploy.refusal('master_key', 'finish'), /^1 .*no former master_key/)
  const written = [await deploy.rotate('master_key', 'prepare')]
  const made = deploy.read('master_key')
  t.match(made, /^[\w+/]{43}=$/)
  t.not(made, old)
  t.equal(deploy.read('master_key_previous'), old)
  t.equal(statSync(deploy.file('master_key')).mode & 0o777, 0o444)
  t.match(written[0], `paperclipai master-key retire ${formerId}`)
  for (const step of ['prepare', 'finish'])
    t.match(await deploy.refusal('master_key', step), /^1 .*Nothing was changed/, step)
  await keysAre(['active', formerId], ['waiting', newId])
  t.match(await deploy.refusal('master_key', 'finish'), /still wraps what is stored/)
  await keysAre(['active', formerId], ['active', newId])
  t.match(await deploy.refusal('master_key', 'finish'), /not retired yet.*retire mk_00000000000000aa/)
  t.match(await deploy.refusal('master_key', 'cancel'), /rotate --to mk_00000000000000aa/)
  t.same([deploy.read('master_key'), deploy.read('master_key_previous')], [made, old])
  await keysAre(['retired', formerId], ['active', newId])
  t.match(await deploy.refusal('master_key', 'cancel'), /not the only key that wraps/)
  written.push(await deploy.rotate('master_key', 'finish'))
  t.same([deploy.read('master_key'), deploy.read('master_key_previous')], [made, ''])
  t.equal(deploy.read(`former/${formerId}`), old, 'it is kept where no container sees it')
  t.equal(statSync(deploy.file('former')).mode & 0o777, 0o700)
  t.notOk(existsSync(deploy.file('master_key_rotation')))
  t.match(await deploy.refusal('master_key', 'finish'), /no former master_key/)
  for (const key of [old, made])
    t.notOk(written.join('').includes(key), 'no key is an argument, a variable or an output')
  await deploy.rotate('master_key', 'prepare')
  t.equal(deploy.read('master_key_previous'), made, 'and the next one may be prepared')
})

t.test('a copy that did not come out whole takes no place, and the keys stay as they are', async (t) => {
  const deploy = await newDeploy(t)
  const old = deploy.read('master_key')
  await keysAre(['active', formerId])
  const full = mkdtempSync(join(tmpdir(), 'paperclip-full-'))
  t.teardown(() => rmSync(full, { recursive: true, force: true }))
  // A disk that fills up while `cp` writes, with a `cp` that does not mind.
  writeFileSync(join(full, 'cp'), '#!/bin/sh\nhead -c 10 "$1" >"$2"\n', { mode: 0o755 })
  const failed = deploy.rotate('master_key', 'prepare', { PATH: `${full}:${process.env.PATH}` })
  await t.rejects(failed, { code: 1, stderr: /could not be written: is the disk full/ })
  t.equal(deploy.read('master_key'), old)
  t.equal(deploy.read('master_key_previous'), '')
  await deploy.rotate('master_key', 'prepare')
  t.equal(deploy.read('master_key_previous'), old, 'with room again the same command goes through')
})

t.test('whatever cuts it off, the same command goes on, and the key in use is always there', async (t) => {
  const deploy = await newDeploy(t)
  const old = deploy.read('master_key')
  await keysAre(['active', formerId])
  deploy.put('master_key_rotation', `${formerId}\n`)
  deploy.put('master_key_previous', old)
  t.match(await deploy.refusal('master_key', 'finish'), /prepare was cut off/)
  await deploy.rotate('master_key', 'prepare')
  t.equal(deploy.read('master_key_previous'), old)
  t.not(deploy.read('master_key'), old)
  await keysAre(['retired', formerId], ['active', newId])
  mkdirSync(deploy.file('former'))
  deploy.put(`former/${formerId}`, old)
  await deploy.rotate('master_key', 'finish')
  t.equal(statSync(deploy.file('former')).mode & 0o777, 0o700)
  t.equal(deploy.read('master_key_previous'), '')
  deploy.put('master_key_rotation', `${formerId}\n`)
  t.match(await deploy.refusal('master_key', 'finish'), /no former master_key/)
  t.notOk(existsSync(deploy.file('master_key_rotation')), 'what a finish left behind is gone')
  mkdirSync(deploy.file('.new'))
  t.match(await deploy.refusal('master_key', 'prepare'), /another run is at work/)
  rmSync(deploy.file('.new'), { recursive: true })

  const current = deploy.read('master_key')
  for (const name of ['master_key', 'agent_jwt_secret']) deploy.put(`${name}_previous`, deploy.read(name))
  t.match(await deploy.refusal('agent_jwt_secret', 'finish-now'), /prepare was cut off/)
  await deploy.rotate('master_key', 'cancel')
  t.same([deploy.read('master_key'), deploy.read('master_key_previous')], [current, ''])
  t.notOk(existsSync(deploy.file('master_key_rotation')))
})

t.test('what only the database can tell is not guessed', async (t) => {
  const deploy = await newDeploy(t)
  await keysAre(['active', formerId])
  const dead = { COMPOSE: 'false' }
  await t.rejects(deploy.rotate('master_key', 'prepare', dead), { code: 1, stderr: /does not answer/ })
  t.equal(deploy.read('master_key_previous'), '')
  await deploy.rotate('master_key', 'prepare')
  const keys = () => [deploy.read('master_key'), deploy.read('master_key_previous')]
  const prepared = keys()
  await keysAre(['active', newId])
  t.match(await deploy.refusal('master_key', 'finish'), /does not know mk_00000000000000aa/)
  await keysAre(['retired', formerId], ['active', newId])
  for (const step of ['finish', 'cancel'])
    await t.rejects(deploy.rotate('master_key', step, dead), { code: 1, stderr: /does not answer/ }, step)
  rmSync(deploy.file('master_key_rotation'))
  for (const step of ['finish', 'cancel'])
    t.match(await deploy.refusal('master_key', step), /master_key_rotation is missing/, step)
  t.same(keys(), prepared)
})

t.test('a rotation that was not wanted is taken back, and not while anything is wrapped anew', async (t) => {
  const deploy = await newDeploy(t)
  const old = deploy.read('master_key')
  await keysAre(['active', formerId])
  await deploy.rotate('master_key', 'prepare')
  const made = deploy.read('master_key')
  await keysAre(['active', formerId], ['waiting', newId])
  await deploy.rotate('master_key', 'cancel')
  t.same([deploy.read('master_key'), deploy.read('master_key_previous')], [old, ''])
  const [unused = ''] = readdirSync(deploy.file('former'))
  t.equal(deploy.read(`former/${unused}`), made)
  t.match(await deploy.refusal('master_key', 'cancel'), /no former master_key/)
  await deploy.rotate('master_key', 'prepare')
  t.equal(deploy.read('master_key_previous'), old, 'and another one may be prepared')
})

t.test(
  'nothing is prepared before the last rotation is through, or where the key is not known',
  async (t) => {
    const deploy = await newDeploy(t)
    const before = [deploy.list(), deploy.read('master_key')]
    await keysAre()
    t.match(await deploy.refusal('master_key', 'prepare'), /has not started with its master key yet/)
    await keysAre(['active', formerId], ['active', newId])
    t.match(await deploy.refusal('master_key', 'prepare'), /not retired yet: .* retire mk_00000000000000aa\./)
    await keysAre(['active', formerId])
    const usage = [[], ['master_key'], ['audit_key', 'prepare'], ['master_key', 'finish-now'], ['-h', '-h']]
    for (const args of usage) t.match(await deploy.refusal(...args), /^2 .*usage:/, args.join(' '))
    t.match(await deploy.refusal('master_key', 'prepare', '/nowhere'), /^1 .*compose-secrets\.sh first/)
    t.same([deploy.list(), deploy.read('master_key')], before)
    rmSync(deploy.file('master_key_previous'))
    t.match(await deploy.refusal('master_key', 'prepare'), /^1 .*run deploy\/compose-secrets\.sh/)
    chmodSync(deploy.file('master_key'), 0o600)
    writeFileSync(deploy.file('master_key'), '')
    t.match(await deploy.refusal('master_key', 'prepare'), /^1 .*missing or empty/)
  }
)

t.test('no name changes its content before all that was written is on the disk', async (t) => {
  const deploy = await newDeploy(t)
  const tools = deploy.file('../tools')
  const record = deploy.file('../order')
  mkdirSync(tools)
  for (const name of ['mv', 'sync'])
    writeFileSync(
      join(tools, name),
      `#!/bin/sh\nprintf '%s\\n' "${name} $*" >>'${record}'\nexec "$(PATH=\${PATH#*:} command -v ${name})" "$@"\n`,
      { mode: 0o755 }
    )
  await keysAre(['active', formerId])
  const path = { PATH: `${tools}:${process.env.PATH}` }
  await deploy.rotate('master_key', 'prepare', path)
  await keysAre(['retired', formerId], ['active', newId])
  await deploy.rotate('master_key', 'finish', path)
  const order = readFileSync(record, 'utf8').trim().split(/ *\n/)
  const renamed = order.flatMap((line, at) =>
    line.startsWith('mv ') ? [{ line, before: order[at - 1] }] : []
  )
  t.ok(renamed.length >= 5)
  t.equal(order.at(-1), 'sync')
  t.same(
    renamed.filter(({ before }) => before !== 'sync'),
    []
  )
})

t.test('the former secret of run tokens stays for the day that such a token lives', async (t) => {
  const deploy = await newDeploy(t)
  const name = 'agent_jwt_secret'
  const old = deploy.read(name)
  const written = await deploy.rotate(name, 'prepare')
  const made = deploy.read(name)
  t.match(made, /^[0-9a-f]{64}$/)
  t.equal(deploy.read(`${name}_previous`), old)
  t.match(await deploy.refusal(name, 'prepare'), /finish that first/)
  t.match(await deploy.refusal(name, 'finish'), /live up to 24 hours/)
  chmodSync(deploy.file(`${name}_previous`), 0o600)
  const putAside = (hoursAgo: number) => {
    const then = new Date(Date.now() - hoursAgo * 3_600_000)
    utimesSync(deploy.file(`${name}_previous`), then, then)
  }
  putAside(23)
  t.match(await deploy.refusal(name, 'finish'), /live up to 24 hours/)
  putAside(25)
  await deploy.rotate(name, 'finish')
  t.same([deploy.read(name), deploy.read(`${name}_previous`)], [made, ''])
  await deploy.rotate(name, 'prepare')
  await deploy.rotate(name, 'finish-now')
  t.equal(deploy.read(`${name}_previous`), '')
  t.match(await deploy.refusal(name, 'finish-now'), /no former agent_jwt_secret/)
  for (const secret of [old, made]) t.notOk(written.includes(secret))
})

t.test('both scripts work in the folder that compose takes the secrets from', async (t) => {
  const deploy = await newDeploy(t)
  const clone = deploy.file('../..')
  const asked = (more?: Record<string, string>) => deploy.secrets(['--folder'], more)
  t.equal(resolve((await asked()).trimEnd()), resolve(deploy.file('.')))
  t.equal(await asked({ PAPERCLIP_SECRETS_DIR: '/etc/paperclip' }), '/etc/paperclip\n')
  const lines: [line: string, folder: string][] = [
    ['PAPERCLIP_SECRETS_DIR=./kept # here', `${clone}/kept`],
    [`export PAPERCLIP_SECRETS_DIR="${clone}/two words"`, `${clone}/two words`],
    ['PAPERCLIP_SECRETS_DIR=old\nPAPERCLIP_SECRETS_DIR = kept', `${clone}/kept`],
    ['# PAPERCLIP_SECRETS_DIR=kept\nMY_PAPERCLIP_SECRETS_DIR=kept', deploy.file('.')]
  ]
  for (const [line, folder] of lines) {
    writeFileSync(join(clone, '.env'), `PAPERCLIP_PORT=3100\n${line}\n`)
    t.equal(resolve((await asked()).trimEnd()), resolve(folder), line)
    t.equal(await asked({ PAPERCLIP_SECRETS_DIR: '/etc/paperclip' }), '/etc/paperclip\n', 'as compose has it')
  }
  writeFileSync(join(clone, '.env'), 'PAPERCLIP_SECRETS_DIR=./kept\n')
  const kept = (name: string) => join(clone, 'kept', name)
  const before = deploy.read('agent_jwt_secret')
  t.match(await deploy.secrets([]), 'Made in')
  const made = readFileSync(kept('agent_jwt_secret'), 'utf8')
  await deploy.rotate('agent_jwt_secret', 'prepare')
  t.equal(readFileSync(kept('agent_jwt_secret_previous'), 'utf8'), made)
  t.same([deploy.read('agent_jwt_secret'), deploy.read('agent_jwt_secret_previous')], [before, ''])
})
