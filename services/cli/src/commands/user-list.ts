import { listUsers } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApi, withApiFlags } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { collectRows, listRowsDefault, pageSize, withLimitFlag } from '../output/list-rows.js'
import { printRows } from '../output/print.js'
import { userColumns } from '../pick/pick-user.js'

/** `user list`. */
export function addUserList(parent: Command, io: CliIo): void {
  const command = parent.command('list').description('list the people of this instance, newest first')
  withLimitFlag(withApiFlags(command), listRowsDefault)
    .addHelpText(
      'after',
      '\nFor instance admins.\n\nExample:\n  $ paperclipai user list --json | jq -r ".[].email"'
    )
    .action(async (flags: ApiFlags & { limit: number }) => {
      await withApi(io, flags, async (client) => {
        const pages = client.pages(listUsers, { query: { limit: pageSize(flags.limit) } })
        const rows = await collectRows(io, pages, flags.limit)
        printRows(io, { json: flags.json ?? false, rows, columns: userColumns })
      })
    })
}
