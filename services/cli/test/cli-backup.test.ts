import { type Dirent, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { type CommandResult, newOperator, type Operator } from './support/e2e-cli.js'

t.setTimeout(280_000)

const original = await newOperator(t)
const backups = t.testdir()
const first = 'value-at-the-time-of-the-backup'
const second = 'value-of-later'

async function ok(work: Promise<CommandResult>): Promise<string> {
  const { code, stdout, stderr } = await work
  if (code !== 0) throw new Error(`exit ${code}: ${stderr}`)
  return stdout
}

const valueIn = (operator: Operator, env: Record<string, string> = {}) =>
  operator.run(['agent', 'run', 'writer', '--', 'sh', '-c', 'printf %s "$API_KEY"'], { env })
const pathOf = (entry: Dirent) => join(entry.parentPath, entry.name)
const files = (folder: string) => readdirSync(folder, { recursive: true, withFileTypes: true })

const running = await original.launch()
await ok(original.run(['company', 'create', 'Acme']))
await ok(original.run(['agent', 'create', 'writer']))
await ok(original.run(['secrets', 'create', 'API Key'], { input: first }))
await ok(
  original.run(['env', 'set', 'writer', 'API_KEY=secret:api-key', '--plain-env', 'DB_PASSWORD=SEALED'], {
    env: { SEALED: 'inline-and-sealed' }
  })
)
const made = JSON.parse(await ok(original.run(['agent', 'create-key', 'writer', 'ci', '--json'])))
const early = join(backups, 'early')
await ok(original.run(['backup', 'create', early]))

t.test(
  'a backup of a running instance is for its owner alone, in two parts that are worth nothing alone',
  async (t) => {
    t.same(readdirSync(early).sort(), ['database', 'keys'])
    const isOpen = (path: string) => (statSync(path).mode & 0o077) !== 0
    t.same(files(early).map(pathOf).filter(isOpen), [])
    const key = readFileSync(original.paths.masterKey)
    t.ok(readFileSync(join(early, 'keys/secrets/master.key')).equals(key))
    const data = files(join(early, 'database')).filter((entry) => entry.isFile())
    for (const needle of [key.toString().trim(), first])
      t.same(
        data.map(pathOf).filter((path) => readFileSync(path).includes(needle)),
        []
      )
    t.match(await original.run(['backup', 'create', early]), { code: 2, stderr: /exists already/ })
    t.notOk(existsSync(`${early}.partial`))
  }
)

t.test('what is there is never replaced, and half a backup restores nothing', async (t) => {
  t.match(await original.run(['backup', 'restore', early]), { code: 1, stderr: /already running/ })
  const fresh = await newOperator(t)
  const half = join(backups, 'half')
  await cp(join(early, 'database'), join(half, 'database'), { recursive: true })
  t.match(await fresh.run(['backup', 'restore', half]), { code: 1, stderr: /holds no keys.*\n.*both parts/ })
  rmSync(join(half, 'database'), { recursive: true })
  await cp(join(early, 'keys'), join(half, 'keys'), { recursive: true })
  t.match(await fresh.run(['backup', 'restore', half]), { code: 1, stderr: /there is no .*database/ })
  t.match(await fresh.run(['backup', 'create', join(backups, 'none')]), {
    code: 1,
    stderr: /there is no instance/
  })
  mkdirSync(fresh.paths.instanceDir, { recursive: true })
  await writeFile(fresh.paths.env, 'BETTER_AUTH_SECRET=kept')
  t.match(await fresh.run(['backup', 'restore', early]), {
    code: 1,
    stderr: /there is an instance .* already/
  })
})

t.test('a restored instance is as it was: former values, keys that were revoked since', async (t) => {
  await ok(original.run(['secrets', 'rotate', 'api-key'], { input: second }))
  await ok(original.run(['agent', 'revoke-key', 'writer', made.id]))

  const restored = await newOperator(t)
  await ok(restored.run(['backup', 'restore', early]))
  const launched = await restored.launch()
  const { dataDir } = (await launched.runtime()).database
  const room = dataDir?.startsWith(restored.paths.instanceDir) ? /\d+ MiB free/ : `MiB for ${dataDir} free`
  t.match((await restored.run(['doctor'])).stdout, room, 'doctor looks at the disk of the database')
  t.match(await ok(restored.run(['master-key', 'check'])), /open: 1 of secrets, 1 of environments$/m)
  t.equal(await ok(valueIn(restored)), first)
  t.equal(await ok(valueIn(restored, { PAPERCLIP_API_KEY: made.token })), first, 'it is valid again')
  launched.process.child.kill('SIGINT')
  await launched.process.ended
})

t.test(
  'a stopped instance is started for its backup, and a former key beside the present one opens an old one',
  async (t) => {
    running.process.child.kill('SIGINT')
    await running.process.ended
    const late = join(backups, 'late')
    await ok(original.run(['backup', 'create', late]))

    // As after a rotation: another key, and the one of then kept elsewhere.
    const kept = readFileSync(join(late, 'keys/secrets/master.key'), 'utf8')
    await writeFile(join(late, 'keys/secrets/master.key'), Buffer.alloc(32, 5).fill(6, 9).toString('base64'))
    const restored = await newOperator(t)
    await ok(restored.run(['backup', 'restore', late]))
    const check = await restored.run(['master-key', 'check', '--json'])
    t.match(check, {
      code: 1,
      stdout: '',
      stderr: /need master key mk_[0-9a-f]{16}, which is not configured/
    })
    const both = { PAPERCLIP_SECRETS_MASTER_KEY_PREVIOUS: kept }
    const json = await ok(restored.run(['master-key', 'check', '--json'], { env: both }))
    const none = { shredded: 0, remote: 0, failed: 0, faults: [] }
    t.same(JSON.parse(json), { versions: 2, environments: 1, ...none })
  }
)

t.test(
  'without its master key a restored instance does not start, and says which one it needs',
  async (t) => {
    const keyless = join(backups, 'keyless')
    await cp(early, keyless, { recursive: true })
    rmSync(join(keyless, 'keys/secrets/master.key'))
    const restored = await newOperator(t)
    t.match(await restored.run(['backup', 'restore', keyless]), {
      code: 0,
      stderr: /there is no master key in this backup: bring the one of then/
    })
    const start = await restored.run(['run'])
    t.match(start, {
      code: 1,
      stderr: /need the master key mk_[0-9a-f]{16}, but .* does not exist: restore that file/
    })
    t.match(await restored.run(['doctor']), {
      code: 1,
      stdout: /stored secrets need the key mk_[0-9a-f]{16}/
    })
    t.notOk(existsSync(restored.paths.masterKey), 'none was made')
  }
)
