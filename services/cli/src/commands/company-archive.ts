import type { Command } from 'commander'
import { changeCompanyStatus } from '../change/change-company-status.js'
import type { CliIo } from '../cli-io.js'

/** `company archive`. */
export function addCompanyArchive(parent: Command, io: CliIo): void {
  const command = parent
    .command('archive')
    .description('put a company away: its runs end, and nothing starts in it until it is brought back')
    .addHelpText(
      'after',
      '\nNothing of it is lost. Commands that choose the only company pass it by.\n\nExample:\n  $ paperclipai company archive Acme'
    )
  changeCompanyStatus(command, io, { status: 'archived', done: 'is archived' })
}
