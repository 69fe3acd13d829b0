import type { Command } from 'commander'
import { exitCodes } from '../cli-error.js'
import { type CliIo, hint, note } from '../cli-io.js'
import { settledEnvironment } from '../configure/settled-environment.js'
import { runValueCheck } from '../master-key/run-value-check.js'

/** `master-key check`: opens every stored value, in a process of the secrets service. */
export function addMasterKeyCheck(parent: Command, io: CliIo): void {
  parent
    .command('check')
    .description('open every stored value with the keys of this instance, and say how many do')
    .option('--json', 'print {versions, environments, shredded, remote, failed, faults} on stdout')
    .addHelpText(
      'after',
      `
Shows no value, writes nothing and asks no provider. Whether or not the instance runs. After a restore, and before a
former key is thrown away. Exit 1 when a value does not open; its id is named, of many those of the first.

Example:
  $ paperclipai master-key check`
    )
    .action(async (flags: { readonly json?: true }) => {
      const json = flags.json ?? false
      const { code, stdout, stderr } = await runValueCheck(await settledEnvironment(io.env), { json })
      io.stdout.write(stdout)
      for (const line of stderr.split('\n').filter((text) => text !== ''))
        note(io, line.replace(/^secrets: /, ''))
      if (code === 0) return
      hint(io, 'restore database and keys from one backup: see deploy/backup.md')
      io.exitCode = exitCodes.failed
    })
}
