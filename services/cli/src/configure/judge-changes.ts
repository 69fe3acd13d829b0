import { CliError, exitCodes } from '../cli-error.js'
import type { SectionName, Setting } from './settings.js'
import { settings } from './settings.js'

/** What a setting becomes; null: what it is without us. */
export type Changes = ReadonlyMap<Setting, string | null>

/** Finds a setting of a section by its key; misuse names those that there are. */
export function findSetting(section: SectionName, key: string): Setting {
  const found = settings[section].find((setting) => setting.key === key)
  if (found !== undefined) return found
  throw new CliError(`the section ${section} has no such setting`, {
    exitCode: exitCodes.misuse,
    lines: settings[section].map(({ key: known, what }) => `${known}  ${what}`)
  })
}

/** Throws an error with a line for each value that is wrong, which never shows it. Nothing is changed then. */
export function requireRight(changes: Changes): void {
  const faults: string[] = []
  const seen = new Set<string>()
  for (const [{ key, variable, rule, isSecret }, text] of changes) {
    if (text === null) continue
    const sentence = rule(text)
    if (sentence !== null) faults.push(`${key} (${variable}) ${sentence}`)
    if (isSecret && /['\r\n]/.test(text)) faults.push(`${key} (${variable}) must be one line without '`)
    if (isSecret && seen.has(text)) faults.push(`${key} (${variable}) must differ from the other secrets`)
    seen.add(text)
  }
  if (faults.length === 0) return
  throw new CliError(faults.length === 1 ? 'one value is wrong' : `${faults.length} values are wrong`, {
    exitCode: exitCodes.misuse,
    lines: faults,
    hint: 'nothing was changed'
  })
}
