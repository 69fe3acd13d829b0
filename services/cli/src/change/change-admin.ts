import type { demoteUser, promoteUser } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApi, withApiFlags } from '../api/api-session.js'
import { type CliIo, note } from '../cli-io.js'
import { printJson } from '../output/print.js'
import { pickUser } from '../pick/pick-user.js'

/** Makes a command give or take instance administration. */
export function changeAdmin(
  command: Command,
  io: CliIo,
  { route, done }: { route: typeof promoteUser | typeof demoteUser; done: string }
): void {
  withApiFlags(command)
    .argument('<user>', 'the id or the email address')
    .action(async (user: string, flags: ApiFlags) => {
      await withApi(io, flags, async (client) => {
        const { id } = await pickUser(client, user)
        const changed = await client.call(route, { params: { id } })
        if (flags.json) printJson(io, changed)
        else note(io, `${changed.email} ${done}`)
      })
    })
}
