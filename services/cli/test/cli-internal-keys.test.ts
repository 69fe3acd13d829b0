import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSignerKey } from '@paperclip/client'
import { type InternalKey, instancePaths, onboardInstance } from '@paperclip/instance'
import t from 'tap'
import { runBin, runCli } from './fixtures/run-cli.js'

const companyId = '0198a1b2-0000-7000-8000-000000000001'
const mode = (path: string): number => statSync(path).mode & 0o777

/** A home with the keys of a fresh instance. */
async function newHome(test: { teardown(clean: () => void): void }) {
  const home = mkdtempSync(join(tmpdir(), 'paperclip-keys-'))
  test.teardown(() => rmSync(home, { recursive: true, force: true }))
  const paths = instancePaths({ home, instanceId: 'default' })
  await onboardInstance(paths, { mayCreateMasterKey: false })
  const env = { PAPERCLIP_HOME: home }
  return {
    paths,
    env,
    file: (name: string) => join(paths.secretsDir, name),
    keys: (path = paths.internalKeys) =>
      (JSON.parse(readFileSync(path, 'utf8')) as { keys: InternalKey[] }).keys,
    run: (...args: string[]) => runCli(['internal-key', ...args], { env })
  }
}

// Each command waits a second until services have looked; each test has a home of its own, so they wait together.
t.jobs = 8
const sideBySide = { buffered: true }

const signerId = (path: string) => createSignerKey(path, { nowMs: Date.now, onReload: () => {} }).current().id

t.test('misuse is exit 2 and changes nothing', sideBySide, async (t) => {
  const { run, paths } = await newHome(t)
  const before = readFileSync(paths.internalKeys, 'utf8')
  const misuses: [args: string[], message: RegExp][] = [
    [['create'], /missing required argument 'caller'/],
    [['create', 'runner'], /no --scope was given/],
    [['create', 'Run ner', '--scope', 'resolve'], /lower-case letters/],
    [['create', 'gateway', '--scope', 'resolve'], /has its key already\n.*rotate gateway/],
    [['create', 'runner', '--scope', 'activity:write'], /the gateway's alone: whoever has it/],
    [['create', 'runner', '--scope', 'all'], /resolve or audit:read/],
    [['create', 'runner', '--scope', 'resolve', '--company', 'acme'], /id of a company/],
    [['create', 'runner', '--scope', 'resolve', '--expires', 'soon'], /UTC time like/],
    [['create', 'runner', '--scope', 'resolve', '--expires', '2030-02-30'], /UTC time like/],
    [['create', 'runner', '--scope', 'resolve', '--expires', '2020-01-31T00:00:00Z'], /in the future/],
    [['rotate', 'gateway', '--grace', '9s'], /from 10s to 30d/],
    [['rotate', 'gateway', '--grace', '31d'], /from 10s to 30d/],
    [['rotate', 'gateway', '--grace', '1'], /from 10s to 30d/]
  ]
  for (const [args, message] of misuses) {
    const { code, stdout, stderr } = await run(...args)
    t.equal(code, 2, args.join(' '))
    t.equal(stdout, '')
    t.match(stderr, message)
  }
  t.equal(readFileSync(paths.internalKeys, 'utf8'), before)
  t.equal(readdirSync(paths.secretsDir).length, 3)
})

t.test(
  'a new key goes into a file for its owner alone, and its secret is shown nowhere',
  sideBySide,
  async (t) => {
    const { run, keys, file } = await newHome(t)
    const flags = [
      '--scope',
      'resolve',
      '--scope',
      'audit:read',
      '--company',
      companyId,
      '--expires',
      '2090-01-31'
    ]
    const made = await run('create', 'runner', ...flags, '--json')
    t.equal(made.code, 0, made.stderr)
    const out = file('runner-key.json')
    const entry = keys()[1]
    t.match(entry, {
      caller: 'runner',
      scopes: ['resolve', 'audit:read'],
      companies: [companyId],
      notAfter: '2090-01-31T00:00:00Z'
    })
    const { secret = '', ...shown } = entry ?? {}
    t.match(JSON.parse(made.stdout), { ...shown, file: out })
    t.same(JSON.parse(readFileSync(out, 'utf8')), { id: entry?.id, secret })
    t.equal(mode(out), 0o600)
    const outputs = [made, await run('list'), await run('list', '--json'), await run('rotate', 'runner')]
    const rotated = keys().at(-1)
    t.match(rotated, { ...shown, id: /^runner-[0-9a-f]{12}$/ }, 'a rotation keeps what the key may do')
    t.equal(signerId(out), rotated?.id)
    outputs.push(await run('revoke', 'runner', '--json'), await run('list'))
    const text = outputs.map(({ stdout, stderr }) => stdout + stderr).join('')
    for (const each of [secret, rotated?.secret ?? '', keys()[0]?.secret ?? '']) t.notOk(text.includes(each))
    t.same(
      keys().map(({ caller }) => caller),
      ['gateway']
    )
  }
)

t.test(
  'ten commands at once lose no key, and of two for one caller one is refused',
  sideBySide,
  async (t) => {
    const { env, keys, paths } = await newHome(t)
    const callers = Array.from({ length: 10 }, (_, index) => `caller-${index % 9}`)
    const runs = await Promise.all(
      callers.map((caller, index) =>
        runBin(
          t,
          [
            'internal-key',
            'create',
            caller,
            '--scope',
            'resolve',
            '--out',
            join(paths.home, `${index}.json`)
          ],
          { env }
        )
      )
    )
    t.same(runs.map(({ code }) => code).sort(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 1])
    t.match(runs.find(({ code }) => code === 1)?.stderr, /caller-0 has a key already/)
    t.same(
      keys()
        .map(({ caller }) => caller)
        .sort(),
      [...new Set(callers), 'gateway'].sort()
    )
    const ids = new Set(keys().map(({ id }) => id))
    const written = readdirSync(paths.home).filter((name) => name.endsWith('.json'))
    t.equal(written.length, 9, 'the refused one left no file')
    for (const name of written) t.ok(ids.has(signerId(join(paths.home, name))))
    t.notOk(readdirSync(paths.secretsDir).some((name) => /lock|tmp/.test(name)))
  }
)

t.test(
  'two rotations of one caller at once leave its file with a key that does not end',
  sideBySide,
  async (t) => {
    const { run, keys, file } = await newHome(t)
    await run('create', 'runner', '--scope', 'resolve')
    const both = await Promise.all([run('rotate', 'runner'), run('rotate', 'runner')])
    t.ok(both.some(({ code }) => code === 0))
    const held = keys().find(({ id }) => id === signerId(file('runner-key.json')))
    t.equal(held?.notAfter, null)
    t.equal(keys().filter(({ caller, notAfter }) => caller === 'runner' && notAfter === null).length, 1)
  }
)

t.test('a list outside of an instance keeps its mode, also behind a link', sideBySide, async (t) => {
  const { paths, keys } = await newHome(t)
  const folder = join(paths.home, 'deploy')
  mkdirSync(folder)
  const list = join(folder, 'internal-keys.json')
  const own = join(folder, 'gateway-key.json')
  for (const [from, to] of [
    [paths.internalKeys, list],
    [paths.gatewayKey, own]
  ] as const) {
    writeFileSync(to, readFileSync(from))
    chmodSync(to, 0o444)
  }
  const before = signerId(own)
  const link = join(paths.home, 'link.json')
  symlinkSync(list, link)
  const made = await runCli([
    'internal-key',
    'create',
    'runner',
    '--scope',
    'resolve',
    '--keys-file',
    link,
    '--out',
    join(folder, 'r.json')
  ])
  t.equal(made.code, 0, made.stderr)
  const env = { PAPERCLIP_INTERNAL_KEYS_FILE: list }
  const rotated = await runCli(['internal-key', 'rotate', 'gateway', '--grace', '1h'], { env })
  t.equal(rotated.code, 0, rotated.stderr)
  t.match(rotated.stderr, /restart containers that have copies, the secrets service first/)
  t.equal(mode(list), 0o444)
  t.equal(mode(own), 0o444)
  t.match(keys(list), [
    { id: before, notAfter: /Z$/ },
    { caller: 'runner' },
    { id: signerId(own), notAfter: null }
  ])
  const inTime = Date.parse(keys(list)[0]?.notAfter ?? '') - Date.now()
  t.ok(inTime > 3_500_000 && inTime <= 3_600_000, 'the former key ends after the grace')
  t.equal(keys().length, 1, 'the instance was not touched')
  const revoked = await runCli(['internal-key', 'revoke', 'gateway', '--key', before], { env })
  t.match(revoked.stderr, /docker compose restart secrets/)
})

t.test(
  'what would break something is refused with a sentence, and nothing is changed',
  sideBySide,
  async (t) => {
    const { run, keys, paths, file } = await newHome(t)
    await run('create', 'runner', '--scope', 'resolve', '--out', file('r.json'))
    const before = readFileSync(paths.internalKeys, 'utf8')
    const refusals: [args: string[], message: RegExp][] = [
      [['revoke', 'gateway'], /would stand still without it: .*rotate gateway/],
      [['revoke', 'gateway', '--key', keys()[0]?.id ?? ''], /would stand still/],
      [['revoke', 'runner', '--key', keys()[0]?.id ?? ''], /runner has no such key/],
      [['revoke', 'nobody'], /nobody has no such key/],
      [['rotate', 'nobody'], /nobody has no key: make one/],
      [['rotate', 'runner', '--out', paths.gatewayKey], /holds a key that is not one of runner/],
      [['rotate', 'runner', '--out', paths.config], /is not a caller's key file/],
      [['create', 'other', '--scope', 'resolve', '--out', paths.gatewayKey], /exists: name another file/],
      [
        ['create', 'other', '--scope', 'resolve', '--out', '/nonexistent/x.json'],
        /cannot be written \(ENOENT\)/
      ],
      [['list', '--keys-file', '/nonexistent/x.json'], /does not exist: run `paperclipai onboard`/],
      [['list', '--keys-file', paths.config], /is not a list of keys/]
    ]
    for (const [args, message] of refusals) {
      const { code, stderr } = await run(...args)
      t.equal(code, 1, args.join(' '))
      t.match(stderr, message)
    }
    t.equal(readFileSync(paths.internalKeys, 'utf8'), before)
    t.equal(signerId(file('r.json')), keys()[1]?.id)
  }
)

t.test('a key past its end is shown as such, and gone with the next change', sideBySide, async (t) => {
  const { run, keys, paths } = await newHome(t)
  const [gateway] = keys()
  const old = {
    ...gateway,
    id: 'old-1',
    caller: 'old',
    secret: 'x'.repeat(43),
    notAfter: '2020-01-31T00:00:00Z'
  }
  writeFileSync(paths.internalKeys, JSON.stringify({ keys: [gateway, old] }))
  t.match((await run('list')).stdout, /old-1 .*2020-01-31T00:00:00Z {2}ended/)
  await run('create', 'runner', '--scope', 'resolve')
  t.same(
    keys().map(({ caller }) => caller),
    ['gateway', 'runner']
  )
})
