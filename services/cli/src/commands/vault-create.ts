import { createVault, type ProviderId, providerIds } from '@paperclip/contracts'
import { Argument, type Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { type CliIo, hint } from '../cli-io.js'
import { printRecord } from '../output/print.js'
import { type CompanyFlags, namedCompany, pickCompany, withCompanyFlags } from '../pick/pick-company.js'
import { vaultColumns } from '../vault/vault-columns.js'
import {
  readVaultConfig,
  type VaultConfigFlags,
  vaultConfigHelp,
  withVaultConfigFlags
} from '../vault/vault-config-flags.js'

interface Flags extends CompanyFlags, VaultConfigFlags {
  readonly default?: true
}

/** `vault create`. */
export function addVaultCreate(parent: Command, io: CliIo): void {
  withVaultConfigFlags(withCompanyFlags(parent.command('create').description('add a place for values')))
    .addArgument(new Argument('<provider>', 'where values lie').choices(providerIds))
    .argument('<name>', 'its name for people, 1 to 120 characters')
    .option('--default', 'make it the default of its provider')
    .addHelpText(
      'after',
      `${vaultConfigHelp}

Examples:
  $ paperclipai vault create aws_secrets_manager "Prod US-East" --set region=us-east-1 --default
  $ paperclipai vault create local_encrypted "This machine"`
    )
    .action(async (provider: ProviderId, displayName: string, flags: Flags) => {
      namedCompany(io, flags)
      const config = (await readVaultConfig(flags, provider, {})) ?? {}
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const body = { provider, displayName, config, ...(flags.default ? { isDefault: true } : {}) }
        const record = await client.call(createVault, { params: { companyId }, body })
        printRecord(io, { json: flags.json ?? false, record, columns: vaultColumns })
        hint(io, `see whether it works with \`paperclipai vault health ${record.id}\``)
      })
    })
}
