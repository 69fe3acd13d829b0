import type { GatewayClient } from '@paperclip/client'
import { type CompanyView, listSecrets, type SecretView } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import { type CliIo, hint, note } from '../cli-io.js'
import { allRows, wholePages } from '../output/list-rows.js'
import { type Column, counted, printRows } from '../output/print.js'
import { type CompaniesFlags, pickCompanies, withCompaniesFlags } from '../pick/every-company.js'

type Exposed = Pick<SecretView, 'id' | 'key' | 'name' | 'status' | 'latestVersion' | 'lastRotatedAt'> & {
  readonly companyId: string
  readonly company: string
}

const columns: readonly Column<Exposed>[] = [
  ['company', (row) => row.company],
  ['key', (row) => row.key],
  ['name', (row) => row.name],
  ['status', (row) => row.status],
  ['versions', (row) => row.latestVersion],
  ['rotated', (row) => row.lastRotatedAt],
  ['id', (row) => row.id]
]

/** `secrets exposed`: what a thief of database and master key has. */
export function addSecretsExposed(parent: Command, io: CliIo): void {
  withCompaniesFlags(
    parent
      .command('exposed')
      .description('list the secrets whose values lie in the database, never the values')
  )
    .addHelpText(
      'after',
      `
What must be renewed at its source when somebody took the database and the master key: no rotation of keys takes back a
value that was read. Every version counts, not the newest alone. Secrets whose values lie at a provider are not in the
list. Sensitive values written straight into an environment are neither: \`paperclipai secrets migrate-inline-env\` shows
where there are any.

Example:
  $ paperclipai secrets exposed --all-companies --json | jq -r '.[] | [.company, .key] | @tsv'`
    )
    .action(async (flags: CompaniesFlags) => {
      await withApi(io, flags, async (client) => {
        const companies = await pickCompanies(client, io, flags)
        const rows: Exposed[] = []
        for (const company of companies) rows.push(...(await exposedOf(client, company)))
        printRows(io, { json: flags.json ?? false, rows, columns })
        note(io, `${counted(rows.length, 'secret')} of ${companies.length} companies`)
        if (rows.length > 0)
          hint(
            io,
            'renew each where it was issued, store the new value with `paperclipai secrets rotate`, end the old one'
          )
      })
    })
}

async function exposedOf(
  client: GatewayClient,
  { id: companyId, name: company }: CompanyView
): Promise<Exposed[]> {
  const secrets = await allRows(client.pages(listSecrets, { params: { companyId }, query: wholePages }))
  return secrets
    .filter(
      ({ provider, managedMode }) => provider === 'local_encrypted' && managedMode === 'paperclip_managed'
    )
    .map(({ id, key, name, status, latestVersion, lastRotatedAt }) => {
      return { company, companyId, id, key, name, status, latestVersion, lastRotatedAt }
    })
    .reverse()
}
