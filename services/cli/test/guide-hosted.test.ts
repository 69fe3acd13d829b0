import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmod, copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { repositoryRoot } from '@paperclip/testing'
import t from 'tap'

/**
 * deploy/hosted.md itself needs a container engine: `npm run guide -- deploy/hosted.md`. Here is what makes up for the
 * differences between implementations of compose, against a stand-in for one that honours little.
 */
const standIn = join(repositoryRoot, 'deploy/guide/compose-stand-in.mjs')

/** Notes its arguments, shows each command as it goes to its engine, and ends with 0 whatever that said. */
const implementation = `#!/bin/sh
printf '%s\\n' "$*" >>"$NOTES"
printf '%s' "$SECRET_SETTING" >>"$NOTES.setting"
case "$*" in *stays*) printf 'ready [' ; while [ ! -e "$NOTES.seen" ]; do sleep 0.05; done; printf "'a']\\n" ;; esac
printf 'what the command says\\n'
case "$*" in *broken*) code=3 ;; *build*) code=0 ;; *) code=3 ;; esac
printf "['engine', '--version', '']\\nusing engine version: 1\\nengine run x\\nexit code: $code\\n"
`

async function place(test: { testdir(): string }, dotEnv: string) {
  const folder = test.testdir()
  const notes = join(folder, 'notes')
  await copyFile(`${repositoryRoot}docker-compose.yml`, join(folder, 'docker-compose.yml'))
  await writeFile(join(folder, '.env'), dotEnv)
  await writeFile(join(folder, 'compose'), implementation)
  await chmod(join(folder, 'compose'), 0o755)
  const env = {
    PATH: process.env.PATH,
    COMPOSE: join(folder, 'compose'),
    COMPOSE_PROJECT_NAME: 'p',
    NOTES: notes
  }
  return {
    folder,
    env,
    notes: () => readFile(notes, 'utf8'),
    setting: () => readFile(`${notes}.setting`, 'utf8'),
    docker(...args: string[]) {
      const { status, stdout } = spawnSync(process.execPath, [standIn, ...args], { cwd: folder, env })
      return { status, stdout: stdout.toString() }
    }
  }
}

t.test('up starts what has no profile, and what has one that `.env` asks for', async (t) => {
  const { docker, notes } = await place(t, 'COMPOSE_PROFILES=tls\n')
  t.equal(docker('compose', 'up', '-d').status, 0)
  const lasting = 'postgres gateway-migrate secrets-migrate secrets gateway'
  t.equal(await notes(), `-p p up -d --force-recreate ${lasting} caddy\n`)
  const without = await place(t, '')
  without.docker('compose', 'up', '-d')
  t.equal((await without.notes()).split('\n').at(-2), `-p p up -d --force-recreate ${lasting}`)
})

t.test(
  'images are built once for all services that use them, and not where they are to be taken as they are',
  async (t) => {
    const { docker, env, folder, notes } = await place(t, '')
    const args = ['compose', 'up', '-d', '--build', 'gateway']
    t.equal(docker(...args).status, 0)
    spawnSync(process.execPath, [standIn, ...args], { cwd: folder, env: { ...env, GUIDE_IMAGES: 'built' } })
    const up = '-p p up -d gateway --force-recreate\n'
    const built = ['gateway', 'secrets', 'paperclipai'].map((name) => `-p p build ${name}\n`).join('')
    t.equal(await notes(), `${built}${up}${up}`)
  }
)

t.test('an image that cannot be built is a command that failed, whatever compose says', async (t) => {
  const { docker, notes } = await place(t, '')
  t.equal(docker('compose', 'build', 'gateway', 'broken', 'paperclipai').status, 3)
  t.equal(await notes(), '-p p build gateway\n-p p build broken\n')
})

t.test('a command in a container ends with its own status and shows nothing but its output', async (t) => {
  const { docker, notes, setting } = await place(t, '# of the operator\nSECRET_SETTING="two words"\n')
  t.same(docker('compose', 'run', '--rm', 'paperclipai', 'company', 'list'), {
    status: 3,
    stdout: 'what the command says\n'
  })
  t.equal(await notes(), '-p p run -T --no-deps --rm paperclipai company list\n')
  t.equal(await setting(), 'two words', '`.env` is for the containers too')
  t.equal(docker('run', 'x').status, 127, 'and there is nothing but compose')
})

t.test(
  'what a command says is there while it still runs, and only what may be no part of it waits',
  async (t) => {
    const { folder, env } = await place(t, '')
    const child = spawn(process.execPath, [standIn, 'compose', 'run', 'paperclipai', 'stays'], {
      cwd: folder,
      env
    })
    let output = ''
    for await (const bytes of child.stdout) {
      output += String(bytes)
      if (output === 'ready ') await writeFile(join(folder, 'notes.seen'), '')
    }
    if (child.exitCode === null) await once(child, 'exit')
    t.same([child.exitCode, output], [3, "ready ['a']\nwhat the command says\n"])
  }
)
