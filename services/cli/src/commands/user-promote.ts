import { promoteUser } from '@paperclip/contracts'
import type { Command } from 'commander'
import { changeAdmin } from '../change/change-admin.js'
import type { CliIo } from '../cli-io.js'

/** `user promote`. */
export function addUserPromote(parent: Command, io: CliIo): void {
  const command = parent
    .command('promote')
    .description('make somebody an instance admin')
    .addHelpText(
      'after',
      '\nTheir sessions end with it.\n\nExample:\n  $ paperclipai user promote ada@example.com'
    )
  changeAdmin(command, io, { route: promoteUser, done: 'is an instance admin' })
}
