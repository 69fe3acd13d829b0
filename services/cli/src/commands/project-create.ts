import { createProject } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { requireNoValue } from '../input/secret-value.js'
import { printRecord } from '../output/print.js'
import { projectColumns } from '../output/views.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

/** `project create`. */
export function addProjectCreate(parent: Command, io: CliIo): void {
  withCompanyFlags(parent.command('create').description('create a project'))
    .argument('<name>', 'its name, 1 to 120 characters')
    .addHelpText('after', '\nExample:\n  $ paperclipai project create website')
    .action(async (name: string, flags: CompanyFlags) => {
      requireNoValue([name])
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const record = await client.call(createProject, { params: { companyId }, body: { name } })
        printRecord(io, { json: flags.json ?? false, record, columns: projectColumns })
      })
    })
}
