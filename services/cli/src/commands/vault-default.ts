import { setDefaultVault } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { printRecord } from '../output/print.js'
import { type CompanyFlags, withCompanyFlags } from '../pick/pick-company.js'
import { pickVault } from '../pick/pick-vault.js'
import { vaultColumns } from '../vault/vault-columns.js'

/** `vault default`. */
export function addVaultDefault(parent: Command, io: CliIo): void {
  withCompanyFlags(parent.command('default').description('make a vault the default of its provider'))
    .argument('<vault>', 'its id or name')
    .addHelpText(
      'after',
      '\nThe board proposes it for new secrets; commands use a vault only where --vault names it.\n' +
        '\nExample:\n  $ paperclipai vault default "Prod US-East"'
    )
    .action(async (vault: string, flags: CompanyFlags) => {
      await withApi(io, flags, async (client) => {
        const { id } = await pickVault(client, io, { flags, vault })
        const record = await client.call(setDefaultVault, { params: { id } })
        printRecord(io, { json: flags.json ?? false, record, columns: vaultColumns })
      })
    })
}
