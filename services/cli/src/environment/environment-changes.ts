import { readFile } from 'node:fs/promises'
import {
  type Environment,
  type EnvironmentEntry,
  type EnvironmentView,
  environmentNameExpression,
  isSensitive,
  isUuid,
  limits,
  looksLikeCredential
} from '@paperclip/contracts'
import { CliError, MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import { decode, readStream } from '../input/secret-value.js'

/** The flags of `env set` that say what changes. */
export interface ChangeFlags {
  readonly secret?: readonly string[]
  readonly plainFile?: readonly string[]
  readonly plainEnv?: readonly string[]
  readonly fromFile?: string
  readonly unset?: readonly string[]
  readonly replace?: true
}

/** What `env set` does to an environment: names to set, names to take away. */
export interface EnvironmentChanges {
  readonly set: Environment
  readonly unset: readonly string[]
}

const referencePattern = /^([A-Za-z0-9_.-]+)(?:@(latest|[1-9]\d{0,9}))?$/

/** Reads every change the command line asks for, files included. Nothing is sent yet; what is wrong is misuse. */
export async function readChanges(
  io: CliIo,
  assignments: readonly string[],
  flags: ChangeFlags
): Promise<EnvironmentChanges> {
  const set = new Map<string, EnvironmentEntry>()
  const add = (name: string, entry: EnvironmentEntry) => {
    if (set.has(name)) throw new MisuseError(`${name} is given twice`)
    set.set(name, entry)
  }
  for (const text of assignments) add(...parseAssignment(text))
  for (const text of flags.secret ?? []) {
    const [name, reference] = splitName(text, '--secret')
    add(name, parseReference(name, reference))
  }
  for (const text of flags.plainEnv ?? []) {
    const [name, variable] = text.includes('=') ? splitName(text, '--plain-env') : [requireName(text), text]
    const value = io.env[variable]
    // What stands on the right may be the value itself, meant for another flag.
    if (value === undefined)
      throw new MisuseError(
        `${shownName(name)}: --plain-env names a variable that is not set`,
        'it is --plain-env NAME, or NAME=VARIABLE where the names differ; never a value'
      )
    add(name, plain(value))
  }
  for (const text of flags.plainFile ?? []) {
    const [name, path] = splitName(text, '--plain-file')
    const content = await readText(path, `${shownName(name)}: the file that --plain-file names`)
    add(name, plain(content.replace(/\r?\n$/, '')))
  }
  if (flags.fromFile !== undefined)
    for (const [name, entry] of Object.entries(await readDocument(io, flags.fromFile))) add(name, entry)
  const unset = (flags.unset ?? []).map(requireName)
  const both = unset.find((name) => set.has(name))
  if (both !== undefined) throw new MisuseError(`${both} is both set and unset`)
  if (set.size === 0 && unset.length === 0 && !flags.replace)
    throw new MisuseError('nothing to change was given', 'for example NAME=secret:<key>')
  return { set: Object.fromEntries(set), unset }
}

/** Applies changes to what the server shows; its placeholders go back as they came and keep what is stored. */
export function applyChanges(
  current: EnvironmentView['env'],
  { set, unset }: EnvironmentChanges
): Environment {
  const gone = new Set(unset)
  const kept = Object.entries(current).filter(([name]) => !gone.has(name))
  return { ...Object.fromEntries(kept), ...set }
}

/** Reads `NAME=secret:<key>[@version]`. Whatever else stands there may be a value, so it is not repeated. */
function parseAssignment(text: string): [string, EnvironmentEntry] {
  const [name, right] = splitName(text, 'an assignment')
  const reference = /^\$?secret:(.*)$/.exec(right)?.[1]
  if (reference === undefined)
    throw new MisuseError(
      `${name}: only NAME=secret:<key> may stand in an argument, where others can read it`,
      isSensitive(name, right)
        ? `store it with \`paperclipai secrets create\`, then refer to it by its key: ${name}=secret:<key>`
        : 'a plain value comes with --plain-file, --plain-env or --from-file'
    )
  return [name, parseReference(name, reference)]
}

function parseReference(name: string, reference: string): EnvironmentEntry {
  const [, key, version] = referencePattern.exec(reference) ?? []
  if (key === undefined)
    throw new MisuseError(`${name}: a reference is a secret's key or id, and may end in @version`)
  const pinned = version === undefined || version === 'latest' ? 'latest' : Number(version)
  if (isUuid(key)) return { type: 'secret_ref', secretId: key, version: pinned }
  return pinned === 'latest' ? `$secret:${key}` : `$secret:${key}@${pinned}`
}

function splitName(text: string, where: string): [string, string] {
  const equals = text.indexOf('=')
  if (equals === -1)
    throw new MisuseError(
      `${where} must have the form NAME=…`,
      'NAME=secret:<key> is a reference; a plain value of yours is --plain-env NAME, once for each'
    )
  return [requireName(text.slice(0, equals)), text.slice(equals + 1)]
}

function requireName(name: string): string {
  if (environmentNameExpression.test(name) && name.length <= limits.environmentNameCharsMax) return name
  throw new MisuseError('the name of a variable has letters, digits and _ only, and begins with no digit')
}

/** A name may have letters, digits and _ only, and so may many a token. */
function shownName(name: string): string {
  return looksLikeCredential(name) ? 'a variable' : name
}

function plain(value: string): EnvironmentEntry {
  return { type: 'plain', value }
}

/** `what` names the file in an error: its path may be a value that was put in the wrong place. */
async function readText(path: string, what: string): Promise<string> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(`${what} cannot be read (${error.code})`, { hint: 'check its path and mode' })
  })
  return decode(bytes)
}

/** Reads an environment as JSON, alone or as the member `env` (what `env get --json` prints). */
async function readDocument(io: CliIo, path: string): Promise<Environment> {
  const text =
    path === '-'
      ? decode(await readStream(io.stdin, limits.environmentBodyBytesMax))
      : await readText(path, 'the file that --from-file names')
  let document: unknown
  try {
    document = JSON.parse(text)
  } catch {
    // The parser quotes what it read.
    throw new CliError('the document is not JSON')
  }
  const env =
    isObject(document) && isObject(document.env) && !('type' in document.env) ? document.env : document
  if (!isObject(env)) throw new CliError('the document is not an object of names and values')
  for (const [name, entry] of Object.entries(env)) {
    requireName(name)
    if (typeof entry !== 'string' && !isObject(entry))
      throw new CliError(`${name} in the document is neither text nor an object`)
  }
  return env as Environment
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
