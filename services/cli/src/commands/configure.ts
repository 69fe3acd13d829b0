import { type Command, Option } from 'commander'
import { MisuseError } from '../cli-error.js'
import { type CliIo, envText, hint, note } from '../cli-io.js'
import { askChanges } from '../configure/ask-changes.js'
import { type Changes, findSetting, requireRight } from '../configure/judge-changes.js'
import { type SectionName, type Setting, sectionNames } from '../configure/settings.js'
import { readSettings, splitChanges, writeChanges } from '../configure/write-changes.js'
import { confirmOrFail } from '../input/prompt.js'
import { findInstance } from '../launcher/launch-settings.js'
import { printJson } from '../output/print.js'

interface Flags {
  readonly section: SectionName
  readonly set?: string[]
  readonly setEnv?: string[]
  readonly unset?: string[]
  readonly yes?: true
  readonly json?: true
}

/** `configure`. */
export function addConfigure(parent: Command, io: CliIo): void {
  parent
    .command('configure')
    .description('change how this instance runs; holds from the next start')
    .addOption(new Option('--section <name>', 'which part').choices(sectionNames).makeOptionMandatory())
    .option('--set <key=value...>', 'set this; never a secret, which others could see')
    .option('--set-env <key=NAME...>', 'set this, a secret too, to what the variable NAME holds')
    .option('--unset <key...>', 'back to what it is without')
    .option('-y, --yes', 'do not ask; needed without a terminal')
    .option('--json', 'print JSON on stdout')
    .addHelpText(
      'after',
      `
Without --set, --set-env and --unset every setting of the section is asked for; an empty answer keeps it.
Secrets go to .env, all else to config.json, each in one step with a copy of the former file beside it (0600).
Variables of the environment win over both.

Examples:
  $ paperclipai configure --section server
  $ paperclipai configure --section server --set mode=authenticated publicUrl=https://secrets.example --yes
  $ paperclipai configure --section database --set-env url=DATABASE_URL --yes`
    )
    .action(async (flags: Flags) => await configure(io, flags))
}

async function configure(io: CliIo, flags: Flags): Promise<void> {
  const given = flags.set ?? flags.setEnv ?? flags.unset
  if (!io.stdin.isTTY && (given === undefined || !flags.yes))
    throw new MisuseError('without a terminal nothing can be asked', 'say --set key=value, and --yes')
  const paths = findInstance(io.env)
  const wanted =
    given === undefined
      ? await askChanges(io, flags.section, await readSettings(paths))
      : readChanges(io, flags)
  requireRight(wanted)
  const { changes, kept } = await splitChanges(paths, wanted)
  const changed = namesOf(changes)
  if (!flags.yes && changes.size > 0) await confirmOrFail(io, `Change ${changed.join(', ')}?`)
  const backups = await writeChanges(paths, changes)
  if (flags.json) printJson(io, { changed, backups })
  else for (const name of changed) note(io, `changed ${name}`)
  for (const name of kept) note(io, `${name} is that already`)
  for (const name of namesOf(wanted))
    if (envText(io, name) !== undefined) hint(io, `${name} is set in this environment too, which wins`)
  if (changes.size === 0) note(io, 'nothing was changed')
  else hint(io, 'start the instance again; `paperclipai doctor` says whether all fits together')
}

function namesOf(changes: Changes): string[] {
  return [...changes.keys()].map(({ variable }) => variable)
}

function readChanges(io: CliIo, { section, set = [], setEnv = [], unset = [] }: Flags): Changes {
  const changes = new Map<Setting, string | null>()
  const add = (setting: Setting, text: string | null) => {
    if (changes.has(setting)) throw new MisuseError(`${setting.key} is given twice`)
    changes.set(setting, text)
  }
  for (const [key, text] of set.map(pairOf)) {
    const setting = findSetting(section, key)
    if (setting.isSecret)
      throw new MisuseError(
        `${key} is secret, and others see what a command is given`,
        `say --set-env ${key}=NAME, a variable that holds it`
      )
    add(setting, text.trim())
  }
  for (const [key, name] of setEnv.map(pairOf)) {
    const text = envText(io, name)
    if (text === undefined) throw new MisuseError(`the variable named for ${key} is not set`)
    add(findSetting(section, key), text)
  }
  for (const key of unset) add(findSetting(section, key), null)
  return changes
}

function pairOf(text: string): [key: string, value: string] {
  const at = text.indexOf('=')
  if (at < 1 || at === text.length - 1) throw new MisuseError('--set and --set-env want key=value')
  return [text.slice(0, at), text.slice(at + 1)]
}
