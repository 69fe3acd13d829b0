import { existsSync } from 'node:fs'
import { type FileHandle, link, open, readFile, rename, rm } from 'node:fs/promises'
import { replacePrivateFile } from '@paperclip/instance'
import { CliError } from '../cli-error.js'
import { type ProcessLock, takeProcessLock } from '../process-lock.js'

/** How far an export has come. */
export interface ExportState {
  /** What is exported, from where and how, as one text: another export must not go on with this file. */
  readonly subject: string
  /** Where the next page begins; null: nothing was written yet. */
  readonly cursor: string | null
  readonly rows: number
  /** What lies beyond in the file was being written when the export was cut off. */
  readonly bytes: number
}

const ownerOnly = 0o600

/** A file that an export is written to until it is whole, and the note beside it of how far that has come. */
export class UnfinishedExport {
  readonly path: string
  readonly #output: string
  readonly #file: FileHandle
  readonly #lock: ProcessLock
  state: ExportState

  private constructor(
    output: string,
    { file, lock, state }: { file: FileHandle; lock: ProcessLock; state: ExportState }
  ) {
    this.path = partOf(output)
    this.#output = output
    this.#file = file
    this.#lock = lock
    this.state = state
  }

  /**
   * Goes on with what was cut off, or begins. Throws {@link CliError} when something else lies there, or another process
   * is at work on it: of two that write, one would give its name to what the other has not finished.
   */
  static async open(
    output: string,
    { subject, restart }: { subject: string; restart: boolean }
  ): Promise<UnfinishedExport> {
    const part = partOf(output)
    const lock = await takeProcessLock(`${part}.lock`).catch((error: unknown) => {
      throw notWritable(part, error)
    })
    if (lock === null || 'heldBy' in lock)
      throw new CliError(`another command is at work on ${output}`, { hint: 'wait for its end' })
    try {
      if (existsSync(output)) throw new CliError(`${output} is there already`, { hint: 'name another file' })
      const state = restart ? undefined : await readState(output)
      if (state !== undefined && state.subject !== subject)
        throw new CliError(`${part} is of another export that was cut off`, {
          hint: 'name another file, or begin anew with --restart'
        })
      const begun = state !== undefined && existsSync(part) ? state : undefined
      const file = await (begun === undefined ? beginAnew(part) : openPart(part, begun))
      const none = { subject, cursor: null, rows: 0, bytes: 0 }
      return new UnfinishedExport(output, { file, lock, state: begun ?? none })
    } catch (error) {
      await lock.release()
      throw error instanceof CliError ? error : notWritable(part, error)
    }
  }

  /** Adds a page: first what it holds, then that it is there, each on the disk before the next. */
  async append(text: string, { rows, cursor }: { rows: number; cursor: string | null }): Promise<void> {
    const { subject, bytes, rows: before } = this.state
    const content = Buffer.from(text)
    const state = { subject, cursor, rows: before + rows, bytes: bytes + content.length }
    try {
      // A disk that is nearly full takes a part, and says so with the next.
      for (let done = 0; done < content.length; ) {
        const { bytesWritten } = await this.#file.write(content, done, content.length - done, bytes + done)
        done += bytesWritten
      }
      await this.#file.datasync()
      if (cursor !== null) await replacePrivateFile(stateOf(this.#output), `${JSON.stringify(state)}\n`)
    } catch (error) {
      throw new CliError(`${this.path} cannot be written (${(error as NodeJS.ErrnoException).code})`, {
        hint: 'make room, and repeat the command'
      })
    }
    this.state = state
  }

  /** Gives the file its name, unless another file has taken that meanwhile. */
  async finish(): Promise<void> {
    // First: a note that outlived its export would make the next one of this name go on in the middle.
    await rm(stateOf(this.#output), { force: true })
    try {
      await link(this.path, this.#output)
      await rm(this.path)
    } catch (error) {
      if (existsSync(this.#output))
        throw new CliError(`${this.#output} is there by now (${(error as NodeJS.ErrnoException).code})`, {
          hint: `the export is whole in ${this.path}`
        })
      // The file system has no hard links.
      await rename(this.path, this.#output)
    }
  }

  async close(): Promise<void> {
    await this.#file.close()
    await this.#lock.release()
  }
}

async function beginAnew(part: string): Promise<FileHandle> {
  await rm(part, { force: true })
  return await open(part, 'wx', ownerOnly)
}

/** Opens what is there, without what was being written when it was cut off. */
async function openPart(part: string, { bytes }: ExportState): Promise<FileHandle> {
  const file = await open(part, 'r+')
  try {
    // A file that is shorter than it was would be filled up with nothing.
    if ((await file.stat()).size < bytes)
      throw new CliError(`${part} is not what was written there`, { hint: 'begin anew with --restart' })
    await file.truncate(bytes)
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

function notWritable(part: string, error: unknown): CliError {
  return new CliError(`${part} cannot be written (${(error as NodeJS.ErrnoException).code})`, {
    hint: 'name a file in a folder that is there and yours'
  })
}

function partOf(output: string): string {
  return `${output}.part`
}

function stateOf(output: string): string {
  return `${output}.part.json`
}

/** Undefined when there is none, or it says nothing. */
async function readState(output: string): Promise<ExportState | undefined> {
  try {
    const { subject, cursor, rows, bytes } = JSON.parse(await readFile(stateOf(output), 'utf8'))
    const isWhole = Number.isInteger(rows) && Number.isInteger(bytes)
    return isWhole && typeof cursor === 'string' ? { subject, cursor, rows, bytes } : undefined
  } catch {
    return undefined
  }
}
