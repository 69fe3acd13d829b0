import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { MasterKeyView } from '@paperclip/contracts'
import { createMasterKey, createNextMasterKey, findMasterKeyFiles, instancePaths } from '@paperclip/instance'
import t from 'tap'
import { describeInstance } from '../src/launcher/describe-instance.js'
import { ensureMasterKey } from '../src/launcher/ensure-master-key.js'
import { type FakeHandler, fakeGateway } from './fixtures/fake-gateway.js'
import { runCli } from './fixtures/run-cli.js'
import { sampleId } from './fixtures/sample-rows.js'

const time = '2026-01-31T12:00:00.000Z'
const [newId, formerId] = ['mk_00000000000000aa', 'mk_00000000000000bb']
const key = (id: string, state: MasterKeyView['state']): MasterKeyView => ({
  id,
  state,
  createdAt: time,
  activatedAt: state === 'waiting' ? null : time,
  retiredAt: state === 'retired' ? time : null,
  companyKeys: 3,
  heldBy: 1,
  safeToRemove: false
})
const statusOf =
  (keys: MasterKeyView[], held: Record<string, string> = { 'master.key': formerId }): FakeHandler =>
  () => ({
    body: {
      keys,
      processes: [
        {
          ...{ id: sampleId(1), host: 'vault-1', pid: 7, startedAt: time, leaseUntil: time },
          keys: Object.entries(held).map(([source, id]) => ({ id, source }))
        }
      ]
    }
  })
const rotation = { activeKeyId: newId, activated: true, rewrapped: 20, failed: 0, remaining: 0 }

t.test('status names keys by id and says who holds them', async (t) => {
  const { origin } = await fakeGateway(t, {
    getMasterKeys: statusOf([key(newId, 'waiting'), key(formerId, 'active')])
  })
  t.match(await runCli(['master-key', 'status'], { origin }), {
    code: 0,
    stdout: /ID +STATE[\s\S]*mk_00000000000000aa +waiting +3 +1 +- +no\nmk_00000000000000bb +active/,
    stderr: /vault-1 process 7 holds mk_00000000000000bb \(master\.key\)/
  })
})

t.test('a rotation goes on until nothing is left, by the key that it began with', async (t) => {
  const gateway = await fakeGateway(t, {
    rotateMasterKey: (_, count) => ({
      body: {
        ...rotation,
        activated: count === 1,
        remaining: count === 1 ? 5 : 0,
        rewrapped: count === 1 ? 20 : 5
      }
    })
  })
  const { code, stdout } = await runCli(['master-key', 'rotate', '--json'], { origin: gateway.origin })
  t.equal(code, 0)
  t.same(JSON.parse(stdout), { ...rotation, rewrapped: 25 })
  t.same(
    gateway.calls.map(({ body }) => body),
    [{}, { masterKeyId: newId }]
  )
  const stuck = await fakeGateway(t, {
    rotateMasterKey: () => ({ body: { ...rotation, rewrapped: 0, remaining: 5 } })
  })
  t.match(await runCli(['master-key', 'rotate'], { origin: stuck.origin }), {
    code: 1,
    stderr: /does not go on/
  })
  const damaged = await fakeGateway(t, {
    rotateMasterKey: () => ({ body: { ...rotation, failed: 1, remaining: 1 } })
  })
  t.match(await runCli(['master-key', 'rotate', '--to', newId], { origin: damaged.origin }), {
    code: 1,
    stderr: /1 company keys do not verify/
  })
  const detail = 'restart vault-1 (process 7) with it'
  const refused = await fakeGateway(t, { rotateMasterKey: () => ({ problem: 'state_conflict', detail }) })
  t.match(await runCli(['master-key', 'rotate'], { origin: refused.origin }), { code: 1, stderr: detail })
  t.same([...gateway.violations, ...stuck.violations, ...damaged.violations], [])
})

t.test('a former key is retired by its id', async (t) => {
  const nowhere = { origin: 'http://127.0.0.1:9' }
  for (const slip of ['', 'mk_x'])
    for (const args of [
      ['retire', slip, '--yes'],
      ['rotate', '--to', slip]
    ])
      t.match(await runCli(['master-key', ...args], nowhere), {
        code: 2,
        stderr: /no id of a master key[\s\S]*master-key status/
      })
  t.match(await runCli(['master-key', 'rotate', '--prepare', '--to', newId], nowhere), {
    code: 2,
    stderr: /--prepare and --to are both given/
  })
  const { origin } = await fakeGateway(t, { retireMasterKey: () => ({ body: key(formerId, 'retired') }) })
  t.match(await runCli(['master-key', 'retire', formerId, '--yes'], { origin }), {
    code: 0,
    stdout: /state +retired/,
    stderr: /backups that need it/
  })
})

t.test('a new key file is made beside the old one, once, for its owner alone, and never shown', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'paperclip-master-'))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  const paths = instancePaths({ home, instanceId: 'default' })
  const env = { PAPERCLIP_HOME: home }
  const gateway = await fakeGateway(t, { getMasterKeys: statusOf([key(formerId, 'active')]) })
  const prepare = (origin = gateway.origin, more = {}) =>
    runCli(['master-key', 'rotate', '--prepare'], { origin, env: { ...env, ...more } })
  t.match(await prepare(), { code: 1, stderr: /no master key in/ })
  await createMasterKey(paths)
  const former = readFileSync(paths.masterKey, 'utf8')
  t.match(await prepare(undefined, { PAPERCLIP_SECRETS_MASTER_KEY: former }), { code: 2 })
  const made = await prepare()
  t.match(made, { code: 0, stdout: /master-2\.key/, stderr: /restart the instance/ })
  const path = join(paths.secretsDir, 'master-2.key')
  t.equal(statSync(path).mode & 0o777, 0o600)
  const text = readFileSync(path, 'utf8').trim()
  t.equal(Buffer.from(text, 'base64').length, 32)
  t.not(text, former.trim())
  t.notOk((made.stdout + made.stderr).includes(text))
  t.equal(readFileSync(paths.masterKey, 'utf8'), former)
  t.match(await prepare(), { code: 1, stderr: /master-2\.key is not loaded yet/ }, 'not a third one')
  const idle = { rotateMasterKey: () => ({ body: { ...rotation, activated: false, rewrapped: 0 } }) }
  const early = await fakeGateway(t, { ...idle, getMasterKeys: statusOf([key(formerId, 'active')]) })
  t.match(
    await runCli(['master-key', 'rotate'], { origin: early.origin, env }),
    { code: 1, stderr: /master-2\.key is not loaded yet[\s\S]*restart/ },
    'a rotation before the restart is not taken for one'
  )
  const loaded = { 'master-2.key': newId, 'master.key': formerId }
  const underWay = await fakeGateway(t, {
    getMasterKeys: statusOf([key(newId, 'active'), key(formerId, 'former')], loaded)
  })
  t.match(await prepare(underWay.origin), { code: 1, stderr: /under way: mk_00000000000000bb is former/ })
  const waits = await fakeGateway(t, {
    getMasterKeys: statusOf([key(newId, 'waiting'), key(formerId, 'active')], loaded)
  })
  t.match(await prepare(waits.origin), { code: 1, stderr: /under way: mk_00000000000000aa is waiting/ })
  const back = [key(formerId, 'active'), key(newId, 'retired')]
  const takenBack = await fakeGateway(t, { ...idle, getMasterKeys: statusOf(back, loaded) })
  const restarted = await fakeGateway(t, { ...idle, getMasterKeys: statusOf(back) })
  for (const act of [['rotate', '--prepare'], ['rotate']]) {
    const told = (origin: string) => runCli(['master-key', ...act], { origin, env })
    t.match(
      await told(takenBack.origin),
      { code: 1, stderr: /the key in .*master-2\.key is retired\n.*hint: move that file .*restart/ },
      'a third file would push the one out that wraps: a start reads two'
    )
    t.match(await told(restarted.origin), {
      code: 1,
      stderr: /if it was restarted, that key is retired: move/
    })
  }
  t.equal(readdirSync(paths.secretsDir).length, 2)
  rmSync(paths.masterKey)
  t.equal(
    await ensureMasterKey(paths, async () => ({ keyIds: [formerId], liveKeyIds: [], isMigrated: true })),
    'existing',
    'the old file may go'
  )
  t.notOk(existsSync(paths.masterKey))
  const [first, second] = await Promise.all([createNextMasterKey(paths), createNextMasterKey(paths)])
  t.equal([first, second].filter((one) => one !== null).length >= 1, true)
  t.match(
    findMasterKeyFiles(paths)
      .map((file) => basename(file))
      .slice(-2),
    ['master-3.key', 'master-2.key']
  )
})

t.test('the line of a start names the key file to back up, and none that is not there', async (t) => {
  const paths = instancePaths({ home: join(tmpdir(), 'paperclip-nowhere'), instanceId: 'default' })
  const place = { url: 'http://127.0.0.1:1', paths, data: 'a database' }
  t.match(describeInstance(place, {}), `without ${paths.masterKey} no stored secret`)
  const brought = describeInstance(place, { PAPERCLIP_SECRETS_MASTER_KEY_FILE: '/run/secrets/key' })
  t.match(brought, /without the master key that you gave it/)
  t.notOk(brought.includes(paths.masterKey))
})
