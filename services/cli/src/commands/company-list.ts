import { listCompanies } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApi, withApiFlags } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { collectRows, listRowsDefault, pageSize, withLimitFlag } from '../output/list-rows.js'
import { printRows } from '../output/print.js'
import { companyColumns } from '../output/views.js'

/** `company list`. */
export function addCompanyList(parent: Command, io: CliIo): void {
  const command = parent.command('list').description('list the companies you may enter, newest first')
  withLimitFlag(withApiFlags(command), listRowsDefault)
    .addHelpText('after', '\nExample:\n  $ paperclipai company list --json | jq -r ".[].id"')
    .action(async (flags: ApiFlags & { limit: number }) => {
      await withApi(io, flags, async (client) => {
        const pages = client.pages(listCompanies, { query: { limit: pageSize(flags.limit) } })
        const rows = await collectRows(io, pages, flags.limit)
        printRows(io, { json: flags.json ?? false, rows, columns: companyColumns })
      })
    })
}
