import { demoteUser } from '@paperclip/contracts'
import type { Command } from 'commander'
import { changeAdmin } from '../change/change-admin.js'
import type { CliIo } from '../cli-io.js'

/** `user demote`. */
export function addUserDemote(parent: Command, io: CliIo): void {
  const command = parent
    .command('demote')
    .description('take instance administration from somebody; the last admin stays one')
    .addHelpText(
      'after',
      '\nTheir sessions end with it.\n\nExample:\n  $ paperclipai user demote ada@example.com'
    )
  changeAdmin(command, io, { route: demoteUser, done: 'is no instance admin' })
}
