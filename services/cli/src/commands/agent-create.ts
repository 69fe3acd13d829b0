import { createAgent } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { requireNoValue } from '../input/secret-value.js'
import { printRecord } from '../output/print.js'
import { agentColumns } from '../output/views.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

interface Flags extends CompanyFlags {
  readonly adapter?: string
}

/** `agent create`. */
export function addAgentCreate(parent: Command, io: CliIo): void {
  withCompanyFlags(parent.command('create').description('create an agent'))
    .argument('<name>', 'its name, 1 to 120 characters')
    .option('--adapter <type>', 'what kind of program it is')
    .addHelpText('after', '\nExample:\n  $ paperclipai agent create coder --adapter process')
    .action(async (name: string, flags: Flags) => {
      requireNoValue([name, flags.adapter])
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const adapter = flags.adapter === undefined ? {} : { adapterType: flags.adapter }
        const record = await client.call(createAgent, { params: { companyId }, body: { name, ...adapter } })
        printRecord(io, { json: flags.json ?? false, record, columns: agentColumns })
      })
    })
}
