/** What the process exits with. Above 125 follow the shell: 126 cannot be run, 127 not found, 128+n signal n. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  misuse: 2,
  notExecutable: 126,
  notFound: 127,
  signalBase: 128
} as const

/** A failure told in one sentence, with the next step as its hint. Neither ever holds a value or a token. */
export class CliError extends Error {
  override readonly name: string = 'CliError'
  readonly exitCode: number
  readonly hint: string | undefined
  /** Further lines, each about one faulty place. */
  readonly lines: readonly string[]

  constructor(message: string, { exitCode = exitCodes.failed, hint, lines = [] }: CliErrorOptions = {}) {
    super(message)
    this.exitCode = exitCode
    this.hint = hint
    this.lines = lines
  }
}

interface CliErrorOptions {
  exitCode?: number
  hint?: string | undefined
  lines?: readonly string[]
}

/** The command line itself is wrong; nothing was sent. */
export class MisuseError extends CliError {
  override readonly name = 'MisuseError'

  constructor(message: string, hint?: string) {
    super(message, { exitCode: exitCodes.misuse, hint })
  }
}
