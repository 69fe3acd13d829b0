import { disableVault } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { confirmOrFail } from '../input/prompt.js'
import { printRecord } from '../output/print.js'
import { type CompanyFlags, withCompanyFlags } from '../pick/pick-company.js'
import { pickVault } from '../pick/pick-vault.js'
import { vaultColumns } from '../vault/vault-columns.js'

interface Flags extends CompanyFlags {
  readonly yes?: true
}

/** `vault disable`. */
export function addVaultDisable(parent: Command, io: CliIo): void {
  withCompanyFlags(parent.command('disable').description('let a vault take no more values; it stays listed'))
    .argument('<vault>', 'its id or name')
    .option('--yes', 'do not ask (nothing is asked without a terminal)')
    .addHelpText(
      'after',
      '\n`vault update <vault> --status ready` enables it again.\n' +
        '\nExample:\n  $ paperclipai vault disable "Prod US-East" --yes'
    )
    .action(async (vault: string, flags: Flags) => {
      await withApi(io, flags, async (client) => {
        const { id, displayName } = await pickVault(client, io, { flags, vault })
        if (!flags.yes && io.stdin.isTTY) await confirmOrFail(io, `Disable the vault ${displayName}?`)
        const record = await client.call(disableVault, { params: { id } })
        printRecord(io, { json: flags.json ?? false, record, columns: vaultColumns })
      })
    })
}
