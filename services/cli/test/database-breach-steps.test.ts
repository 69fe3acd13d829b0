/**
 * What deploy/database-breach.sh makes of the folder it goes on in. The command line is stood in for by a few lines of
 * shell, since only the order of its calls counts here; database-breach.test.ts is the same with everything real.
 */
import { spawnSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { repositoryRoot } from '@paperclip/testing'
import t from 'tap'

t.setTimeout(60_000)
const [former, waiting] = ['mk_00000000000000aa', 'mk_00000000000000bb']
const nobodyId = 65_534
const isRoot = process.getuid?.() === 0

/** Answers as the command line does, keeps the state of two master keys in a file, and writes down what it was told. */
const standIn = `
printf '%s\\n' "$*" >>"$STAND_IN/calls"
[ ! -e "$STAND_IN/refused" ] || [ "$*" != "$(cat "$STAND_IN/refused")" ] || exit 1
case "$*" in
'auth whoami') echo "instance admin  $([ -e "$STAND_IN/member" ] && echo no || echo yes)" ;;
'master-key status') cat "$STAND_IN/keys" ;;
'master-key rotate --to ${waiting}') printf '%s\\n' '${waiting} active - 1' '${former} former - 1' >"$STAND_IN/keys" ;;
'master-key retire ${former} --yes') printf '%s\\n' '${waiting} active - 1' '${former} retired - 0' >"$STAND_IN/keys" ;;
'secrets exposed --all-companies') [ ! -e "$STAND_IN/broken" ] || { echo 'why it failed' >&2; exit 1; } ;;
esac`

function newWorld(name: string) {
  const folder = join(t.testdirName, name)
  mkdirSync(folder, { recursive: true })
  const file = (path: string) => join(folder, path)
  writeFileSync(file('paperclipai'), standIn)
  writeFileSync(file('keys'), `${former} active - 1\n${waiting} waiting - 1\n`)
  const out = file('out')
  return {
    out,
    file,
    step: (id: string, text: string) => {
      mkdirSync(join(out, 'steps'), { recursive: true, mode: 0o700 })
      writeFileSync(join(out, 'steps', id), text)
    },
    calls: () => (existsSync(file('calls')) ? readFileSync(file('calls'), 'utf8') : ''),
    run: () => {
      const { status, stderr } = spawnSync('sh', ['deploy/database-breach.sh', '--out', out, '--yes'], {
        cwd: repositoryRoot,
        encoding: 'utf8',
        timeout: 30_000,
        env: { PATH: process.env.PATH, STAND_IN: folder, PAPERCLIPAI: `sh ${file('paperclipai')}` }
      })
      return { status, stderr }
    }
  }
}

t.testdir()

t.test('every step is done in its order, and one whose command fails is not noted, nor any after it', (t) => {
  const whole = newWorld('whole')
  t.match(whole.run(), { status: 0 })
  const changes = (world: typeof whole) =>
    world
      .calls()
      .trim()
      .split('\n')
      .filter((call) => !/whoami|status/.test(call))
  const order = [
    ['1', 'user end-sessions --all --yes'],
    ['1', 'user revoke-keys --all --yes'],
    ['1', 'invite revoke --all --all-companies'],
    ['2', `agent rotate-keys --all-companies --out ${join(whole.out, 'keys')} --yes`],
    ['3', `master-key rotate --to ${waiting}`],
    ['3', `master-key retire ${former} --yes`],
    ['4', 'secrets exposed --all-companies'],
    ['5', 'user revoke-keys --this']
  ] as const
  t.same(
    changes(whole),
    order.map(([, call]) => call)
  )
  // A rotation that is refused is asked for again for two minutes: a process may still be starting.
  for (const [at, [step, call]] of order.entries()) {
    if (call.startsWith('master-key rotate')) continue
    const world = newWorld(`refused-${at}`)
    const refused = call.replace(whole.out, world.out)
    writeFileSync(world.file('refused'), refused)
    t.match(world.run(), { status: 1, stderr: new RegExp(`step ${step} of 5 failed`) }, call)
    t.equal(changes(world).at(-1), refused, 'nothing is called after it')
    t.notOk(existsSync(join(world.out, 'steps', step)), call)
    rmSync(world.file('refused'))
    t.match(world.run(), { status: 0, stderr: /done\. From the stolen database/ }, `${call}, again`)
    t.equal(changes(world).filter((each) => each === refused).length, 2, call)
  }
  t.end()
})

t.test('nothing is called for whoever is no instance admin', (t) => {
  const world = newWorld('member')
  writeFileSync(world.file('member'), '')
  t.match(world.run(), { status: 1, stderr: /nothing was changed/ })
  t.equal(world.calls(), 'auth whoami\n')
  t.end()
})

t.test('a record that a power cut emptied does not pass for a master key that was replaced', (t) => {
  for (const text of ['', '\n']) {
    const world = newWorld(`emptied-${text.length}`)
    for (const id of ['1', '2']) world.step(id, 'done\n')
    world.step('former-key', text)
    t.match(world.run(), { status: 0, stderr: /rotating to mk_00000000000000bb/ })
    t.match(world.calls(), new RegExp(`rotate --to ${waiting}[\\s\\S]*retire ${former}`))
  }
  t.end()
})

t.test('a status without an active key ends the step, and not as done', (t) => {
  const world = newWorld('silent')
  for (const id of ['1', '2']) world.step(id, 'done\n')
  writeFileSync(world.file('keys'), '')
  t.match(world.run(), { status: 1, stderr: /step 3 of 5 failed/ })
  t.same(readdirSync(join(world.out, 'steps')), ['1', '2'])
  t.end()
})

t.test('a step that fails says why', (t) => {
  const world = newWorld('broken')
  for (const id of ['1', '2', '3']) world.step(id, 'done\n')
  writeFileSync(world.file('broken'), '')
  t.match(world.run(), { status: 1, stderr: /why it failed[\s\S]*step 4 of 5 failed/ })
  t.end()
})

t.test(
  'a folder that somebody else has laid out is not gone on in',
  { skip: isRoot ? false : 'files are given away by root alone' },
  (t) => {
    const world = newWorld('planted')
    world.step('5', 'done\n')
    const innocent = world.file('innocent')
    writeFileSync(innocent, 'kept')
    symlinkSync(innocent, join(world.out, 'pid'))
    chownSync(world.out, nobodyId, nobodyId)
    t.match(world.run(), { status: 2, stderr: /belongs to somebody else/ })
    t.equal(readFileSync(innocent, 'utf8'), 'kept')
    t.equal(world.calls(), '', 'nothing was called')
    t.end()
  }
)
