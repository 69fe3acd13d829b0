/**
 * `docker` for a place where `$COMPOSE` says what makes containers. Implementations of compose differ in what they honour
 * (services/decisions/0017-compose-rests-on-no-order-and-publishes-to-this-machine.md); a guide says what is true of
 * Docker's, so what others lack is made up for here: `.env` for the containers too, profiles, changed settings, the end of
 * a command and nothing but its output.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { servicesOf } from './compose-services.mjs'
import { commandOutput } from './engine-lines.mjs'

const outputBytesMax = 256 * 1024 * 1024
const [program, command = '', ...rest] = process.argv.slice(2)

if (program !== 'compose') {
  process.stderr.write('docker: there is only `docker compose` here\n')
  process.exit(127)
}
// What stands in the environment goes before the file, as it does with Docker.
const env = { ...readDotEnv(), ...process.env }
if (command === 'run' || command === 'exec') runOne()
else if (command === 'up') finish(compose('inherit', 'up', ...upArguments(rest)))
else finish(compose('inherit', command, ...rest))

/** No terminal is on either side, and what it rests on runs already. */
function runOne() {
  const wanted = command === 'run' ? ['-T', '--no-deps'] : ['-T']
  const flags = wanted.filter((flag) => !rest.includes(flag))
  const ended = compose('pipe', command, ...flags, ...rest)
  const { output, status } = commandOutput(ended.stdout, ended.status)
  process.stdout.write(output)
  process.exitCode = status
}

function upArguments(given) {
  const named = given.some((argument) => !argument.startsWith('-'))
  const recreate = given.includes('--force-recreate') ? [] : ['--force-recreate']
  return [...given, ...recreate, ...(named ? [] : servicesOf(env))]
}

function compose(stdout, ...args) {
  const [file = '', ...first] = (env.COMPOSE ?? '').split(' ').filter((word) => word !== '')
  const project = ['-p', env.COMPOSE_PROJECT_NAME ?? 'paperclip']
  return spawnSync(file, [...first, ...project, ...args], {
    env,
    stdio: ['inherit', stdout, 'inherit'],
    maxBuffer: outputBytesMax
  })
}

function finish({ status, error }) {
  if (error) process.stderr.write(`docker: ${error.message}\n`)
  process.exitCode = status ?? 1
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
