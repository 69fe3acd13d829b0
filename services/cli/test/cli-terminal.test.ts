/** What only happens on a terminal: prompts of `configure`, and completion in the shells themselves. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { repositoryRoot, startProcess } from '@paperclip/testing'
import t, { type Test } from 'tap'
import { fakeGateway } from './fixtures/fake-gateway.js'
import { binPath, runBin, runCli } from './fixtures/run-cli.js'
import { acme } from './fixtures/sample-rows.js'
import { hasProgram, noTerminal, openTerminal } from './fixtures/terminal.js'

t.setTimeout(100_000)
const skip = await noTerminal()
const enter = '\r'
const interrupt = '\x03'

async function newHome(t: Test) {
  const home = await mkdtemp(join(tmpdir(), 'paperclip-terminal-'))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  const folder = join(home, 'instances', 'default')
  const env = { PAPERCLIP_HOME: home }
  return { home, folder, env, config: join(folder, 'config.json'), dotEnv: join(folder, '.env') }
}

const configure = (section: string) =>
  `exec '${process.execPath}' '${binPath}' configure --section ${section}`

t.test('configure asks for each setting, refuses what is wrong, and keeps a copy', { skip }, async (t) => {
  const { folder, env, config } = await newHome(t)
  await runCli(['configure', '--section', 'server', '--set', 'port=4100', '--yes'], { env })
  const former = await readFile(config, 'utf8')
  const terminal = await openTerminal(t, configure('server'), env)
  await terminal.type(enter, /PAPERCLIP_DEPLOYMENT_MODE/)
  await terminal.type(enter, /PAPERCLIP_DEPLOYMENT_EXPOSURE/)
  await terminal.type(enter, /PAPERCLIP_PUBLIC_URL/)
  await terminal.type(`99999${enter}`, /\(PORT; now 4100; empty: as it is\)/)
  await terminal.type(`\x7f${enter}`, /must be/)
  for (const name of ['HOST', 'PAPERCLIP_SECRETS_PORT', 'PAPERCLIP_ALLOWED_HOSTNAMES'])
    await terminal.type(enter, new RegExp(`\\(${name};`))
  for (const name of ['PAPERCLIP_ALLOWED_ORIGINS', 'TRUST_PROXY'])
    await terminal.type(enter, new RegExp(`\\(${name};`))
  await terminal.type('y', /Change PORT\?/)
  t.match(await terminal.process.ended, { code: 0 })
  t.match(terminal.shown(), /changed PORT\r?\n/)
  t.match(JSON.parse(await readFile(config, 'utf8')), { server: { port: 9999 } })
  const [copy = ''] = (await readdir(folder)).filter((name) => name.startsWith('config.json.bak-'))
  t.equal(await readFile(join(folder, copy), 'utf8'), former)
  t.equal((await stat(config)).mode & 0o777, 0o600)
})

t.test('a secret is not shown while it is typed; Ctrl-C and no change nothing', { skip }, async (t) => {
  const { folder, env, dotEnv } = await newHome(t)
  const url = 'postgres://me:canary-9@db.example/x'
  const terminal = await openTerminal(t, configure('database'), env)
  await terminal.type(`${url}${enter}`, /\(DATABASE_URL; not set;/)
  for (const name of ['PAPERCLIP_SECRETS_DATABASE_URL', 'DATABASE_MIGRATION_URL', 'REDIS_URL'])
    await terminal.type(enter, new RegExp(`\\(${name};`))
  await terminal.type('y', /Change DATABASE_URL\?/)
  t.match(await terminal.process.ended, { code: 0 })
  t.notMatch(terminal.shown(), /canary/)
  t.match(await readFile(dotEnv, 'utf8'), `DATABASE_URL=${url}\n`)
  const before = await readdir(folder)
  const given = await readFile(dotEnv, 'utf8')
  const again = await openTerminal(t, configure('database'), env)
  await again.type(interrupt, /\(DATABASE_URL; set;/)
  t.match(await again.process.ended, { code: 1 })
  t.notMatch(again.shown(), /canary/)
  const stopped = await openTerminal(t, configure('storage'), env)
  await stopped.type(interrupt, /\(PAPERCLIP_STORAGE_PROVIDER;/)
  t.match(await stopped.process.ended, { code: 1 })
  t.match(stopped.shown(), /paperclipai: cancelled; nothing was changed/)
  const declined = await openTerminal(t, configure('storage'), env)
  await declined.type(`s3${enter}`, /\(PAPERCLIP_STORAGE_PROVIDER;/)
  await declined.type('n', /Change PAPERCLIP_STORAGE_PROVIDER\?/)
  t.match(await declined.process.ended, { code: 1 })
  t.match(declined.shown(), /paperclipai: declined; nothing was changed/)
  t.same(await readdir(folder), before)
  t.equal(await readFile(dotEnv, 'utf8'), given)
})

t.test('a company is deleted when its name is typed, and not by another word', { skip }, async (t) => {
  const gateway = await fakeGateway(t, {
    listCompanies: () => ({ body: [acme] }),
    deleteCompany: () => ({ body: { ok: true } })
  })
  const env = { HOME: '/nonexistent', PAPERCLIP_API_URL: gateway.origin }
  const asked = new RegExp(`To delete ${acme.id} for good, type its name`)
  for (const [typed, code] of [
    ['yes', 1],
    ['Acme', 0]
  ] as const) {
    const terminal = await openTerminal(t, `${process.execPath} ${binPath} company delete Acme`, env)
    await terminal.type(`${typed}${enter}`, asked)
    t.match(await terminal.process.ended, { code })
    t.equal(gateway.last('deleteCompany') === undefined, code === 1)
  }
  t.same(gateway.violations, [])
})

/** Ends the process by SIGKILL right before its nth change to a file. */
const killAt = (nth: number) =>
  `data:text/javascript,${encodeURIComponent(`
  import fs from 'node:fs'
  import { syncBuiltinESMExports } from 'node:module'
  let left = ${nth}
  const die = (act) => (...given) => {
    if (given[1] !== 'r' && --left < 0) process.kill(process.pid, 'SIGKILL')
    return act(...given)
  }
  for (const name of ['open', 'rename', 'link', 'rm']) fs.promises[name] = die(fs.promises[name])
  syncBuiltinESMExports()`)}`

t.test('a configure that is killed anywhere leaves the former file whole or the new one', async (t) => {
  const { folder, env, config } = await newHome(t)
  const before = '{\n  "version": 1,\n  "server": { "port": 4100 }\n}\n'
  const standings = new Set<number>()
  for (let nth = 0, code: number | null = null; code === null; nth++) {
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true })
    await writeFile(config, before, { mode: 0o600 })
    const flags = { ...env, NODE_OPTIONS: `--import=${killAt(nth)}` }
    code = (
      await runBin(t, ['configure', '--section', 'server', '--set', 'port=4200', '--yes'], { env: flags })
    ).code
    const now = await readFile(config, 'utf8')
    const { port } = JSON.parse(now).server
    standings.add(port)
    if (port === 4100) t.equal(now, before, `killed at ${nth}`)
    const copies = (await readdir(folder)).filter((name) => /^config\.json\.bak-[^.]*$/.test(name))
    for (const copy of copies) t.equal(await readFile(join(folder, copy), 'utf8'), before)
    if (port === 4200) t.equal(copies.length, 1, 'the copy is there before the new file is')
  }
  t.same([...standings], [4100, 4200])
})

const paperclipai = (t: Test) => {
  const folder = t.testdir({ paperclipai: t.fixture('symlink', binPath) })
  return { PATH: `${folder}:${process.env.PATH ?? ''}`, HOME: folder }
}

/** How each shell is started without anybody's files, shows that it waits, and takes the completion up. */
const shells = [
  {
    shell: 'bash',
    line: 'bash --noprofile --norc -i',
    prompt: "PS1='rea''dy> '",
    load: 'eval "$(paperclipai completion bash)"'
  },
  {
    shell: 'zsh',
    line: 'zsh -f -i',
    prompt: "PS1='rea''dy> '",
    load: 'autoload -U compinit; compinit -D; source <(paperclipai completion zsh)'
  },
  {
    shell: 'fish',
    line: 'fish --no-config -i',
    prompt: "function fish_prompt; printf 'rea%s' 'dy> '; end",
    load: 'paperclipai completion fish | source'
  }
]
for (const { shell, line, prompt, load } of shells) {
  const absent = skip || ((await hasProgram(shell)) ? false : `needs ${shell}`)
  t.test(
    `${shell} completes a command, a flag and what it may be, as it is typed`,
    { skip: absent },
    async (t) => {
      const terminal = await openTerminal(t, line, paperclipai(t))
      terminal.process.child.stdin?.write(`${prompt}\r`)
      await terminal.type(`${load}\r`, /ready> /)
      await terminal.type('paperclipai secrets acc\t --help\r', /ready> /)
      await terminal.type(
        'paperclipai audit export --form\tjs\t --format=js\t --help\r',
        /Usage: paperclipai secrets access-events[\s\S]*ready> /
      )
      await terminal.type('exit\r', /Usage: paperclipai audit export[\s\S]*ready> /)
      t.match(await terminal.process.ended, { code: 0 })
    }
  )
}

t.test('it runs as npx and npm run start it, and ends as it ends', async (t) => {
  for (const line of ['npx --no-install paperclipai', 'npm run --silent paperclipai --']) {
    const started = await startProcess(t, {
      command: 'sh',
      args: ['-c', `${line} secrets nope`],
      cwd: repositoryRoot,
      env: { PAPERCLIP_HOME: '/nonexistent' }
    })
    t.match(await started.ended, { code: 2 }, line)
    t.equal(started.stdout(), '')
    t.match(started.stderr(), /paperclipai: unknown command 'nope'\n/)
  }
})
