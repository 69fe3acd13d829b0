import type { TreeCommand } from './command-tree.js'

/** Writes the completion of bash, 3.2 included: what macOS has knows no associative arrays. */
export function bashScript(commands: readonly TreeCommand[]): string {
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => path)
  return `# bash completion of paperclipai
_paperclipai() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" at='' candidates='' i
  COMPREPLY=()
  # bash makes three words of "--flag=value".
  if [ "$current" = = ]; then
    current=''
  elif [ "$previous" = = ]; then
    previous="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    # What follows "--" is the command line of another program.
    [ "\${COMP_WORDS[i]}" = -- ] && return
    case "$at/\${COMP_WORDS[i]}" in
      ${paths.join('|')}) at="$at/\${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at $previous" in
${commands.flatMap(valueCases).join('\n')}
  esac
  if [ -z "$candidates" ]; then
    case "$at" in
${commands.map(candidateCase).join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$candidates" -- "$current"))
}
complete -o default -F _paperclipai paperclipai
`
}

/** After a flag that takes a value: its choices, else the names of files, which is what bash does by itself. */
function valueCases({ path, flags }: TreeCommand): string[] {
  return flags
    .filter(({ takesValue }) => takesValue)
    .map(({ names, choices }) => {
      const patterns = names.map((name) => `'${path} ${name}'`).join('|')
      const act = choices.length === 0 ? 'return' : `candidates='${choices.join(' ')}'`
      return `    ${patterns}) ${act} ;;`
    })
}

function candidateCase({ path, children, flags }: TreeCommand): string {
  const words = [...children.map(({ name }) => name), ...flags.flatMap(({ names }) => names)]
  return `      '${path}') candidates='${words.join(' ')}' ;;`
}
