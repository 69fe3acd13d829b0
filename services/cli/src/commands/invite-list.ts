import { type InviteView, listInvites } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { collectRows, listRowsDefault, pageSize, withLimitFlag } from '../output/list-rows.js'
import { type Column, printRows } from '../output/print.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

const columns: readonly Column<InviteView>[] = [
  ['id', (row) => row.id],
  ['role', (row) => row.role],
  ['expires', (row) => row.expiresAt],
  ['created', (row) => row.createdAt]
]

/** `invite list`. */
export function addInviteList(parent: Command, io: CliIo): void {
  const command = parent
    .command('list')
    .description('list the open invites of a company, never their addresses')
  withLimitFlag(withCompanyFlags(command), listRowsDefault)
    .addHelpText('after', '\nExample:\n  $ paperclipai invite list')
    .action(async (flags: CompanyFlags & { limit: number }) => {
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const pages = client.pages(listInvites, {
          params: { companyId },
          query: { limit: pageSize(flags.limit) }
        })
        const rows = await collectRows(io, pages, flags.limit)
        printRows(io, { json: flags.json ?? false, rows, columns })
      })
    })
}
