import { updateVault, type VaultStatus, vaultStatuses } from '@paperclip/contracts'
import { type Command, Option } from 'commander'
import { withApi } from '../api/api-session.js'
import { MisuseError } from '../cli-error.js'
import type { CliIo } from '../cli-io.js'
import { printRecord } from '../output/print.js'
import { type CompanyFlags, withCompanyFlags } from '../pick/pick-company.js'
import { pickVault } from '../pick/pick-vault.js'
import { vaultColumns } from '../vault/vault-columns.js'
import {
  readVaultConfig,
  type VaultConfigFlags,
  vaultConfigHelp,
  withVaultConfigFlags
} from '../vault/vault-config-flags.js'

interface Flags extends CompanyFlags, VaultConfigFlags {
  readonly name?: string
  readonly status?: VaultStatus
}

/** `vault update`. */
export function addVaultUpdate(parent: Command, io: CliIo): void {
  const command = parent.command('update').description('change a vault; what is not named stays')
  withVaultConfigFlags(withCompanyFlags(command))
    .argument('<vault>', 'its id or name')
    .option('--name <name>', 'another name')
    .addOption(new Option('--status <status>', 'another state').choices(vaultStatuses))
    .addHelpText(
      'after',
      `${vaultConfigHelp}
--set member= takes a member away. Where values lie stays while secrets depend on the vault.

Example:
  $ paperclipai vault update "Prod US-East" --set environmentTag=production --set ownerTag=`
    )
    .action(async (vault: string, flags: Flags) => {
      const { name, status, set, configFile } = flags
      if ([name, status, set, configFile].every((flag) => flag === undefined))
        throw new MisuseError('nothing was named to change', 'give --name, --status, --set or --config-file')
      await withApi(io, flags, async (client) => {
        const { id, provider, config: former } = await pickVault(client, io, { flags, vault })
        const config = await readVaultConfig(flags, provider, former)
        const body = {
          ...(name === undefined ? {} : { displayName: name }),
          ...(status === undefined ? {} : { status }),
          ...(config === undefined ? {} : { config })
        }
        const record = await client.call(updateVault, { params: { id }, body })
        printRecord(io, { json: flags.json ?? false, record, columns: vaultColumns })
      })
    })
}
