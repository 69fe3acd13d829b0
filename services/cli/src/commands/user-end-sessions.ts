import { endUserSessions } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApi, withApiFlags } from '../api-session.js'
import { type CliIo, note } from '../cli-io.js'
import { pickUser } from '../pick-user.js'
import { printJson } from '../print.js'

/** `user end-sessions`. */
export function addUserEndSessions(parent: Command, io: CliIo): void {
  withApiFlags(
    parent.command('end-sessions').description('sign somebody out everywhere, from the next request on')
  )
    .argument('<user>', 'the id or the email address')
    .addHelpText(
      'after',
      '\nFor instance admins. Keys of theirs stay valid.\n\nExample:\n  $ paperclipai user end-sessions ada@example.com'
    )
    .action(async (user: string, flags: ApiFlags) => {
      await withApi(io, flags, async (client) => {
        const { id, email } = await pickUser(client, user)
        const result = await client.call(endUserSessions, { params: { id } })
        if (flags.json) printJson(io, { id, ...result })
        else note(io, `${email} (${id}) is signed out everywhere`)
      })
    })
}
