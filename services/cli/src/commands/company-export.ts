import { exportCompany } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { type CliIo, note } from '../cli-io.js'
import { counted, printJson } from '../output/print.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

/** `company export`: JSON with or without `--json`, since it is for `company import`. */
export function addCompanyExport(parent: Command, io: CliIo): void {
  withCompanyFlags(
    parent.command('export').description('print a company for another instance, without its secrets')
  )
    .addHelpText(
      'after',
      `
Agents, projects and the names of their variables; values only of plain ones that do not look like a secret.

Example:
  $ paperclipai company export > acme.json`
    )
    .action(async (flags: CompanyFlags) => {
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const manifest = await client.call(exportCompany, { params: { companyId }, body: undefined })
        printJson(io, manifest)
        note(
          io,
          `${counted(manifest.agents.length, 'agent')} and ${counted(manifest.projects.length, 'project')}; nothing secret is in it`
        )
      })
    })
}
