import { checkVaultHealth, type VaultHealth } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { exitCodes } from '../cli-error.js'
import { type CliIo, hint } from '../cli-io.js'
import { type Column, printRecord } from '../output/print.js'
import { type CompanyFlags, withCompanyFlags } from '../pick/pick-company.js'
import { pickVault } from '../pick/pick-vault.js'

const columns: readonly Column<VaultHealth>[] = [
  ['vault', (row) => row.configId],
  ['provider', (row) => row.provider],
  ['status', (row) => row.status],
  ['code', (row) => row.details.code],
  ['message', (row) => row.message],
  ['checked', (row) => row.checkedAt]
]

/** `vault health`: exits 1 when the vault cannot be used because of an error. */
export function addVaultHealth(parent: Command, io: CliIo): void {
  withCompanyFlags(
    parent.command('health').description('probe what a vault leads to, and keep what was found')
  )
    .argument('<vault>', 'its id or name')
    .addHelpText(
      'after',
      '\nExits 1 when there is an error, 0 for a warning.\n\nExample:\n  $ paperclipai vault health "Prod US-East"'
    )
    .action(async (vault: string, flags: CompanyFlags) => {
      await withApi(io, flags, async (client) => {
        const { id } = await pickVault(client, io, { flags, vault })
        const record = await client.call(checkVaultHealth, { params: { id } })
        printRecord(io, { json: flags.json ?? false, record, columns })
        for (const sentence of record.details.guidance) hint(io, sentence)
        if (record.status === 'error') io.exitCode = exitCodes.failed
      })
    })
}
