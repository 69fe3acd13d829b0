import { isCancel, password, text } from '@clack/prompts'
import { CliError } from '../cli-error.js'
import { type CliIo, printable } from '../cli-io.js'
import type { Changes } from './judge-changes.js'
import { type SectionName, type Setting, settings } from './settings.js'

/**
 * Asks for every setting of a section on a terminal, with what `kept` says of it; an empty answer keeps that. Of what is
 * secret only is said that there is something.
 */
export async function askChanges(
  io: CliIo,
  section: SectionName,
  kept: Readonly<Record<string, string | undefined>>
): Promise<Changes> {
  const changes = new Map<Setting, string | null>()
  for (const setting of settings[section]) {
    const { what, variable, rule, isSecret } = setting
    const former = kept[variable]
    const now = former === undefined ? 'not set' : isSecret ? 'set' : `now ${printable(former)}`
    const message = `${what} (${variable}; ${now}; empty: as it is)`
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
