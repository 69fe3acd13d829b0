/**
 * `npm test`: runs the compiled tests of every workspace against one PostgreSQL server, or of those named
 * on the command line (`npm test -- libs/db gateway`; a file as `services/cli/test/x.test.ts`), and ends with the
 * slowest files and the line `N passed, N failed`.
 *
 * The server is that of `DATABASE_URL`, else an embedded one made for this run. `TAP_FULL=1` shows all TAP
 * text. Exits 1 on any failure, crash, or when nothing passed.
 */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { startTestPostgres } from '@paperclip/postgres'
import { repositoryRoot } from './repository-root.js'
import { runSuites } from './suite.js'
import { databasePrefix } from './test-database.js'
import { withClient } from './test-roles.js'
import { findWorkspaces } from './workspaces.js'

// What must not reach a test from the shell it is started in: it would change what is tested.
const ownVariables = /^(PAPERCLIP_|BETTER_AUTH_|AWS_|DATABASE_|PG[A-Z]+$|REDIS_URL$|TRUST_PROXY$|PORT$|HOST$)/
const runIdBytes = 4

const running = new Set<ChildProcess>()
let interrupted = false

async function main(names: readonly string[]): Promise<boolean> {
  const selected = await selectSuites(names)
  const server = await openServer(process.env.DATABASE_URL)
  process.env.PAPERCLIP_TEST_RUN = randomBytes(runIdBytes).toString('hex')
  const env = testEnvironment(server.url, process.env.PAPERCLIP_TEST_RUN)
  const full = (process.env.TAP_FULL ?? '') !== ''
  const sum = { passed: 0, failed: 0 }
  try {
    const { passed, failed } = await runSuites([...selected], {
      env,
      full,
      write,
      onStart: track,
      stopped: () => interrupted
    })
    sum.passed = passed
    sum.failed = failed
  } finally {
    await server.close()
  }
  if (interrupted) sum.failed += 1
  write(`${sum.passed} passed, ${sum.failed} failed`)
  return sum.failed === 0 && sum.passed > 0
}

/** Gives the workspaces to run, in order; with the compiled files that were named, or null for all it has. */
async function selectSuites(names: readonly string[]): Promise<Map<string, string[] | null>> {
  const all = (await findWorkspaces()).filter((path) => existsSync(`${repositoryRoot}${path}/dist/test`))
  if (names.length === 0) return new Map(all.map((path) => [path, null]))
  const selected = new Map<string, string[] | null>()
  for (const name of names) {
    const [, folder = name, file] = /^(.*?)\/(test\/.*)\.ts$/.exec(name) ?? []
    const path = all.find((each) => each === folder || each.endsWith(`/${folder}`))
    const compiled = file === undefined ? undefined : `dist/${file}.js`
    if (path === undefined || (compiled && !existsSync(`${repositoryRoot}${path}/${compiled}`)))
      throw new Error(`no such workspace with tests: ${name}`)
    const before = selected.get(path)
    selected.set(path, compiled === undefined || before === null ? null : [...(before ?? []), compiled])
  }
  return selected
}

async function openServer(given: string | undefined): Promise<{ url: string; close(): Promise<void> }> {
  if (given !== undefined) return { url: given, close: () => dropLeftovers(given) }
  const server = await startTestPostgres()
  return { url: server.adminUrl('postgres'), close: () => server.stop() }
}

// A test that was killed could not drop its own; a server that stays must not collect them.
function dropLeftovers(url: string): Promise<void> {
  return withClient(url, async (admin) => {
    const found = await admin.query<{ datname: string }>(
      'select datname from pg_database where starts_with(datname, $1)',
      [databasePrefix()]
    )
    for (const { datname } of found.rows) await admin.query(`drop database if exists ${datname} with (force)`)
  })
}

function testEnvironment(url: string, run: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !ownVariables.test(name))
  return { ...Object.fromEntries(kept), PAPERCLIP_TEST_POSTGRES_URL: url, PAPERCLIP_TEST_RUN: run }
}

function track(child: ChildProcess): void {
  running.add(child)
  child.once('close', () => running.delete(child))
}

function write(line: string): void {
  process.stdout.write(`${line}\n`)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true
    for (const child of running) child.kill('SIGTERM')
  })
}

try {
  process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1
} catch (error) {
  process.stderr.write(`npm test: ${error instanceof Error ? error.message : String(error)}\n`)
  write('0 passed, 1 failed')
  process.exitCode = 1
}
