import { listVaults } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { collectRows, listRowsDefault, pageSize, withLimitFlag } from '../output/list-rows.js'
import { printRows } from '../output/print.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'
import { vaultColumns } from '../vault/vault-columns.js'

/** `vault list`. */
export function addVaultList(parent: Command, io: CliIo): void {
  const command = parent
    .command('list')
    .description('list the provider vaults of a company, disabled ones included')
  withLimitFlag(withCompanyFlags(command), listRowsDefault)
    .addHelpText('after', '\nExample:\n  $ paperclipai vault list')
    .action(async (flags: CompanyFlags & { limit: number }) => {
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const input = { params: { companyId }, query: { limit: pageSize(flags.limit) } }
        const rows = await collectRows(io, client.pages(listVaults, input), flags.limit)
        printRows(io, { json: flags.json ?? false, rows, columns: vaultColumns })
      })
    })
}
