import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { runCli } from './fixtures/run-cli.js'

const run = promisify(execFile)

t.test(
  'a shell completes commands, flags and what a flag may be, from the commands themselves',
  async (t) => {
    const scripts = new Map<string, string>()
    const dir = await mkdtemp(join(tmpdir(), 'paperclip-cli-'))
    t.teardown(() => rm(dir, { recursive: true, force: true }))
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, stdout, stderr } = await runCli(['completion', shell])
      t.same({ code, stderr }, { code: 0, stderr: '' }, shell)
      t.match(stdout, /access-events/)
      const path = join(dir, shell)
      await writeFile(path, stdout)
      scripts.set(shell, path)
    }
    t.match(await runCli(['completion', 'tcsh']), { code: 2, stderr: /Allowed choices are bash, zsh, fish/ })
    const has = (shell: string) =>
      run(shell, ['-c', 'exit 0']).then(
        () => true,
        () => false
      )
    if (await has('bash')) {
      const complete = async (...words: string[]) => {
        const quoted = ['paperclipai', ...words].map((word) => `'${word}'`).join(' ')
        const line = `. "$1"; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _paperclipai; printf '%s\\n' "\${COMPREPLY[@]}"`
        const { stdout } = await run('bash', ['-c', line, 'bash', scripts.get('bash') ?? ''])
        return stdout.trim().split('\n')
      }
      t.same(await complete('se'), ['secrets'])
      t.same(await complete('secrets', 'access'), ['access-events'])
      t.same(await complete('secrets', 'list', '--st'), ['--status'])
      t.same(await complete('audit', 'export', '--format', ''), ['csv', 'jsonl'])
      t.same(await complete('audit', 'export', '--format', '=', 'js'), ['jsonl'], 'as bash parts --format=js')
      t.same(await complete('audit', 'export', '--format', '='), ['csv', 'jsonl'])
      t.same(await complete('invite', 'create', 'vi'), ['viewer'], 'what an argument may be')
      t.same(await complete('--api-url', 'http', ':', '//localhost', ':', '3100', 'secr'), ['secrets'])
      t.same(
        await complete('audit', 'export', '--output', ''),
        [''],
        'a file, which the shell itself completes'
      )
      t.same(await complete('agent', 'run', 'coder', '--', 'secr'), [''], 'the words of another program')
    }
    if (await has('zsh')) await t.resolves(run('zsh', ['-n', scripts.get('zsh') ?? '']))
    if (await has('fish')) {
      const { stdout } = await run('fish', [
        '-c',
        `source ${scripts.get('fish')}; complete -C 'paperclipai secrets acc'`
      ])
      t.match(stdout, /^access-events/)
    }
  }
)
