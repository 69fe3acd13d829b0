import { ClientError } from '@paperclip/client'
import { endUserSessions } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApi, withApiFlags } from '../api/api-session.js'
import { MisuseError } from '../cli-error.js'
import { type CliIo, note } from '../cli-io.js'
import { confirmOrFail } from '../input/prompt.js'
import { printJson } from '../output/print.js'
import { pickUsers, requireOneOrAll } from '../pick/every-user.js'

interface Flags extends ApiFlags {
  readonly all?: true
  readonly yes?: true
}

/** `user end-sessions`. */
export function addUserEndSessions(parent: Command, io: CliIo): void {
  withApiFlags(
    parent.command('end-sessions').description('sign somebody out everywhere, from the next request on')
  )
    .argument('[user]', 'the id or the email address')
    .option('--all', 'everybody, oneself too')
    .option('-y, --yes', 'with --all: do not ask; needed without a terminal')
    .addHelpText(
      'after',
      `
For instance admins. Keys of theirs stay valid: see \`paperclipai user revoke-keys\`.

Examples:
  $ paperclipai user end-sessions ada@example.com
  $ paperclipai user end-sessions --all --yes`
    )
    .action(async (user: string | undefined, flags: Flags) => {
      const { all } = flags
      requireOneOrAll(user, all)
      if (all && !flags.yes && !io.stdin.isTTY) throw new MisuseError('this signs everybody out', 'say --yes')
      await withApi(io, flags, async (client) => {
        const users = await pickUsers(client, { user, all })
        if (all && !flags.yes) await confirmOrFail(io, `Sign all ${users.length} people out?`)
        for (const { id } of users)
          await client.call(endUserSessions, { params: { id } }).catch((error: unknown) => {
            // Deleted meanwhile, by somebody else.
            if (!all || !(error instanceof ClientError) || error.code !== 'not_found') throw error
          })
        if (all) {
          if (flags.json) printJson(io, { ok: true, users: users.length })
          else note(io, `all ${users.length} people are signed out everywhere`)
          return
        }
        for (const { id, email } of users)
          if (flags.json) printJson(io, { id, ok: true })
          else note(io, `${email} (${id}) is signed out everywhere`)
      })
    })
}
