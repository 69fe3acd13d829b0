import { readFileSync } from 'node:fs'
import { signingProfile } from './profile.js'

const keyFileBytesMax = 256 * 1024
const base64urlPattern = /^[A-Za-z0-9_-]+$/
const instantPattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z$/

/** A key file that cannot be used. The message names the file, the member and the rule, never what is in it. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError'
  readonly path: string

  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`)
    this.path = path
  }
}

/** Reads a key file's text. Throws KeyFileError when it is absent, unreadable or larger than 256 KiB. */
export function readKeyFile(path: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (error) {
    throw new KeyFileError(path, `the file cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
  if (bytes.length > keyFileBytesMax)
    throw new KeyFileError(path, `the file is over ${keyFileBytesMax} bytes`)
  return bytes.toString('utf8')
}

/** Reads the members of a parsed key file one by one; each method throws KeyFileError naming `where`. */
export interface KeyFileReader {
  /** The file's JSON. */
  root(): unknown
  /** An object with exactly these members. */
  members(value: unknown, where: string, names: readonly string[]): Readonly<Record<string, unknown>>
  list(value: unknown, where: string, entriesMax: number): readonly unknown[]
  /** Distinct texts of one pattern. */
  texts(value: unknown, where: string, rule: { pattern: RegExp; entriesMax: number }): readonly string[]
  text(value: unknown, where: string, pattern: RegExp): string
  /** Canonical base64url of 32 to 64 bytes. */
  secret(value: unknown, where: string): Buffer
  /** A UTC time like `2030-01-31T00:00:00Z`, as milliseconds since the epoch. */
  instantMs(value: unknown, where: string): number
  /** Makes the error, for rules that span members. */
  problem(where: string, rule: string): KeyFileError
}

/** Makes a {@link KeyFileReader} over the text of the file at `path`. */
export function createKeyFileReader(path: string, text: string): KeyFileReader {
  const problem = (where: string, rule: string) => new KeyFileError(path, `${where} ${rule}`)

  const reader: KeyFileReader = {
    problem,
    root() {
      try {
        return JSON.parse(text)
      } catch {
        // The parser's own message quotes the file, so it goes no further.
        throw problem('the file', 'is not JSON')
      }
    },
    members(value, where, names) {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        throw problem(where, 'must be an object')
      // A member that should not be there is not named: a misplaced secret could be its name.
      if (Object.keys(value).some((name) => !names.includes(name))) {
        throw problem(where, `may have no members but ${names.join(', ')}`)
      }
      const missing = names.find((name) => !Object.hasOwn(value, name))
      if (missing !== undefined) throw problem(where, `must have the member ${missing}`)
      return value as Record<string, unknown>
    },
    list(value, where, entriesMax) {
      if (!Array.isArray(value) || value.length > entriesMax) {
        throw problem(where, `must be a list of at most ${entriesMax}`)
      }
      return value
    },
    texts(value, where, { pattern, entriesMax }) {
      const entries = reader.list(value, where, entriesMax)
      const texts = entries.map((entry, index) => reader.text(entry, `${where}[${index}]`, pattern))
      if (new Set(texts).size !== texts.length) throw problem(where, 'must not repeat an entry')
      return Object.freeze(texts)
    },
    text(value, where, pattern) {
      if (typeof value !== 'string' || !pattern.test(value))
        throw problem(where, `must match ${pattern.source}`)
      return value
    },
    secret(value, where) {
      const { secretBytesMin, secretBytesMax } = signingProfile
      const bytes = Buffer.from(
        typeof value === 'string' && base64urlPattern.test(value) ? value : '',
        'base64url'
      )
      const canonical = bytes.toString('base64url') === value
      if (!canonical || bytes.length < secretBytesMin || bytes.length > secretBytesMax) {
        throw problem(
          where,
          `must be base64url, without padding, of ${secretBytesMin} to ${secretBytesMax} bytes`
        )
      }
      return bytes
    },
    instantMs(value, where) {
      const ms = typeof value === 'string' && instantPattern.test(value) ? Date.parse(value) : Number.NaN
      // Date.parse moves 30 February into March; a key must not outlive its date by a misprint.
      if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== String(value).slice(0, 19)) {
        throw problem(where, 'must be null or a UTC time like 2030-01-31T00:00:00Z')
      }
      return ms
    }
  }
  return reader
}
