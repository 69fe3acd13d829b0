import { type CompanyView, updateCompany } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApi, withApiFlags } from '../api/api-session.js'
import { type CliIo, note } from '../cli-io.js'
import { printJson } from '../output/print.js'
import { findNamedCompany } from '../pick/pick-company.js'

interface StatusChange {
  readonly status: CompanyView['status']
  /** What the company is then, after its name. */
  readonly done: string
}

/** Makes a command put a company away, or bring it back. Either is undone by the other, so nothing is asked. */
export function changeCompanyStatus(command: Command, io: CliIo, { status, done }: StatusChange): void {
  withApiFlags(command)
    .argument('<company>', 'its id or unique name')
    .action(async (company: string, flags: ApiFlags) => {
      await withApi(io, flags, async (client) => {
        const { id } = await findNamedCompany(client, company)
        const changed = await client.call(updateCompany, { params: { companyId: id }, body: { status } })
        if (flags.json) printJson(io, changed)
        else note(io, `${changed.name} (${id}) ${done}`)
      })
    })
}
