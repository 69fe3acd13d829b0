import { confirm, isCancel, password, text } from '@clack/prompts'
import { CliError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'

/** Asks for a value without showing it. Prompts go to stderr: stdout is for data. */
export async function promptHidden(io: CliIo, message: string): Promise<string> {
  const answer = await password({ message, input: io.stdin, output: io.stderr })
  if (isCancel(answer)) throw new CliError('cancelled; nothing was changed')
  return answer ?? ''
}

/** Asks for a line, shown as it is typed. Only on a terminal. */
export async function promptText(io: CliIo, message: string): Promise<string> {
  const answer = await text({ message, input: io.stdin, output: io.stderr })
  if (isCancel(answer)) throw new CliError('cancelled; nothing was changed')
  return (answer ?? '').trim()
}

/** Asks a yes-or-no question and fails when the answer is no. Only on a terminal. */
export async function confirmOrFail(io: CliIo, message: string): Promise<void> {
  const answer = await confirm({ message, initialValue: false, input: io.stdin, output: io.stderr })
  if (answer !== true) throw new CliError('declined; nothing was changed')
}
