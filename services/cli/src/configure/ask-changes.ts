import { isCancel, password, text } from '@clack/prompts'
import { CliError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import type { Changes } from './judge-changes.js'
import { type SectionName, type Setting, settings } from './settings.js'

/** Asks for every setting of a section on a terminal; an empty answer keeps what there is. */
export async function askChanges(io: CliIo, section: SectionName): Promise<Changes> {
  const changes = new Map<Setting, string | null>()
  for (const setting of settings[section]) {
    const { what, variable, rule, isSecret } = setting
    const message = `${what} (${variable}; empty: as it is)`
    const validate = (answer: string | undefined) =>
      answer === undefined || answer.trim() === '' ? undefined : (rule(answer.trim()) ?? undefined)
    const common = { message, validate, input: io.stdin, output: io.stderr }
    const answer = await (isSecret ? password(common) : text(common))
    if (isCancel(answer)) throw new CliError('cancelled; nothing was changed')
    const trimmed = (answer ?? '').trim()
    if (trimmed !== '') changes.set(setting, trimmed)
  }
  return changes
}
