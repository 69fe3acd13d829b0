import type { Command } from 'commander'
import { changeCompanyStatus } from '../change/change-company-status.js'
import type { CliIo } from '../cli-io.js'

/** `company unarchive`. */
export function addCompanyUnarchive(parent: Command, io: CliIo): void {
  const command = parent
    .command('unarchive')
    .description('bring an archived company back; runs that its archiving ended stay ended')
    .addHelpText('after', '\nExample:\n  $ paperclipai company unarchive Acme')
  changeCompanyStatus(command, io, { status: 'active', done: 'is active again' })
}
