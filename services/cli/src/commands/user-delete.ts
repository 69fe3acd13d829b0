import { deleteUser } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApi, withApiFlags } from '../api/api-session.js'
import { MisuseError } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import { confirmOrFail } from '../input/prompt.js'
import { printJson } from '../output/print.js'
import { pickUser } from '../pick/pick-user.js'

interface Flags extends ApiFlags {
  readonly yes?: true
}

/** `user delete`. */
export function addUserDelete(parent: Command, io: CliIo): void {
  withApiFlags(
    parent.command('delete').description('delete a person’s account, sessions, memberships and keys')
  )
    .argument('<user>', 'the id or the email address')
    .option('-y, --yes', 'do not ask; needed without a terminal')
    .addHelpText(
      'after',
      `
For instance admins. What the person did stays in the record, under a bare id. An instance admin is demoted
first, and a company keeps an owner: both are refused here. Nothing brings the account back.

Example:
  $ paperclipai user delete ada@example.com --yes`
    )
    .action(async (user: string, flags: Flags) => {
      if (!flags.yes && !io.stdin.isTTY)
        throw new MisuseError('deleting a user cannot be undone', 'say --yes')
      await withApi(io, flags, async (client) => {
        const { id, email } = await pickUser(client, user)
        if (!flags.yes) await confirmOrFail(io, `Delete ${email} (${id}) for good?`)
        const result = await client.call(deleteUser, { params: { id } })
        if (flags.json) printJson(io, { id, ...result })
        else note(io, `${email} (${id}) is deleted`)
      })
    })
}
