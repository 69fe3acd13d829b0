import type { TreeCommand } from './command-tree.js'

/** Writes the completion of zsh, with what each command and flag does beside it. */
export function zshScript(commands: readonly TreeCommand[]): string {
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => path)
  // "path" would be the search path of the shell itself.
  return `#compdef paperclipai
_paperclipai() {
  local at='' word previous="\${words[CURRENT-1]}"
  local -a candidates
  if [[ "$PREFIX" = --*=* ]]; then
    previous="\${PREFIX%%=*}"
    compset -P "$previous="
  fi
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ "$word" = -- ]] && { _normal; return }
    case "$at/$word" in
      ${paths.join('|')}) at="$at/$word" ;;
    esac
  done
  case "$at $previous" in
${commands.flatMap(valueCases).join('\n')}
  esac
  if (( ! $#candidates )); then
    case "$at" in
${commands.map(candidateCase).join('\n')}
    esac
  fi
  _describe paperclipai candidates
}
if [ "$funcstack[1]" = "_paperclipai" ]; then
  _paperclipai "$@"
else
  compdef _paperclipai paperclipai
fi
`
}

function valueCases({ path, flags }: TreeCommand): string[] {
  return flags
    .filter(({ takesValue }) => takesValue)
    .map(({ names, choices }) => {
      const patterns = names.map((name) => `'${path} ${name}'`).join('|')
      const act = choices.length === 0 ? '_files; return' : `candidates=(${choices.map(quoted).join(' ')})`
      return `    ${patterns}) ${act} ;;`
    })
}

function candidateCase({ path, children, flags }: TreeCommand): string {
  const entries = [
    ...children.map(({ name, description }) => entryOf(name, description)),
    ...flags.flatMap(({ names, description }) => names.map((name) => entryOf(name, description)))
  ]
  return `      '${path}') candidates=(${entries.join(' ')}) ;;`
}

/** A colon ends the name of an entry. */
function entryOf(name: string, description: string): string {
  return quoted(`${name.replaceAll(':', '\\:')}:${description}`)
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
