import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'

const threads = 2
/** Where Debian and its kin keep it, one folder a version. */
const packaged = '/usr/lib/postgresql'
const run = promisify(execFile)

/** Finds pgbench on the path or where packages put it; undefined when it is not installed. */
export async function findPgbench(): Promise<string | undefined> {
  const versions = existsSync(packaged) ? await readdir(packaged) : []
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a))
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    ...newestFirst.map((version) => join(packaged, version, 'bin'))
  ]
  return folders.map((folder) => join(folder, 'pgbench')).find((path) => existsSync(path))
}

interface PgbenchRun {
  readonly program: string
  readonly adminUrl: string
  readonly statement: string
  readonly connections: number
  readonly seconds: number
  /** Counting statements is then switched off, since it would slow pgbench down. */
  readonly countsStatements: boolean
}

/** Sends one statement over and over, prepared, and gives how many were committed a second. */
export async function runPgbench(options: PgbenchRun): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'paperclip-bench-'))
  try {
    const script = join(folder, 'statement.sql')
    await writeFile(script, `${options.statement.replaceAll('\n', ' ')};\n`)
    const { stdout } = await run(options.program, argumentsOf(options, script), {
      env: environmentOf(options)
    }).catch((error: Error & { stderr?: string }) => {
      throw new Error(`pgbench failed: ${error.stderr?.trim().split('\n').at(-1) ?? error.message}`)
    })
    const rate = /^tps = ([\d.]+)/m.exec(stdout)?.[1]
    if (rate === undefined) throw new Error('pgbench printed no rate')
    return Number(rate)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function argumentsOf({ connections, seconds, adminUrl }: PgbenchRun, script: string): string[] {
  const counts = ['-c', `${connections}`, '-j', `${threads}`, '-T', `${seconds}`]
  const database = decodeURIComponent(new URL(adminUrl).pathname.slice(1))
  return ['-n', '-M', 'prepared', '-f', script, ...counts, database]
}

/** The password goes by environment, because a command line can be read by others. */
function environmentOf({ adminUrl, countsStatements }: PgbenchRun): NodeJS.ProcessEnv {
  const url = new URL(adminUrl)
  return {
    PATH: process.env.PATH,
    PGHOST: url.hostname,
    PGPORT: url.port || '5432',
    PGUSER: decodeURIComponent(url.username),
    PGPASSWORD: decodeURIComponent(url.password),
    ...(countsStatements ? { PGOPTIONS: '-c pg_stat_statements.track=none' } : {})
  }
}
