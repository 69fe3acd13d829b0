/**
 * `docker` for a place where `$COMPOSE` says what makes containers. Implementations of compose differ in what they honour
 * (services/decisions/0017-compose-rests-on-no-order-and-publishes-to-this-machine.md); a guide says what is true of
 * Docker's, so what others lack is made up for here: `.env` for the containers too, profiles, changed settings, the end of
 * a command and nothing but its output.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { servicesOf } from './compose-services.mjs'
import { passOutput } from './engine-lines.mjs'

const interrupted = 130
const images = ['gateway', 'secrets', 'paperclipai']
const [program, command = '', ...rest] = process.argv.slice(2)

if (program !== 'compose') {
  process.stderr.write('docker: there is only `docker compose` here\n')
  process.exit(127)
}
// What stands in the environment goes before the file, as it does with Docker.
const env = { ...readDotEnv(), ...process.env }
// Whoever presses Ctrl-C means what runs in the container; that ends, and then so do we.
process.on('SIGINT', () => undefined)
if (command === 'run' || command === 'exec') await runOne()
else if (command === 'build') await build(rest)
else if (command === 'up') await up(rest)
else await runAll(command, ...rest)

/** No terminal is on either side, and what it rests on runs already. */
async function runOne() {
  const wanted = command === 'run' ? ['-T', '--no-deps'] : ['-T']
  const flags = wanted.filter((flag) => !rest.includes(flag))
  await runPiped(command, ...flags, ...rest)
}

/** One image at a time, so that how each came out is told: an implementation may go on, and end with 0. */
async function build(given) {
  const isFlag = (argument) => argument.startsWith('-')
  const flags = given.filter(isFlag)
  const named = given.filter((argument) => !isFlag(argument))
  for (const image of named.length > 0 ? named : images) {
    await runPiped('build', ...flags, image)
    if (process.exitCode !== 0) return
  }
}

/** Three images serve all services: others would build one for each of them. With `--built` they are there. */
async function up(given) {
  if (given.includes('--build') && env.GUIDE_IMAGES !== 'built') {
    await build([])
    if (process.exitCode !== 0) return
  }
  await runAll('up', ...upArguments(given.filter((argument) => argument !== '--build')))
}

/** Ends as the command did, and not as what started it. */
async function runPiped(...args) {
  const child = compose('pipe', ...args)
  const output = passOutput((bytes) => process.stdout.write(bytes))
  child.stdout.on('data', (bytes) => output.take(bytes))
  process.exitCode = output.end(await statusOf(child))
}

async function runAll(...args) {
  process.exitCode = await statusOf(compose('inherit', ...args))
}

function upArguments(given) {
  const named = given.some((argument) => !argument.startsWith('-'))
  const recreate = given.includes('--force-recreate') ? [] : ['--force-recreate']
  return [...given, ...recreate, ...(named ? [] : servicesOf(env))]
}

function compose(stdout, ...args) {
  const [file = '', ...first] = (env.COMPOSE ?? '').split(' ').filter((word) => word !== '')
  const project = ['-p', env.COMPOSE_PROJECT_NAME ?? 'paperclip']
  return spawn(file, [...first, ...project, ...args], { env, stdio: ['inherit', stdout, 'inherit'] })
}

async function statusOf(child) {
  try {
    const [status, signal] = await once(child, 'close')
    return status ?? (signal === 'SIGINT' ? interrupted : 1)
  } catch (error) {
    process.stderr.write(`docker: ${error.message}\n`)
    return 1
  }
}

function readDotEnv() {
  let text = ''
  try {
    text = readFileSync('.env', 'utf8')
  } catch {
    return {}
  }
  const lines = text.split('\n').flatMap((line) => /^\s*([A-Z_]+)=(.*)$/.exec(line)?.slice(1, 3) ?? [])
  return Object.fromEntries(
    lines.flatMap((name, at) => (at % 2 === 0 ? [[name, unquoted(lines[at + 1])]] : []))
  )
}

function unquoted(text) {
  return text.trim().replace(/^(["'])(.*)\1$/, '$2')
}
