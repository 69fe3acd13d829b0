import { open } from 'node:fs/promises'
import { limits, looksLikeCredential } from '@paperclip/contracts'
import type { Command } from 'commander'
import { CliError, MisuseError } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import { promptHidden } from './prompt.js'

/** Where a value comes from; without any, stdin, or a prompt on a terminal. Never an argument. */
export interface ValueFlags {
  readonly valueFile?: string
  readonly valueEnv?: string
  readonly keepNewline?: true
}

/** Adds the flags of {@link ValueFlags}. */
export function withValueFlags(command: Command): Command {
  return command
    .option('--value-file <path>', 'read the value from a file instead of stdin')
    .option('--value-env <name>', 'take the value from this environment variable')
    .option('--keep-newline', 'keep the line end of a one-line value from stdin or a file')
    .showHelpAfterError(
      'paperclipai: hint: a value comes on stdin, with --value-file or --value-env; never here'
    )
}

/** Help shared by the commands that take a value. */
export const valueHelp = `
The value comes from stdin, from a hidden prompt on a terminal, from --value-file or from --value-env;
never from an argument, which other users of the machine could see. It is kept byte for byte, but for one
thing: a value of one line loses the line end that \`echo\` and editors add (the note on stderr says so);
--keep-newline keeps it. A value of several lines, a PEM key say, is never touched.`

/** Refuses arguments that look like the value itself, before anything is sent; none is repeated. */
export function requireNoValue(words: readonly (string | undefined)[]): void {
  if (words.some((word) => word !== undefined && looksLikeCredential(word)))
    throw new MisuseError(
      'an argument looks like the value itself: name, key and description are shown to every member',
      'other users of this machine and the history of the shell may have it now: replace it where it was issued'
    )
}

/** Says whether the flags contradict each other or name nothing, before any request is sent. */
export function checkValueFlags(io: CliIo, { valueFile, valueEnv }: ValueFlags): void {
  if (valueFile !== undefined && valueEnv !== undefined)
    throw new MisuseError('--value-file and --value-env cannot be used together')
  // The name is not repeated: whoever misunderstands the flag puts the value there.
  if (valueEnv !== undefined && io.env[valueEnv] === undefined)
    throw new MisuseError('--value-env names a variable that is not set')
}

/** Reads the value. Throws without any of it when it is too large, not UTF-8, or absent. */
export async function readSecretValue(io: CliIo, flags: ValueFlags, what: string): Promise<string> {
  checkValueFlags(io, flags)
  if (flags.valueEnv !== undefined) return requireSome(io.env[flags.valueEnv] ?? '', 'the variable is empty')
  if (flags.valueFile !== undefined)
    return requireSome(
      withoutLineEnd(io, decode(await readFileBytes(flags.valueFile)), flags),
      'the file is empty'
    )
  if (io.stdin.isTTY) return requireSome(await promptHidden(io, what), 'no value was given')
  const text = decode(await readStream(io.stdin, limits.valueBytesMax))
  return requireSome(withoutLineEnd(io, text, flags), 'no value came on stdin')
}

/** Reads a stream to its end, at most `bytesMax` and a line end. */
export async function readStream(stream: AsyncIterable<Uint8Array>, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of stream) {
    bytes += chunk.length
    if (bytes > bytesMax + lineEndBytesMax) throw tooLarge(bytesMax)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const lineEndBytesMax = 2

async function readFileBytes(path: string): Promise<Buffer> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(`the value file cannot be read (${error.code})`, { hint: 'check its path and mode' })
  })
  try {
    return await readStream(file.createReadStream({ autoClose: false }), limits.valueBytesMax)
  } catch (error) {
    if (error instanceof CliError) throw error
    throw new CliError(`the value file cannot be read (${(error as NodeJS.ErrnoException).code})`)
  } finally {
    await file.close()
  }
}

/** Decodes strictly: replacing what is not UTF-8 would store another value than the one given. */
export function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new CliError('the value is not UTF-8 text', { hint: 'encode it first, with base64 for example' })
  }
}

function withoutLineEnd(io: CliIo, text: string, { keepNewline }: ValueFlags): string {
  const line = /^([^\r\n]*)\r?\n$/.exec(text)
  if (line?.[1] === undefined || keepNewline) return text
  if (line[1] !== '') note(io, 'the line end of the value was dropped; --keep-newline keeps it')
  return line[1]
}

function requireSome(value: string, otherwise: string): string {
  if (value === '')
    throw new MisuseError(otherwise, 'give the value on stdin, or with --value-file or --value-env')
  if (Buffer.byteLength(value) > limits.valueBytesMax) throw tooLarge(limits.valueBytesMax)
  return value
}

function tooLarge(bytesMax: number): CliError {
  return new CliError(`the value is larger than ${bytesMax} bytes`)
}
