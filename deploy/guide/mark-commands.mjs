/** Where the commands of a block begin, as bash itself reads them. */
import { spawnSync } from 'node:child_process'
import { quote } from './shell-quote.mjs'

/**
 * Prints the number of each line, from 0, that a command begins on. Whether lines are a whole command is asked by making
 * them the body of a function: that runs nothing, and blank lines and comments alone are none.
 */
const splitter = `mapfile -t lines
begin=
for at in "\${!lines[@]}"; do
  [ -n "$begin" ] || { [ -n "\${lines[at]//[[:space:]]/}" ] || continue; begin=$at; body=; }
  body+=\${lines[at]}$'\\n'
  if eval "guide_body() {
$body}" 2>/dev/null; then echo "$begin"; begin=; fi
done
[ -z "$begin" ] || echo "$begin"`

/**
 * Puts in front of each command, on its first line, what ends the block when the one before it has failed, however bash
 * lets that pass (`a && b`, `! a`), and what notes in the file `at` that it is begun, by its line in the guide.
 *
 * @param {string} text
 * @param {{ line: number, at: string }} options `line` is the one above the first
 */
export function markCommands(text, { line, at }) {
  const { stdout } = spawnSync('bash', ['--noprofile', '--norc', '-c', splitter], {
    input: text,
    encoding: 'utf8'
  })
  const begins = stdout
    .split('\n')
    .filter((each) => each !== '')
    .map(Number)
  const lines = text.split('\n')
  for (const index of begins)
    lines[index] = `[ $? = 0 ] && printf %s ${line + 1 + index} >|${quote(at)} || exit; ${lines[index]}`
  return { marked: lines.join('\n'), lastLine: line + 1 + (begins.at(-1) ?? 0) }
}
