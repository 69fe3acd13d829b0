/**
 * A terminal of the reader: bash, block after block. Each block is a process group of its own, so that it can be ended as
 * a whole; variables, functions, umask and folder go on to the next one.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { markCommands } from './mark-commands.mjs'
import { ProcessGroup } from './process-group.mjs'
import { quote } from './shell-quote.mjs'

let files = 0

/**
 * @param {{ name: string, guide: string, folder: string, env: Record<string, string>, scratch: string }} options
 * `scratch` takes the files of ours, `folder` is where the first block begins
 */
export function openTerminal({ name, guide, folder, env, scratch }) {
  const state = join(scratch, `state-${name}`)
  let isFirst = true

  /**
   * Starts a block. `output()` is all it has written so far, both streams in the order of writing; `isAtLast()`: its last
   * command is begun. `end` becomes its status, the line of the guide that failed or was begun last, and whether that is
   * the last command; `exited` resolves then, and never rejects.
   *
   * @param {{ text: string, line: number }} block
   */
  function start({ text, line }) {
    const own = join(scratch, `${++files}`)
    const failed = `${own}.failed`
    const script = `${own}-${basename(guide)}`
    const at = `${own}.at`
    const { marked, lastLine } = markCommands(text, { line, at })
    // So many lines in front that bash names lines of the guide.
    writeFileSync(script, `${'\n'.repeat(line)}${marked}`)
    const log = openSync(`${own}.log`, 'a+', 0o600)
    const child = spawn('bash', ['--noprofile', '--norc', '-c', wrapper({ state, script, failed })], {
      cwd: folder,
      // What a block has unset stays unset: after the first one, everything comes from the state.
      env: isFirst ? env : { PATH: env.PATH ?? '' },
      stdio: ['ignore', log, log],
      detached: true
    })
    closeSync(log)
    isFirst = false
    const running = {
      line,
      group: new ProcessGroup(child),
      end: null,
      output: () => readIfThere(`${own}.log`),
      isAtLast: () => Number(readIfThere(at)) === lastLine
    }
    const exited = new Promise((resolve) => {
      const finish = (end) => {
        const begun = Number(readIfThere(at))
        const told = Number(readIfThere(failed))
        running.end = {
          ...end,
          line: told > line ? told : Math.max(begun, line),
          isWhole: running.isAtLast()
        }
        resolve()
      }
      child.once('error', ({ message }) => finish({ status: null, reason: message }))
      child.once('exit', (status, signal) => finish({ status, reason: signal ?? `status ${status}` }))
    })
    return Object.assign(running, { exited })
  }

  return { start }
}

/** bash itself survives Ctrl-C, as the one at a prompt does, to keep its state. */
function wrapper({ state, script, failed }) {
  return `[ ! -e ${quote(state)} ] || . ${quote(state)} 2>/dev/null
trap '{ declare -p; declare -f; umask -p; printf "cd %q\\n" "$PWD"; } >${quote(state).replaceAll("'", "'\\''")}' EXIT
trap : INT
trap 'printf %s "$LINENO" >${quote(failed).replaceAll("'", "'\\''")}' ERR
set -eE -o pipefail
shopt -s inherit_errexit
. ${quote(script)}
[ -z "$(jobs -p)" ] || { echo 'a command was left in the background' >&2 && exit 1; }`
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
