import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { copyLog } from '../src/base-backup.js'
import {
  copyRunningData,
  type RunningPostgres,
  resolveServerUser,
  restoreData,
  startPostgres
} from '../src/index.js'

const suiteMsMax = 120_000
t.setTimeout(suiteMsMax)

const folder = mkdtempSync(join(tmpdir(), 'paperclip-base-backup-'))
// The server's user walks through it.
chmodSync(folder, 0o755)
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const password = randomBytes(16).toString('base64url')
const user = await resolveServerUser()

const start = (dataDir: string) =>
  startPostgres({ dataDir, superuser: 'postgres', password, log: join(folder, 'server.log') })

async function open(server: RunningPostgres): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.adminUrl('postgres') })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

t.test(
  'a copy taken while others write has all that was committed before, and recovers by itself',
  async (t) => {
    const server = await start(join(folder, 'original'))
    t.teardown(async () => await server.stop())
    const [client, writer] = [await open(server), await open(server)]
    await client.query('create table kept (n bigint primary key, filler text)')
    await client.query("insert into kept select n, repeat('x', 500) from generate_series(1, 20000) n")
    let [last, stopped] = [20_000, false]
    const writing = (async () => {
      while (!stopped) {
        await writer.query("insert into kept values ($1, 'late')", [last + 1])
        last += 1
        if (last % 100 === 0)
          await writer.query(`create table passing_${last} (n int); drop table passing_${last}`)
      }
    })()
    const before = last
    const target = join(folder, 'copy')
    await copyRunningData({ dataDir: server.dataDir, adminUrl: server.adminUrl('postgres'), target })
    stopped = true
    await writing
    t.ok(last > before, 'it was written to meanwhile')
    t.equal(statSync(target).mode & 0o777, 0o700)
    t.notOk(existsSync(join(target, 'postmaster.pid')))
    t.same(
      (await client.query('select slot_name from pg_replication_slots')).rows,
      [],
      'nothing is held back any more'
    )
    await Promise.all([client.end(), writer.end()])

    // As it may come out of an archive.
    chmodSync(target, 0o755)
    const dataDir = join(folder, 'restored')
    await restoreData({ source: target, dataDir, user })
    const restored = await start(dataDir)
    t.teardown(async () => await restored.stop())
    t.equal(restored.created, false)
    const reader = await open(restored)
    const { rows } = await reader.query('select count(*)::int as count, max(n)::int as last from kept')
    t.ok(rows[0].last >= before && rows[0].last <= last)
    t.equal(rows[0].count, rows[0].last, 'without a gap')
    await reader.query("insert into kept values (0, 'goes on')")
    await reader.end()
  }
)

t.test(
  'a copy that loses its place while it is made is refused, and one that is not whole restores nothing',
  async (t) => {
    const server = await start(join(folder, 'disturbed'))
    t.teardown(async () => await server.stop())
    const target = join(folder, 'swept')
    // As another command that makes room for a backup of the same name.
    let isSwept = false
    const sweep = (): void => {
      isSwept = existsSync(join(target, 'base/1'))
      if (isSwept) rmSync(join(target, 'base/1'), { recursive: true })
      else setImmediate(sweep)
    }
    sweep()
    await t.rejects(
      copyRunningData({ dataDir: server.dataDir, adminUrl: server.adminUrl('postgres'), target }),
      { code: 'ENOENT' }
    )
    t.ok(isSwept)
    const half = { source: target, dataDir: join(folder, 'from-half'), user }
    await t.rejects(restoreData(half), { name: 'PostgresError', message: /not a whole backup/ })
    t.notOk(existsSync(half.dataDir))
  }
)

t.test('a log of which a part is gone is no log, wherever the part was', async (t) => {
  const segments = ['0000000100000000000000FE', '0000000100000000000000FF', '000000010000000100000000']
  const [first = '', middle = '', last = ''] = segments
  const copied = async (present: readonly string[]) => {
    const from = mkdtempSync(join(folder, 'log-'))
    const to = mkdtempSync(join(folder, 'copy-'))
    // As long as a real one, without taking up any room.
    for (const name of [...present, '0000000100000000000000FD', '00000001.history']) {
      writeFileSync(join(from, name), '')
      truncateSync(join(from, name), 16 * 1024 ** 2)
    }
    const outcome = await copyLog({ from, to, first, last }).then(
      () => 'copied',
      (error: Error) => `${error.name}: ${error.message}`
    )
    return [outcome.slice(0, 40), ...readdirSync(to)]
  }
  t.same(await copied(segments), ['copied', ...segments])
  for (const gone of [first, middle, last])
    t.same(await copied(segments.filter((name) => name !== gone)), [
      'PostgresError: PostgreSQL removed a part of its log'.slice(0, 40)
    ])
})

t.test('a restore never touches data that is there, and takes nothing that is no backup', async (t) => {
  const source = join(folder, 'copy')
  const dataDir = join(folder, 'taken')
  mkdirSync(dataDir)
  await t.rejects(restoreData({ source, dataDir, user }), { name: 'PostgresError', message: /already/ })
  t.same(readdirSync(dataDir), [])
  const nothing = join(folder, 'nothing')
  await t.rejects(restoreData({ source: nothing, dataDir: join(folder, 'new'), user }), {
    name: 'PostgresError',
    message: /holds no database/
  })
  t.notOk(existsSync(join(folder, 'new')))
})

t.test('data with tablespaces is refused, since they lie elsewhere', async (t) => {
  const server = await start(join(folder, 'spaces'))
  t.teardown(async () => await server.stop())
  const place = join(folder, 'elsewhere')
  mkdirSync(place)
  if (user.switched) spawnSync('chown', [String(user.uid), place])
  const client = await open(server)
  await client.query(`create tablespace far location '${place}'`)
  await client.end()
  const target = join(folder, 'refused')
  await t.rejects(
    copyRunningData({ dataDir: server.dataDir, adminUrl: server.adminUrl('postgres'), target }),
    {
      message: /tablespaces/
    }
  )
  t.notOk(existsSync(target))
})
