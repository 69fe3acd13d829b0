import { listProjects } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { collectRows, listRowsDefault, pageSize, withLimitFlag } from '../output/list-rows.js'
import { printRows } from '../output/print.js'
import { projectColumns } from '../output/views.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

/** `project list`. */
export function addProjectList(parent: Command, io: CliIo): void {
  const command = parent.command('list').description('list the projects of a company, newest first')
  withLimitFlag(withCompanyFlags(command), listRowsDefault)
    .addHelpText('after', '\nExample:\n  $ paperclipai project list --company-id 0198f7a0-…')
    .action(async (flags: CompanyFlags & { limit: number }) => {
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const input = { params: { companyId }, query: { limit: pageSize(flags.limit) } }
        const rows = await collectRows(io, client.pages(listProjects, input), flags.limit)
        printRows(io, { json: flags.json ?? false, rows, columns: projectColumns })
      })
    })
}
