import { randomBytes } from 'node:crypto'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import t from 'tap'
import {
  createSignerKey,
  createVerifierKeyring,
  KeyFileError,
  type KeyReload,
  loadSignerKey,
  loadVerifierKeys
} from '../src/index.js'

const folder = mkdtempSync(join(tmpdir(), 'signing-keys-'))
t.teardown(() => rmSync(folder, { recursive: true }))

const newSecret = (bytes = 32) => randomBytes(bytes).toString('base64url')
const companyId = '0198a1b2-0000-7000-8000-000000000001'

let files = 0
/** Writes a file and returns its path; text goes in as it is. */
function fileOf(content: unknown, path = join(folder, `keys-${++files}.json`)): string {
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

/** Replaces a file as it must be done: by renaming a finished one over it. */
function replaceFile(content: unknown, path: string): void {
  renameSync(fileOf(content), path)
}

const entry = (changes: Record<string, unknown> = {}) => ({
  id: 'gateway-1',
  caller: 'gateway',
  secret: newSecret(),
  scopes: ['activity:write'],
  companies: null,
  notAfter: null,
  ...changes
})

t.test('a verifier file gives its keys with everything they may do', async (t) => {
  const limited = { id: 'runner-1', caller: 'runner', scopes: ['resolve'], companies: [companyId] }
  const path = fileOf({ keys: [entry(), entry({ ...limited, notAfter: '2030-01-31T00:00:00.500Z' })] })
  const [first, second, ...rest] = loadVerifierKeys(path)
  t.match(first, {
    id: 'gateway-1',
    caller: 'gateway',
    scopes: ['activity:write'],
    companies: null,
    notAfterMs: null
  })
  t.match(second, { ...limited, notAfterMs: Date.UTC(2030, 0, 31, 0, 0, 0, 500) })
  t.same(rest, [])
  t.same(loadVerifierKeys(fileOf({ keys: [] })), [], 'taking out the last key is allowed')
})

t.test('a caller file gives its key, which signs with the secret written there', async (t) => {
  const secret = newSecret()
  const key = loadSignerKey(fileOf({ id: 'gateway-1', secret }))
  t.equal(key.id, 'gateway-1')
  t.equal(key.hmacKey.export().toString('base64url'), secret)
})

t.test('a file that breaks a rule is refused by file, member and rule, without its content', async (t) => {
  const canary = `canary${randomBytes(8).toString('hex')}`
  const secret = newSecret()
  const verifier: [unknown, string][] = [
    [`{"keys": ${canary}`, 'the file is not JSON'],
    [[canary], 'the file must be an object'],
    ['null', 'the file must be an object'],
    [{}, 'the file must have the member keys'],
    [{ keys: [], [canary]: 1 }, 'the file may have no members but keys'],
    [{ keys: { a: canary } }, 'keys must be a list of at most 256'],
    [{ keys: Array.from({ length: 257 }, () => canary) }, 'keys must be a list of at most 256'],
    [{ keys: [canary] }, 'keys[0] must be an object'],
    [{ keys: [entry({ [canary]: 1 })] }, 'keys[0] may have no members but id, caller, secret'],
    [{ keys: [(({ notAfter, ...others }) => others)(entry())] }, 'keys[0] must have the member notAfter'],
    [{ keys: [entry({ id: `"${canary}` })] }, 'keys[0].id must match'],
    [{ keys: [entry({ id: 7 })] }, 'keys[0].id must match'],
    [{ keys: [entry({ caller: `${canary} x` })] }, 'keys[0].caller must match'],
    [{ keys: [entry({ secret: canary })] }, 'keys[0].secret must be base64url'],
    [{ keys: [entry({ secret: '' })] }, 'keys[0].secret must be base64url'],
    [{ keys: [entry({ secret: null })] }, 'keys[0].secret must be base64url'],
    [{ keys: [entry({ secret: newSecret(31) })] }, 'keys[0].secret must be base64url'],
    [{ keys: [entry({ secret: newSecret(65) })] }, 'keys[0].secret must be base64url'],
    [{ keys: [entry({ secret: `${newSecret()}=` })] }, 'keys[0].secret must be base64url'],
    [{ keys: [entry({ scopes: canary })] }, 'keys[0].scopes must be a list'],
    [{ keys: [entry({ scopes: ['resolve', `${canary}!`] })] }, 'keys[0].scopes[1] must match'],
    [{ keys: [entry({ scopes: ['resolve', 'resolve'] })] }, 'keys[0].scopes must not repeat'],
    [{ keys: [entry({ companies: [canary] })] }, 'keys[0].companies[0] must match'],
    [{ keys: [entry({ companies: undefined })] }, 'keys[0] must have the member companies'],
    [{ keys: [entry({ notAfter: canary })] }, 'keys[0].notAfter must be null or a UTC time'],
    [{ keys: [entry({ notAfter: 1 })] }, 'keys[0].notAfter must be null or a UTC time'],
    [{ keys: [entry({ notAfter: '2030-02-30T00:00:00Z' })] }, 'keys[0].notAfter must be null or a UTC time'],
    [{ keys: [entry({ notAfter: '2030-13-01T00:00:00Z' })] }, 'keys[0].notAfter must be null or a UTC time'],
    [
      { keys: [entry({ notAfter: '2030-01-01T00:00:00+01:00' })] },
      'keys[0].notAfter must be null or a UTC time'
    ],
    [{ keys: [entry(), entry()] }, 'keys[1].id repeats that of keys[0]'],
    [{ keys: [entry({ secret }), entry({ id: 'b', secret })] }, 'keys[1].secret repeats that of keys[0]'],
    [' '.repeat(256 * 1024 + 1), 'the file is over 262144 bytes']
  ]
  const signer: [unknown, string][] = [
    [{ id: 'a' }, 'the file must have the member secret'],
    [{ id: 'a', secret: canary }, 'secret must be base64url'],
    [{ id: `${canary} `, secret }, 'id must match'],
    [{ id: 'a', secret, scopes: [] }, 'the file may have no members but id, secret']
  ]
  const check = (load: (path: string) => unknown) => (content: [unknown, string]) => {
    const path = fileOf(content[0])
    try {
      load(path)
      t.fail(content[1])
    } catch (error) {
      t.ok(
        error instanceof KeyFileError &&
          error.path === path &&
          error.message.startsWith(`${path}: ${content[1]}`),
        content[1]
      )
      t.notOk(
        inspect(error).includes(canary) || inspect(error).includes(secret),
        'nothing of the file is repeated'
      )
    }
  }
  verifier.forEach(check(loadVerifierKeys))
  signer.forEach(check(loadSignerKey))
  t.throws(() => loadSignerKey(join(folder, 'absent.json')), {
    message: /absent\.json: the file cannot be read \(ENOENT\)/
  })
  t.throws(() => loadVerifierKeys(folder), { message: /cannot be read \(EISDIR\)/ })
})

/** A keyring on a file of its own, with a clock to turn and the reports it made. */
function keyringOf(content: unknown) {
  const clock = { nowMs: 1_000_000 }
  const reports: KeyReload[] = []
  const path = fileOf(content)
  const keyring = createVerifierKeyring(path, {
    nowMs: () => clock.nowMs,
    onReload: (report) => reports.push(report)
  })
  return { clock, reports, path, keyring }
}

t.test(
  'a new key works with the first request that names it, looked for at most once a second',
  async (t) => {
    const { clock, reports, path, keyring } = keyringOf({ keys: [entry()] })
    t.equal(keyring.find('gateway-1')?.caller, 'gateway')
    fileOf({ keys: [entry(), entry({ id: 'gateway-2' })] }, path)
    clock.nowMs += 999
    t.equal(keyring.find('gateway-2'), undefined, 'within the second of the last reading')
    clock.nowMs += 1
    t.equal(keyring.find('gateway-2')?.id, 'gateway-2')
    t.same(reports, [{ outcome: 'reloaded', path, keyIds: ['gateway-1', 'gateway-2'] }])
    clock.nowMs += 1000
    t.equal(keyring.find('nobody'), undefined)
    t.equal(reports.length, 1, 'strangers cause no report while the file stays as it is')
    fileOf({ keys: [entry({ id: 'gateway-3' })] }, path)
    clock.nowMs -= 3_600_000
    t.ok(keyring.find('gateway-3'), 'a clock set back does not stop it')
  }
)

t.test('a key that was taken out is refused from the next reading on', async (t) => {
  const { path, keyring, reports } = keyringOf({ keys: [entry(), entry({ id: 'gateway-2' })] })
  fileOf({ keys: [entry({ id: 'gateway-2' })] }, path)
  t.equal(keyring.reload(), true)
  t.equal(keyring.find('gateway-1'), undefined)
  t.ok(keyring.find('gateway-2'))
  t.equal(keyring.reload(), true)
  t.equal(reports.length, 2, 'a reading that was asked for is always reported')
})

t.test(
  'a change of the file is noticed within a second of use, at the cost of one look a second',
  async (t) => {
    const { clock, path, keyring, reports } = keyringOf({ keys: [entry(), entry({ id: 'gateway-2' })] })
    replaceFile({ keys: [entry({ id: 'gateway-2' })] }, path)
    clock.nowMs += 999
    t.ok(keyring.find('gateway-1'), 'not looked at yet')
    clock.nowMs += 1
    t.equal(keyring.find('gateway-1'), undefined, 'removed, though a known id was asked for')
    t.match(reports, [{ outcome: 'reloaded', keyIds: ['gateway-2'] }])
    replaceFile('{"keys": [', path)
    for (let second = 0; second < 3; second++) {
      clock.nowMs += 1000
      t.ok(keyring.find('gateway-2'), 'a broken file takes nothing away')
    }
    rmSync(path)
    for (let second = 0; second < 3; second++) {
      clock.nowMs += 1000
      t.ok(keyring.find('gateway-2'), 'nor does one that is gone')
    }
    replaceFile({ keys: [] }, path)
    clock.nowMs -= 3_600_000
    t.equal(keyring.find('gateway-2'), undefined, 'also after the clock was set back')
    t.same(
      reports.map(({ outcome }) => outcome),
      ['reloaded', 'kept', 'kept', 'reloaded'],
      'each change is reported once'
    )
  }
)

t.test('a broken or vanished file keeps the former keys and is reported once', async (t) => {
  const { clock, path, keyring, reports } = keyringOf({ keys: [entry()] })
  fileOf('{"keys": [', path)
  for (let attempt = 0; attempt < 3; attempt++) {
    clock.nowMs += 1000
    t.equal(keyring.find('nobody'), undefined)
  }
  t.match(reports, [{ outcome: 'kept', path, error: { message: `${path}: the file is not JSON` } }])
  t.equal(reports.length, 1)
  rmSync(path)
  t.equal(keyring.reload(), false)
  t.equal(keyring.find('gateway-1')?.caller, 'gateway')
  t.equal(reports.length, 2)
  t.throws(() => createVerifierKeyring(path, { nowMs: () => 0, onReload: () => {} }), {
    name: 'KeyFileError'
  })
})

t.test('a caller takes up its new key on reload, when due after a refusal, or within a second', async (t) => {
  const clock = { nowMs: 1_000_000 }
  const reports: KeyReload[] = []
  const path = fileOf({ id: 'gateway-1', secret: newSecret() })
  const signer = createSignerKey(path, {
    nowMs: () => clock.nowMs,
    onReload: (report) => reports.push(report)
  })
  t.equal(signer.current().id, 'gateway-1')
  fileOf({ id: 'gateway-2', secret: newSecret() }, path)
  signer.reloadIfDue()
  t.equal(signer.current().id, 'gateway-1', 'not within a second')
  t.equal(signer.reload(), true)
  t.equal(signer.current().id, 'gateway-2')
  fileOf({ id: 'gateway-3', secret: newSecret() }, path)
  clock.nowMs += 1000
  signer.reloadIfDue()
  t.equal(signer.current().id, 'gateway-3')
  replaceFile({ id: 'gateway-4', secret: newSecret() }, path)
  clock.nowMs += 1000
  t.equal(signer.current().id, 'gateway-4', 'and by itself within a second')
  fileOf({ id: 'gateway-5' }, path)
  t.equal(signer.reload(), false)
  t.equal(signer.current().id, 'gateway-4')
  t.same(
    reports.map(({ outcome }) => outcome),
    ['reloaded', 'reloaded', 'reloaded', 'kept']
  )
})
