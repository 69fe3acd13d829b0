import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { repositoryRoot, startProcess } from '@paperclip/testing'
import t from 'tap'
import { runSuites } from '../src/suite.js'

async function suiteOf(files: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), 'paperclip-suite-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'dist/test'), { recursive: true })
  await symlink(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, 'dist/test', name), `import t from 'tap'\n${text}`)
  }
  const lines: string[] = []
  const { PATH = '', HOME = '' } = process.env
  const result = await runSuites([[relative(repositoryRoot, folder), null]], {
    env: { PATH, HOME },
    full: false,
    write: (line) => lines.push(line),
    onStart: () => {}
  })
  return {
    ...result,
    lines,
    titles: lines.filter((line) => line.startsWith('not ok')).map((line) => line.slice(8))
  }
}

t.test('failures are counted and shown once, at the leaf, with what differs', async (t) => {
  const { passed, failed, titles, lines } = await suiteOf({
    'a.test.js': `
      t.test('holds', async (t) => { t.ok(true); t.ok(true) })
      t.test('differs', async (t) => { t.same({ a: 1 }, { a: 2 }); await t.test('deep', async (t) => t.ok(false, 'why')) })
      t.test('throws', async () => { throw new Error('boom') })
      t.test('left out', { skip: true }, async () => {})
      console.error('from stderr')`,
    'b.test.js':
      "t.ok(true); setTimeout(() => { throw new Error('crash') }, 10); t.test('x', () => new Promise((r) => setTimeout(r, 100)))"
  })
  t.same({ passed, failed }, { passed: 4, failed: 4 })
  const inA = 'dist/test/a.test.js > '
  t.match(titles.sort(), [
    `${inA}differs > deep > why`,
    `${inA}differs > should be equivalent`,
    `${inA}throws > boom`,
    'dist/test/b.test.js > crash'
  ])
  t.equal(titles.length, 4)
  const text = lines.join('\n')
  t.match(text, /- {2}"a": 2/)
  t.match(text, /stderr: from stderr/)
  t.notMatch(text, /source:/)
})

t.test('a file that exits early, or a suite without any assertion, is a failure', async (t) => {
  const early = await suiteOf({ 'a.test.js': "t.ok(true); process.kill(process.pid, 'SIGKILL')" })
  t.ok(early.failed > 0 && early.titles.length > 0)
  const empty = await suiteOf({ 'a.test.js': "t.pass; t.test('nothing', { skip: true }, () => {})" })
  t.match(empty, { passed: 0, failed: 1 })
})

t.test('npm test refuses a workspace that does not exist, and still ends with its line', async (t) => {
  const args = [join(repositoryRoot, 'libs/testing/dist/src/run-suites.js'), 'nonsense']
  const run = await startProcess(t, { command: process.execPath, args })
  t.same(await run.ended, { code: 1, signal: null })
  t.match(run.stderr(), /no such workspace with tests: nonsense/)
  t.equal(run.stdout(), '0 passed, 1 failed\n')
})
