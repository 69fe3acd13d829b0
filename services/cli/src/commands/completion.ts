import { Argument, type Command } from 'commander'
import type { CliIo } from '../cli-io.js'
import { bashScript } from '../completion/bash-script.js'
import { listCommands } from '../completion/command-tree.js'
import { fishScript } from '../completion/fish-script.js'
import { zshScript } from '../completion/zsh-script.js'

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const

/** `completion`. */
export function addCompletion(parent: Command, io: CliIo): void {
  parent
    .command('completion')
    .description('print what lets a shell complete commands and flags')
    .addArgument(new Argument('<shell>', 'which').choices(Object.keys(scripts)))
    .addHelpText(
      'after',
      `
The script knows the commands of this version: print it again after an upgrade. What it completes is the word
paperclipai, so in a clone put node_modules/.bin into PATH (deploy/install.md).

Examples:
  $ paperclipai completion bash > ~/.local/share/bash-completion/completions/paperclipai
  $ paperclipai completion zsh > "\${fpath[1]}/_paperclipai"
  $ paperclipai completion fish > ~/.config/fish/completions/paperclipai.fish`
    )
    .action((shell: keyof typeof scripts) => {
      io.stdout.write(scripts[shell](listCommands(parent)))
    })
}
