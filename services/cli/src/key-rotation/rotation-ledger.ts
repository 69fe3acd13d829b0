import { existsSync } from 'node:fs'
import { chmod, mkdir, open, readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { replacePrivateFile, tighten } from '@paperclip/instance'
import { CliError } from '../cli-error.js'

/** A key that was there when the rotation began. Names are for people and for the names of folders. */
export interface PlannedKey {
  readonly companyId: string
  readonly company: string
  readonly agentId: string
  readonly agent: string
  readonly keyId: string
  readonly name: string
  readonly lastUsedAt: string | null
  readonly expiresAt: string | null
}

/**
 * How far a key has come. `creating`: its successor may exist, without anybody having its token. `written`: the token
 * of the successor is in its file. `revoked`: the key itself is no more; without `newKeyId`, nothing took its place.
 */
export interface KeyProgress {
  readonly keyId: string
  readonly step: 'creating' | 'written' | 'revoked'
  readonly newKeyId?: string
  readonly file?: string
}

interface Head {
  readonly version: 1
  /** Where and what is rotated, as one text: another rotation must not go on in this folder. */
  readonly subject: string
  readonly beganAt: string
}

const ownerOnly = 0o700
/** By group or anybody. */
const othersMayWrite = 0o022
const rootUid = 0
const fileName = 'rotation.jsonl'
/** Held while a rotation is at work in its folder. */
export const rotationLockName = '.lock'

/**
 * What is to be rotated and how far it has come, as a file of JSON lines: the plan, written whole or not at all, then a
 * line for each step, on the disk before the next one begins. Holds ids and names, never a token.
 */
export class RotationLedger {
  readonly #path: string
  #keys: readonly PlannedKey[] = []
  readonly #progress = new Map<string, KeyProgress>()
  #finishedAt: string | null = null

  private constructor(path: string) {
    this.#path = path
  }

  /**
   * Makes the folder of a rotation, for its owner alone. Throws {@link CliError} for one in which others could read or
   * replace what is written, and for one that holds something else, whose rights are not ours to change.
   */
  static async makeFolder(folder: string): Promise<void> {
    try {
      await mkdir(folder, { recursive: true, mode: ownerOnly })
      await requireOurs(folder)
      const names = await readdir(folder)
      if (!names.includes(fileName) && names.some((name) => !isOwn(name)))
        throw new CliError(`${folder} holds something else`, { hint: 'name a folder that is not there yet' })
      await chmod(folder, ownerOnly)
    } catch (error) {
      if (error instanceof CliError) throw error
      throw new CliError(`${folder} cannot be used (${(error as NodeJS.ErrnoException).code})`, {
        hint: 'name a folder that you may write to'
      })
    }
  }

  /** Reads the ledger of a folder, if there is one; {@link hasPlan} says whether it goes on. */
  static async open(folder: string, subject: string): Promise<RotationLedger> {
    const ledger = new RotationLedger(join(folder, fileName))
    if (ledger.hasPlan) await ledger.#read(subject)
    return ledger
  }

  /** Whether a rotation began here, so that this one goes on with it. */
  get hasPlan(): boolean {
    return existsSync(this.#path)
  }

  /** The plan, empty before there is one. */
  get keys(): readonly PlannedKey[] {
    return this.#keys
  }

  /** The last step of a key; undefined before the first. */
  progressOf(keyId: string): KeyProgress | undefined {
    return this.#progress.get(keyId)
  }

  /** Ids of all keys that this rotation has made and kept. */
  newKeyIds(): Set<string> {
    return new Set([...this.#progress.values()].flatMap(({ newKeyId }) => newKeyId ?? []))
  }

  /** Writes the plan, before anything is made. */
  async plan(subject: string, keys: readonly PlannedKey[]): Promise<void> {
    const head: Head = { version: 1, subject, beganAt: new Date().toISOString() }
    const lines = [head, ...keys.map((key) => ({ planned: key })), { whole: keys.length }]
    await replacePrivateFile(this.#path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
    this.#keys = keys
  }

  /** Notes a step; it is on the disk when this resolves. */
  async note(progress: KeyProgress): Promise<void> {
    await this.#append(progress)
    this.#progress.set(progress.keyId, progress)
  }

  /** When all was done, ISO 8601; null before. */
  get finishedAt(): string | null {
    return this.#finishedAt
  }

  /** Notes that all is done, once. */
  async finish(): Promise<void> {
    if (this.#finishedAt !== null) return
    const finishedAt = new Date().toISOString()
    await this.#append({ finishedAt })
    this.#finishedAt = finishedAt
  }

  async #append(line: object): Promise<void> {
    const file = await open(this.#path, 'a')
    try {
      // What a kill left unfinished must not spoil this line too.
      await file.write(`\n${JSON.stringify(line)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
  }

  async #read(subject: string): Promise<void> {
    await tighten(this.#path)
    const lines = (await readFile(this.#path, 'utf8')).split('\n').filter((line) => line !== '')
    const [head, ...rest] = lines.map(parseLine)
    if (head?.version !== 1)
      throw new CliError(`${this.#path} is not the record of a rotation`, { hint: 'name another folder' })
    if (head.subject !== subject)
      throw new CliError(`${this.#path} is of another rotation`, { hint: 'name another folder' })
    this.#keys = rest.flatMap((line) => (line?.planned as PlannedKey | undefined) ?? [])
    for (const line of rest) {
      if (typeof line?.finishedAt === 'string') this.#finishedAt = line.finishedAt
      if (line?.step !== undefined) this.#progress.set(String(line.keyId), line as unknown as KeyProgress)
    }
  }
}

/**
 * Refuses a folder that another user owns, or may write to. Closing the latter would come too late: who could write
 * there holds it open, or has put links where our files go.
 */
async function requireOurs(folder: string): Promise<void> {
  const { uid, mode } = await stat(folder)
  const us = process.getuid?.()
  if (us !== undefined && uid !== us && uid !== rootUid)
    throw new CliError(`${folder} belongs to another user (uid ${uid}), who could read the new keys`, {
      hint: 'name a folder that is not there yet, or one of your own'
    })
  if ((mode & othersMayWrite) !== 0)
    throw new CliError(`others may write to ${folder}, where the new keys would lie`, {
      hint: `name a folder that is not there yet; of one that only you have used: \`chmod 700\` it, and repeat`
    })
}

/** What a rotation that was killed before it had a plan leaves behind. */
function isOwn(name: string): boolean {
  return name.startsWith(rotationLockName) || name.startsWith(`${fileName}.tmp-`)
}

/** Undefined for a line that was cut off. */
function parseLine(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
