import {
  getSecretProvidersHealth,
  listSecretProviders,
  type SecretProviderHealth,
  type SecretProviderView
} from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { type CliIo, hint } from '../cli-io.js'
import { type Column, printRows } from '../output/print.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

type Row = SecretProviderView & { readonly health: SecretProviderHealth | null }

const columns: readonly Column<Row>[] = [
  ['provider', (row) => row.id],
  ['label', (row) => row.label],
  ['stores values', (row) => yesNo(row.supportsManagedValues)],
  ['links values', (row) => yesNo(row.supportsExternalReferences)],
  ['configured', (row) => yesNo(row.configured)],
  ['health', (row) => row.health?.status],
  ['message', (row) => row.health?.message]
]

/** `secrets providers`: what each provider can do, how it is, and how to back up what is kept here. */
export function addSecretsProviders(parent: Command, io: CliIo): void {
  withCompanyFlags(parent.command('providers').description('where values can lie, and whether that works'))
    .addHelpText('after', '\nExample:\n  $ paperclipai secrets providers')
    .action(async (flags: CompanyFlags) => {
      await withApi(io, flags, async (client) => {
        const params = { companyId: await pickCompany(client, io, flags) }
        const [list, { providers }] = await Promise.all([
          client.call(listSecretProviders, { params }),
          client.call(getSecretProvidersHealth, { params })
        ])
        const healthOf = (id: string) => providers.find(({ provider }) => provider === id) ?? null
        const rows = list.map((row) => ({ ...row, health: healthOf(row.id) }))
        printRows(io, { json: flags.json ?? false, rows, columns })
        if (flags.json) return
        for (const { warnings = [], backupGuidance = [] } of providers)
          for (const sentence of [...warnings, ...backupGuidance]) hint(io, sentence)
      })
    })
}

function yesNo(is: boolean): string {
  return is ? 'yes' : 'no'
}
