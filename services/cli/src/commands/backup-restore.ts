import type { Command } from 'commander'
import { restoreBackup } from '../backup/restore-backup.js'
import { type CliIo, hint } from '../cli-io.js'
import { settledEnvironment } from '../configure/settled-environment.js'
import { printRecord } from '../output/print.js'

interface Flags {
  readonly json?: true
}

/** `backup restore`. */
export function addBackupRestore(parent: Command, io: CliIo): void {
  parent
    .command('restore')
    .description('make an instance of a backup, where there is none')
    .argument('<folder>', 'what `backup create` made: database and keys beside each other')
    .option('--json', 'print JSON on stdout')
    .addHelpText(
      'after',
      `
Replaces nothing and starts nothing. What had ended since the backup is back: revoked keys, deleted people, former
values. deploy/backup.md says what to do before you start it.

Example:
  $ PAPERCLIP_HOME=/srv/paperclip paperclipai backup restore /mnt/backup/2026-01-31`
    )
    .action(async (folder: string, flags: Flags) => {
      const restored = await restoreBackup(await settledEnvironment(io.env), folder)
      printRecord(io, {
        json: flags.json ?? false,
        record: restored,
        columns: [
          ['database', (row) => row.dataDir],
          ['keys', (row) => row.instanceDir],
          ['files', (row) => row.files.join(', ')]
        ]
      })
      if (restored.dataDir === null) hint(io, 'the database is yours: restore it with pg_restore')
      if (!restored.hasMasterKey)
        hint(
          io,
          'there is no master key in this backup: bring the one of then, or nothing stored can be opened'
        )
      hint(io, 'what was revoked or deleted since the backup is valid again: see deploy/backup.md')
    })
}
