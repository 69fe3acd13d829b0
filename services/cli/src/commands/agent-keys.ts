import { listAgentKeys } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { collectRows, listRowsDefault, pageSize, withLimitFlag } from '../output/list-rows.js'
import { printRows } from '../output/print.js'
import { agentKeyColumns } from '../output/views.js'
import { type CompanyFlags, pickCompanyOfAgent, withCompanyFlags } from '../pick/pick-company.js'
import { pickAgent } from '../pick/pick-named.js'

/** `agent keys`: needed to find the id that `agent revoke-key` takes. */
export function addAgentKeys(parent: Command, io: CliIo): void {
  const command = parent.command('keys').description('list the keys of an agent, never their tokens')
  withLimitFlag(withCompanyFlags(command), listRowsDefault)
    .argument('<agent>', 'its id or unique name')
    .addHelpText('after', '\nExample:\n  $ paperclipai agent keys coder')
    .action(async (agent: string, flags: CompanyFlags & { limit: number }) => {
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompanyOfAgent(client, io, { flags, agent })
        const id = await pickAgent(client, companyId, agent)
        const pages = client.pages(listAgentKeys, { params: { id }, query: { limit: pageSize(flags.limit) } })
        const rows = await collectRows(io, pages, flags.limit)
        printRows(io, { json: flags.json ?? false, rows, columns: agentKeyColumns })
      })
    })
}
