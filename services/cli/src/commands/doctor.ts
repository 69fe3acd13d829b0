import type { Command } from 'commander'
import { MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import { settledEnvironment } from '../configure/settled-environment.js'
import { reportChecks } from '../doctor/print-checks.js'
import { repairInstance, runChecks } from '../doctor/run-doctor.js'
import { confirmOrFail } from '../input/prompt.js'

interface Flags {
  readonly json?: true
  readonly repair?: true
  readonly yes?: true
}

/** `doctor`. */
export function addDoctor(parent: Command, io: CliIo): void {
  parent
    .command('doctor')
    .description('check this instance: configuration, keys, database, both services')
    .option('--repair', 'first make what is missing; a master key only when nothing stored needs another')
    .option('-y, --yes', 'do not ask before a repair')
    .option('--json', 'print {status, checks: [{id, status, message, repair}]}')
    .addHelpText(
      'after',
      `
Exit 0 when nothing failed (warnings included), else 1. --repair makes missing keys, files and variables and
closes files that others can read; it replaces nothing. A missing master key is made only when the database,
started for the question if need be, says that nothing is sealed under another; when it cannot tell, nothing
at all is changed and the command fails. Without a config.json, an environment that names a database and keys, as
containers have it, is checked for what it says. What each check means: deploy/hardening.md

Examples:
  $ paperclipai doctor
  $ paperclipai doctor --repair --yes
  $ paperclipai doctor --json | jq -r '.checks[] | select(.status == "fail") | .repair'`
    )
    .action(async (flags: Flags) => {
      if (flags.yes && !flags.repair) throw new MisuseError('--yes is for --repair')
      if (flags.repair && !flags.yes) {
        if (!io.stdin.isTTY)
          throw new MisuseError('--repair asks on a terminal', 'add --yes to agree beforehand')
        await confirmOrFail(io, 'Make what is missing? Nothing that exists is replaced.')
      }
      // A file that cannot be read is a fault that the first check names.
      const env = await settledEnvironment(io.env).catch(() => io.env)
      const settled = { ...io, env }
      const repairs = flags.repair ? await repairInstance(settled) : []
      reportChecks(io, { json: flags.json ?? false, checks: [...repairs, ...(await runChecks(settled))] })
    })
}
