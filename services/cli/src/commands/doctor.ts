import type { Command } from 'commander'
import { MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import { reportChecks } from '../doctor/print-checks.js'
import { repairInstance, runChecks } from '../doctor/run-doctor.js'
import { confirmOrFail } from '../prompt.js'

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
      '\nExit 0 when nothing failed (warnings included), else 1.\n\nExample:\n  $ paperclipai doctor --json | jq -r .status'
    )
    .action(async (flags: Flags) => {
      if (flags.yes && !flags.repair) throw new MisuseError('--yes is for --repair')
      if (flags.repair && !flags.yes) {
        if (!io.stdin.isTTY)
          throw new MisuseError('--repair asks on a terminal', 'add --yes to agree beforehand')
        await confirmOrFail(io, 'Make what is missing? Nothing that exists is replaced.')
      }
      if (flags.repair) await repairInstance(io)
      reportChecks(io, { json: flags.json ?? false, checks: await runChecks(io) })
    })
}
