import { environmentNameExpression, looksLikeCredential } from '@paperclip/contracts'
import { CliError, MisuseError } from '../cli-error.js'

/** What any program needs from the machine it runs on. Nothing here is secret. */
const machineNames = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TERM', 'TZ', 'TMPDIR']
const localePrefix = 'LC_'

/** What a run tells its command about itself. */
export interface RunVariables {
  readonly PAPERCLIP_API_URL: string
  /** The run's token: it can do no more than the run. */
  readonly PAPERCLIP_API_KEY: string
  readonly PAPERCLIP_AGENT_ID: string
  readonly PAPERCLIP_COMPANY_ID: string
  readonly PAPERCLIP_RUN_ID: string
}

/** Checks `--pass` before a run is opened. */
export function requirePassable(own: NodeJS.ProcessEnv, pass: readonly string[]): void {
  const missing = pass.find((name) => own[name] === undefined)
  if (missing === undefined) return
  // Whoever takes it for NAME=value has put a value there.
  const isName = environmentNameExpression.test(missing) && !looksLikeCredential(missing)
  throw new MisuseError(
    isName
      ? `--pass ${missing}: this environment variable is not set`
      : '--pass takes the name of an environment variable, and this is none that is set',
    'the value itself is taken from your environment: --pass NAME'
  )
}

/**
 * Builds the environment of a command from nothing: the machine's variables, those passed by name, the resolved
 * values, the run's own. Later ones win. Nothing else of whoever started it gets through.
 *
 * Throws, naming the variable only, for a value that no environment can hold (NUL).
 */
export function childEnvironment(
  own: NodeJS.ProcessEnv,
  { pass, resolved, run }: { pass: readonly string[]; resolved: Record<string, string>; run: RunVariables }
): Record<string, string> {
  const passed = new Set([...machineNames, ...pass])
  const fromOwn = Object.entries(own).filter(([name]) => passed.has(name) || name.startsWith(localePrefix))
  const env: Record<string, string> = {}
  for (const [name, value] of [...fromOwn, ...Object.entries(resolved), ...Object.entries(run)]) {
    if (value === undefined) continue
    // The runtime would refuse it too, and quote the value.
    if (value.includes('\0'))
      throw new CliError(`the value of ${name} has a NUL byte, which no environment variable can hold`, {
        hint: 'let the command fetch it itself, or store it encoded'
      })
    env[name] = value
  }
  return env
}
