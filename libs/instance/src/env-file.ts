import { open, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { keepCopy } from './file-copy.js'
import { InstanceError, systemCode } from './instance-error.js'
import { makePrivateDir, privateFileMode, refuseLinkToNothing, replacePrivateFile } from './private-file.js'

/** Variables of an `.env` file. */
export type EnvEntries = Readonly<Record<string, string>>

const heading = `# Secrets of this instance, made by paperclipai. Back this file up; never share it.
# Values set in the environment win over these.
`

const plainValue = /^[\w+/=.:@%-]+$/

const lockPollMs = 20
/** Adding a line takes milliseconds: a lock this old was left by a killed process. */
const lockStaleAfterMs = 10_000

/** Reads an `.env` file; one that does not exist is empty. Throws {@link InstanceError} when unreadable. */
export async function readEnvFile(path: string): Promise<EnvEntries> {
  return parseEnv(await readText(path))
}

/**
 * Adds the variables that the file does not have yet, or has without a value; never changes one that it has.
 *
 * Returns the names added. Several processes may do this at once: all end up with the same values.
 */
export async function completeEnvFile(path: string, entries: EnvEntries): Promise<string[]> {
  return await withLock(`${path}.lock`, async () => {
    const text = await readText(path)
    const present = parseEnv(text)
    const missing = Object.entries(entries).filter(([name]) => (present[name] ?? '') === '')
    if (missing.length === 0) return []
    const lines = missing.map(([name, value]) => `${name}=${checkValue(name, value)}\n`).join('')
    const before = text === '' ? heading : text.endsWith('\n') ? text : `${text}\n`
    await replacePrivateFile(path, before + lines)
    return missing.map(([name]) => name)
  })
}

/** Picks what {@link changeEnvFile} would change: not what the file says already. Writes nothing. */
export async function findEnvChanges(
  path: string,
  wanted: Readonly<Record<string, string | null>>
): Promise<Record<string, string | null>> {
  const said = await readEnvFile(path)
  return Object.fromEntries(Object.entries(wanted).filter(([name, text]) => text !== (said[name] ?? null)))
}

/**
 * Sets variables, or takes them out (null); every other line stays. In one step, one process at a time; gives the path
 * of the copy of what was there, if there was anything. Values are one line without an apostrophe.
 */
export async function changeEnvFile(
  path: string,
  changes: Readonly<Record<string, string | null>>
): Promise<string[]> {
  await makePrivateDir(dirname(path))
  return await withLock(`${path}.lock`, async () => {
    const text = await readText(path)
    const kept = text
      .split('\n')
      .filter((line) => !Object.keys(parseEnv(line)).some((name) => name in changes))
    const body = kept.join('\n').replace(/\n*$/, text === '' ? '' : '\n')
    const lines = Object.entries(changes).flatMap(([name, value]) =>
      value === null ? [] : [`${name}=${quoteValue(name, value)}\n`]
    )
    const copies = text === '' ? [] : [await keepCopy(path, text)]
    await replacePrivateFile(path, (text === '' ? heading : body) + lines.join(''))
    return copies
  })
}

/** Quotes what a shell would read in its own way. */
function quoteValue(name: string, value: string): string {
  if (/['\r\n]/.test(value)) throw new InstanceError(`${name} cannot be written to an .env file.`)
  return plainValue.test(value) ? value : `'${value}'`
}

/** Parses `NAME=value` lines; comments, blank lines, `export` and surrounding quotes are understood. */
export function parseEnv(text: string): EnvEntries {
  const entries: Record<string, string> = {}
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line)
    if (match?.[1] === undefined || match[2] === undefined) continue
    entries[match[1]] = match[2].replace(/^(["'])(.*)\1$/, '$2')
  }
  return entries
}

/** What we write needs no quoting, so that every reader of `.env` files agrees on it. */
function checkValue(name: string, value: string): string {
  if (!plainValue.test(value)) throw new InstanceError(`${name} cannot be written to an .env file.`)
  return value
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    // The second: something above the file is not a folder.
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) {
      await refuseLinkToNothing(path)
      return ''
    }
    throw new InstanceError(`${path} cannot be read: start as the user who owns it.`, { cause: error })
  }
}

async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  while (!(await takeLock(path))) {
    const found = await stat(path).catch(() => undefined)
    const stale = found !== undefined && Date.now() - found.mtimeMs > lockStaleAfterMs
    await (stale ? rm(path, { force: true }) : delay(lockPollMs))
  }
  try {
    return await work()
  } finally {
    await rm(path, { force: true })
  }
}

async function takeLock(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', privateFileMode)
    await file.close()
    return true
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false
    throw error
  }
}
