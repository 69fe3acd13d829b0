import type { Command } from 'commander'

/** A flag as a shell offers it. */
export interface TreeFlag {
  readonly names: readonly string[]
  readonly description: string
  readonly takesValue: boolean
  /** What the value may be, when that is a closed list. */
  readonly choices: readonly string[]
}

/**
 * A command as a shell offers it; `path` is `''` for the program and like `/secrets/list` below it. Its children are the
 * commands below it, or the words that its first argument may be.
 */
export interface TreeCommand {
  readonly path: string
  readonly children: readonly { readonly name: string; readonly description: string }[]
  readonly flags: readonly TreeFlag[]
}

/** Lists every command of a program, the program first, as its own help shows them. */
export function listCommands(command: Command, path = ''): TreeCommand[] {
  const help = command.createHelp()
  const below = help.visibleCommands(command).filter((child) => child.name() !== 'help')
  const flags = help.visibleOptions(command).map((option) => ({
    names: [option.long, option.short].filter((name) => name !== undefined && name !== null),
    description: oneLine(option.description),
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? []
  }))
  const children = below.map((child) => ({ name: child.name(), description: oneLine(child.description()) }))
  const [argument] = command.registeredArguments
  const words =
    argument?.argChoices?.map((name) => ({ name, description: oneLine(argument.description) })) ?? []
  return [
    { path, children: [...children, ...words], flags },
    ...below.flatMap((child) => listCommands(child, `${path}/${child.name()}`))
  ]
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim()
}
