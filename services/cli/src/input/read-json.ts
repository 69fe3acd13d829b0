import { createReadStream } from 'node:fs'
import { CliError, MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'

/** What is read, for messages, and how much of it at most. */
export interface JsonSource {
  /** A path; `-` or undefined: stdin. */
  readonly file: string | undefined
  /** In the plural: "the rows". */
  readonly what: string
  readonly bytesMax: number
  /** What to give instead of what cannot be used. */
  readonly hint: string
}

/**
 * Reads JSON from a file or stdin. Never repeats any of it: it may hold what somebody put there by mistake. Throws
 * {@link MisuseError} for what is no JSON, {@link CliError} for what cannot be read or is too large.
 */
export async function readJson(io: CliIo, { file, what, bytesMax, hint }: JsonSource): Promise<unknown> {
  const source = file === undefined || file === '-' ? io.stdin : createReadStream(file)
  const chunks: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const chunk of source) {
      bytes += chunk.length
      if (bytes > bytesMax) throw new CliError(`${what} are larger than ${bytesMax} bytes`, { hint })
      chunks.push(chunk)
    }
  } catch (error) {
    if (error instanceof CliError) throw error
    throw new CliError(`${what} cannot be read (${(error as NodeJS.ErrnoException).code})`, { hint })
  }
  try {
    return JSON.parse(withoutMark(Buffer.concat(chunks).toString('utf8')))
  } catch {
    // Without the reason: it would quote the text.
    throw new MisuseError(`${what} are no JSON`, hint)
  }
}

/** Some editors put a byte order mark first. */
function withoutMark(text: string): string {
  return text.replace(/^\ufeff/, '')
}
