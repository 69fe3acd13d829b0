import type { Command } from 'commander'
import { createBackup } from '../backup/create-backup.js'
import { type CliIo, hint } from '../cli-io.js'
import { settledEnvironment } from '../configure/settled-environment.js'
import { printRecord } from '../output/print.js'

interface Flags {
  readonly json?: true
}

/** `backup create`. */
export function addBackupCreate(parent: Command, io: CliIo): void {
  parent
    .command('create')
    .description('copy the embedded database, as of now, and the keys of this instance into a new folder')
    .argument('<folder>', 'made by this command')
    .option('--json', 'print JSON on stdout')
    .addHelpText(
      'after',
      `
Whether or not the instance runs: nobody has to wait. The folder has two parts, database and keys; keep them apart,
since both together open everything. A database of your own (DATABASE_URL) is dumped with pg_dump; then the keys alone
are copied. For an instance of \`paperclipai run\`; compose: deploy/backup.md.

Example:
  $ paperclipai backup create /mnt/backup/$(date +%F)`
    )
    .action(async (folder: string, flags: Flags) => {
      const backup = await createBackup(await settledEnvironment(io.env), folder)
      printRecord(io, {
        json: flags.json ?? false,
        record: backup,
        columns: [
          ['database', (row) => row.database],
          ['keys', (row) => row.keys],
          ['files', (row) => row.files.join(', ')]
        ]
      })
      if (backup.database === null) hint(io, 'the database is yours: dump it with pg_dump')
      if (!backup.hasMasterKey)
        hint(
          io,
          'the master key comes from PAPERCLIP_SECRETS_MASTER_KEY: it is not in the backup, so keep it elsewhere'
        )
      hint(io, 'whoever has both parts can open every stored value: keep them apart, and encrypted')
    })
}
