/**
 * Runs the commands of a guide as its reader would and holds what they print against what the guide says. What guides
 * look like for that: README.md beside this file. Plain Node, because it runs before anything is installed.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openComposePlace } from './compose-place.mjs'
import { mask } from './expected-output.mjs'
import { GuideError } from './guide-error.mjs'
import { openInstancePlace } from './instance-place.mjs'
import { parseGuide } from './parse-guide.mjs'
import { Reader } from './reader.mjs'

const usage = `Usage: npm run guide -- <guide> [--on instance|compose] [--built] [--verbose] [--wait <seconds>]

Runs every command of a guide, in a place made for it, which is removed afterwards.

  --on       what it is tried on, for a guide that says the same for both (default: the first it names)
  --built    do not install and build anew, even if the guide begins with nothing: use this clone as it is
  --verbose  show what commands print
  --wait     what each block may take (default: 300 on an instance, 900 where it installs, 1800 with containers)

Exit 0: all as the guide says. 1: something was not. 2: the guide cannot be read, or this was misused.
With COMPOSE set, "docker compose" in a guide is replaced by it.

Example:
  $ npm run guide -- deploy/install.md
`
const outputLinesMax = 40
const openPlace = { instance: openInstancePlace, compose: openComposePlace }
const repository = fileURLToPath(new URL('../..', import.meta.url))
const signals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }

const say = (text) => process.stdout.write(`${text}\n`)

/** Reads the command line and the guide; what is wrong with either is found before anything is made. */
function prepare() {
  const options = {
    on: { type: 'string' },
    built: { type: 'boolean' },
    verbose: { type: 'boolean' },
    wait: { type: 'string' },
    help: { type: 'boolean' }
  }
  const { values, positionals } = parseArgs({ options, allowPositionals: true })
  if (values.help) return null
  const [path] = positionals
  if (positionals.length !== 1)
    throw new GuideError('name one guide, as in: npm run guide -- deploy/install.md', { exitCode: 2 })
  const guide = parseGuide(readFileSync(path, 'utf8'))
  const [first] = guide.on
  const on = values.on ?? first
  if (guide.begins === null)
    throw new GuideError('the first line must say how it begins: <!-- begins: nothing -->', {
      line: 1,
      exitCode: 2
    })
  if (!guide.on.includes(on))
    throw new GuideError(`this guide is not for ${on}: use --on ${guide.on.join(' or ')}`, {
      line: 1,
      exitCode: 2
    })
  if (values.wait !== undefined && !/^[1-9]\d{0,4}$/.test(values.wait))
    throw new GuideError('--wait is a number of seconds', { exitCode: 2 })
  const waitMs = values.wait === undefined ? null : Number(values.wait) * 1_000
  return { path, guide, on, waitMs, built: values.built ?? false, verbose: values.verbose ?? false }
}

async function tryGuide({ path, guide, on, waitMs, built, verbose }) {
  const scratch = mkdtempSync(join(tmpdir(), 'guide-'))
  let place
  let reader
  const started = performance.now()
  const interrupted = whenSignalled()
  try {
    const root = mkdtempSync(join(scratch, 'place-'))
    place = await openPlace[on]({ repository, root, begins: guide.begins, built })
    const blockMsMax = waitMs ?? place.blockMsMax
    reader = new Reader({ guide: path, place, blockMsMax, scratch, show: verbose ? say : () => undefined })
    const count = await Promise.race([runBlocks({ guide, on, place, reader }), interrupted])
    await Promise.race([reader.close(), interrupted])
    say(
      `${path}: ${count} commands, all as the guide says (${on}, ${Math.round((performance.now() - started) / 1_000)} s)`
    )
  } finally {
    await reader?.kill()
    await place?.remove()
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function runBlocks({ guide, on, place, reader }) {
  const defaults = { line: 1, terminal: 'before', stays: null, fails: null, person: null }
  await place.begin((block) => reader.run({ ...defaults, ...block }))
  let count = 0
  const blocks = guide.blocks.filter((block) => block.kind !== 'show')
  for (const [index, block] of blocks.entries()) {
    if (block.on !== null && block.on !== on) continue
    if (block.needs && !place.env[block.needs]) {
      say(`-- line ${block.line} is left out: it needs ${block.needs}`)
      continue
    }
    if (block.kind === 'write') reader.write(block)
    if (block.kind !== 'run') continue
    const commands = commandsOf(block.text)
    for (const command of commands) say(`${block.terminal === '1' ? '' : `[${block.terminal}] `}$ ${command}`)
    count += commands.length
    await reader.run(block, blocks[index + 1]?.kind === 'expect' ? blocks[index + 1] : null)
  }
  return count
}

/** For people to read and count: lines that go on are one, what is only said to the reader is none. */
function commandsOf(text) {
  return text
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.trimStart().startsWith('#'))
}

function whenSignalled() {
  const interrupted = new Promise((_resolve, reject) => {
    for (const [signal, exitCode] of Object.entries(signals))
      process.on(signal, () => reject(new GuideError(`ended by ${signal}`, { exitCode })))
  })
  // It may come while nobody waits for it yet.
  interrupted.catch(() => undefined)
  return interrupted
}

function report(error, path) {
  const {
    message,
    line,
    exitCode = error.code?.startsWith('ERR_PARSE_ARGS') || error.code === 'ENOENT' ? 2 : 1
  } = error
  const where = path === undefined ? 'guide' : `${path}${line === undefined ? '' : `:${line}`}`
  const output = error.output ? mask(error.output).trimEnd().split('\n').slice(-outputLinesMax) : []
  process.stderr.write(`${[`${where}: ${message}`, ...output.map((each) => `  | ${each}`)].join('\n')}\n`)
  process.exitCode = exitCode
}

const named = process.argv.slice(2).find((argument) => !argument.startsWith('-'))
try {
  const prepared = prepare()
  if (prepared === null) process.stdout.write(usage)
  else await tryGuide(prepared)
} catch (error) {
  report(error, named)
}
