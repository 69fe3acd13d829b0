import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { settledEnvironment } from '../src/configure/settled-environment.js'
import { runCli } from './fixtures/run-cli.js'

const strong = ['kG7n3sQx9Lw2Vb5Tz8Rm4Yc6Hf1Jd0Pa', 'zQ1w2E3r4T5y6U7i8O9p0AsDfGhJkLmN'] as const
const url = 'postgres://me:canary-4%21@db.example:5432/paperclip?sslmode=require&x=1'

t.test(
  'settings are kept in one step with a copy of what was there, and hold from the next start',
  async (t) => {
    const { configure, folder, home } = instance(t)
    t.match(
      await configure(
        'server',
        '--set',
        'mode=authenticated',
        'port=4100',
        'publicUrl=https://s.example',
        '--yes'
      ),
      {
        code: 0,
        stdout: '',
        stderr: /changed PAPERCLIP_DEPLOYMENT_MODE[\s\S]*hint: .*doctor/
      }
    )
    const config = join(folder, 'config.json')
    const former = await readFile(config, 'utf8')
    const reader = await open(config)
    t.match(await configure('secrets', '--set', 'strictMode=true', '--yes'), { code: 0 })
    t.equal(await reader.readFile('utf8').finally(() => reader.close()), former, 'who reads, reads on')
    const secretsOf = { URL_HERE: url, KEY_HERE: strong[0] }
    t.match(await configure('database', '--set-env', 'url=URL_HERE', '--yes', secretsOf), { code: 0 })
    const told = await configure('auth', '--set-env', 'sessionSecret=KEY_HERE', '--yes', '--json', secretsOf)
    t.match(JSON.parse(told.stdout), { changed: ['BETTER_AUTH_SECRET'], backups: [/\.env\.bak-/] })
    t.same(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')), {
      version: 1,
      server: { deploymentMode: 'authenticated', port: 4100 },
      variables: { PAPERCLIP_PUBLIC_URL: 'https://s.example', PAPERCLIP_SECRETS_STRICT_MODE: 'true' }
    })
    t.match(
      await settledEnvironment({ PAPERCLIP_HOME: home, PAPERCLIP_PUBLIC_URL: 'https://wins.example' }),
      {
        DATABASE_URL: url,
        BETTER_AUTH_SECRET: strong[0],
        PAPERCLIP_SECRETS_STRICT_MODE: 'true',
        PAPERCLIP_PUBLIC_URL: 'https://wins.example'
      }
    )
    const byFile = await settledEnvironment({ PAPERCLIP_HOME: home, DATABASE_URL_FILE: '/there' })
    t.notOk('DATABASE_URL' in byFile, 'a file named by the environment wins too')
    t.match(await configure('server', '--unset', 'publicUrl', 'port', '--yes'), { code: 0 })
    t.same(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')), {
      version: 1,
      server: { deploymentMode: 'authenticated' },
      variables: { PAPERCLIP_SECRETS_STRICT_MODE: 'true' }
    })
    const files = await readdir(folder)
    t.equal(files.filter((name) => name.startsWith('config.json.bak-')).length, 2)
    for (const name of files) t.equal((await stat(join(folder, name))).mode & 0o077, 0, name)
  }
)

t.test('what is so already is said to be, and nothing is written or copied for it', async (t) => {
  const { configure, folder } = instance(t)
  const nothing = { code: 0, stdout: '', stderr: /PORT is that already[\s\S]*nothing was changed\n$/ }
  t.match(await configure('server', '--unset', 'port', '--yes'), nothing, 'nor a folder made')
  await t.rejects(readdir(folder), { code: 'ENOENT' })
  const wanted = ['--set', 'port=4100', 'host=127.0.0.1', '--yes']
  await configure('server', ...wanted)
  await configure('auth', '--set-env', 'sessionSecret=KEY', '--yes', { KEY: strong[0] })
  const before = await contentOf(folder)
  const again = await configure('server', ...wanted, { PORT: '4200' })
  t.match(again, nothing)
  t.match(again.stderr, /hint: PORT is set in this environment too/)
  t.notMatch(again.stderr, /changed PORT|start the instance/)
  t.match(await configure('server', '--unset', 'publicUrl', '--yes'), { stderr: /nothing was changed/ })
  const same = await configure('auth', '--set-env', 'sessionSecret=KEY', '--yes', '--json', {
    KEY: strong[0]
  })
  t.match(same, { code: 0, stderr: /BETTER_AUTH_SECRET is that already/ })
  t.same(JSON.parse(same.stdout), { changed: [], backups: [] })
  t.same(await contentOf(folder), before)

  const half = await configure('server', '--set', 'port=4100', 'host=0.0.0.0', '--yes', '--json')
  t.match(JSON.parse(half.stdout), { changed: ['HOST'], backups: [/config\.json\.bak-/] })
  t.match(half.stderr, /PORT is that already/)
})

t.test('every wrong value is named at once, none is shown, and nothing is changed', async (t) => {
  const { configure, folder } = instance(t)
  const bad = [
    'port=canary-4',
    'publicUrl=http://canary-4/path',
    'trustProxy=true',
    'mode=canary-4',
    'host=127.0.0.1'
  ]
  const { code, stdout, stderr } = await configure('server', '--set', ...bad, '--yes')
  t.same({ code, stdout }, { code: 2, stdout: '' })
  t.match(
    stderr,
    /4 values are wrong\n.*port \(PORT\) must be.*\n.*publicUrl.*\n.*trustProxy.*\n.*mode.*\n.*nothing was changed/
  )
  t.notMatch(stderr, /canary-4/)
  const same = { A: strong[0], B: strong[0] }
  t.match(await configure('auth', '--set-env', 'sessionSecret=A', 'runTokenSecret=B', '--yes', same), {
    code: 2,
    stderr: /runTokenSecret .* must differ/
  })
  t.match(
    await configure('auth', '--set-env', 'sessionSecret=QUOTED', '--yes', { QUOTED: `${strong[0]}'` }),
    { code: 2, stderr: /sessionSecret .* must be one line without '/ }
  )
  await t.rejects(readdir(folder), { code: 'ENOENT' })
})

t.test('a secret never comes from an argument, and without a terminal consent is said', async (t) => {
  const { configure } = instance(t)
  const secret = await configure('database', '--set', `url=${url}`, '--yes')
  t.match(secret, { code: 2, stderr: /url is secret[\s\S]*--set-env url=NAME/ })
  t.notMatch(secret.stderr, /canary-4/)
  t.match(await configure('server', '--set', 'port=4100'), { code: 2, stderr: /--yes/ })
  t.match(await configure('server'), { code: 2, stderr: /without a terminal/ })
  t.match(await configure('nowhere'), { code: 2, stderr: /Allowed choices are database, server/ })
  t.match(await configure('storage', '--set', 'port=1', '--yes'), {
    code: 2,
    stderr: /no such setting[\s\S]*provider/
  })
  for (const pair of ['port', 'allowedHostnames=', '=4100'])
    t.match(await configure('server', '--set', pair, '--yes'), { code: 2, stderr: /want key=value/ })
  t.match(await configure('server', '--set', 'port=1', 'port=2', '--yes'), { code: 2, stderr: /given twice/ })
  t.match(await configure('auth', '--set-env', 'sessionSecret=NONE', '--yes'), {
    code: 2,
    stderr: /is not set/
  })
})

t.test(
  'other lines of .env stay, a broken configuration is left alone, and doctor reads what was set',
  async (t) => {
    const { configure, folder, home } = instance(t)
    await runCli(['onboard', '--yes'], { env: { PAPERCLIP_HOME: home } })
    const path = join(folder, '.env')
    const before = await readFile(path, 'utf8')
    await configure('auth', '--set-env', 'runTokenSecret=KEY', '--yes', { KEY: strong[1] })
    const lines = (text: string) =>
      text.split('\n').filter((line) => !line.startsWith('PAPERCLIP_AGENT_JWT_SECRET='))
    const after = await readFile(path, 'utf8')
    t.same(lines(after), lines(before))
    t.match(after, `PAPERCLIP_AGENT_JWT_SECRET=${strong[1]}\n`)
    t.equal(after.split('PAPERCLIP_AGENT_JWT_SECRET=').length, 2, 'the former one is gone')
    await configure('auth', '--unset', 'runTokenSecret', '--yes')
    t.equal(await readFile(path, 'utf8'), `${lines(before).join('\n')}`, 'and taken out it leaves nothing')
    await configure('server', '--set', 'host= 0.0.0.0 ', '--yes')
    const env = { PAPERCLIP_HOME: home, PORT: '9', PAPERCLIP_SECRETS_PORT: '10' }
    const { stdout } = await runCli(['doctor', '--json'], { env })
    t.match(JSON.parse(stdout).checks[1], { id: 'deployment_mode', status: 'fail', message: /HOST/ })
    await writeFile(join(folder, 'config.json'), '{"server":{"port":"x"}}')
    t.match(await configure('server', '--set', 'host=127.0.0.1', '--yes'), {
      code: 1,
      stderr: /server\.port/
    })
    t.equal(await readFile(join(folder, 'config.json'), 'utf8'), '{"server":{"port":"x"}}')
    await writeFile(join(folder, 'config.json'), '{"version":2,"server":{"port":"x"}}')
    t.match(await configure('server', '--set', 'host=127.0.0.1', '--yes'), {
      code: 1,
      stderr: /^paperclipai: .*config\.json is of a newer version of paperclipai: run it with that one/
    })
    t.equal(await readFile(join(folder, 'config.json'), 'utf8'), '{"version":2,"server":{"port":"x"}}')
    const [check] = JSON.parse((await runCli(['doctor', '--json'], { env })).stdout).checks
    t.match(check, { id: 'config', status: 'fail', repair: /use the version it is of/ })
  }
)

/** Every file of a folder, with when it was last written. */
async function contentOf(folder: string): Promise<[name: string, text: string, mtimeMs: number][]> {
  const names = (await readdir(folder)).sort()
  return await Promise.all(
    names.map(async (name): Promise<[string, string, number]> => {
      const path = join(folder, name)
      return [name, await readFile(path, 'utf8'), (await stat(path)).mtimeMs]
    })
  )
}

function instance(t: { testdir(): string }) {
  const home = t.testdir()
  return {
    home,
    folder: join(home, 'instances', 'default'),
    configure: async (section: string, ...words: (string | Record<string, string>)[]) => {
      const args = words.filter((word) => typeof word === 'string')
      const env = Object.assign({ PAPERCLIP_HOME: home }, ...words.filter((word) => typeof word !== 'string'))
      return await runCli(['configure', '--section', section, ...args], { env })
    }
  }
}
