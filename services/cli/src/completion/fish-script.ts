import type { TreeCommand, TreeFlag } from './command-tree.js'

/** Writes the completion of fish, with what each command and flag does beside it. */
export function fishScript(commands: readonly TreeCommand[]): string {
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => path)
  return `# fish completion of paperclipai
function __paperclipai_at
  set -l at ''
  set -l typed (commandline -opc)
  set -e typed[1]
  for word in $typed
    # What follows "--" is the command line of another program.
    test "$word" = --; and return 1
    contains -- "$at/$word" ${paths.join(' ')}; and set at "$at/$word"
  end
  test "$at" = "$argv[1]"
end
${commands.flatMap(linesOf).join('\n')}
`
}

function linesOf({ path, children, flags }: TreeCommand): string[] {
  const start = `complete -c paperclipai -n "__paperclipai_at '${path}'"`
  return [
    ...children.map(({ name, description }) => `${start} -f -a ${name} -d ${quoted(description)}`),
    ...flags.map((flag) => `${start} ${namesOf(flag)}${argumentOf(flag)} -d ${quoted(flag.description)}`)
  ]
}

function namesOf({ names }: TreeFlag): string {
  return names
    .map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
    .join(' ')
}

function argumentOf({ takesValue, choices }: TreeFlag): string {
  if (choices.length > 0) return ` -x -a ${quoted(choices.join(' '))}`
  return takesValue ? ' -r' : ''
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
