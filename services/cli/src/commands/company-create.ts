import { createCompany } from '@paperclip/contracts'
import type { Command } from 'commander'
import { type ApiFlags, withApi, withApiFlags } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { requireNoValue } from '../input/secret-value.js'
import { printRecord } from '../output/print.js'
import { companyColumns } from '../output/views.js'

/** `company create`. */
export function addCompanyCreate(parent: Command, io: CliIo): void {
  withApiFlags(parent.command('create').description('create a company'))
    .argument('<name>', 'its name, 1 to 120 characters')
    .addHelpText('after', '\nExample:\n  $ paperclipai company create Acme')
    .action(async (name: string, flags: ApiFlags) => {
      requireNoValue([name])
      await withApi(io, flags, async (client) => {
        const record = await client.call(createCompany, { body: { name } })
        printRecord(io, { json: flags.json ?? false, record, columns: companyColumns })
      })
    })
}
