import { listSecretDeclarations, type SecretDeclaration } from '@paperclip/contracts'
import { type Command, Option } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { type Column, printRows } from '../output/print.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

interface Flags extends CompanyFlags {
  readonly include: 'agents' | 'projects' | 'agents,projects'
  readonly kind: 'all' | 'secret' | 'plain'
}

const columns: readonly Column<SecretDeclaration>[] = [
  ['environment of', ({ target }) => target.type],
  ['name', ({ target }) => target.name],
  ['variable', ({ name }) => name],
  ['kind', ({ kind }) => kind],
  ['required', ({ required }) => (required ? 'yes' : 'no')]
]

/** `secrets declarations`: what an export would say must be filled in elsewhere. */
export function addSecretsDeclarations(parent: Command, io: CliIo): void {
  withCompanyFlags(
    parent
      .command('declarations')
      .description('what an export would declare: names, no values, ids or references')
  )
    .addOption(
      new Option('--include <targets>', 'whose environments')
        .choices(['agents', 'projects', 'agents,projects'])
        .default('agents,projects')
    )
    .addOption(
      new Option('--kind <kind>', 'which of the variables').choices(['all', 'secret', 'plain']).default('all')
    )
    .addHelpText('after', '\nExample:\n  $ paperclipai secrets declarations --kind secret')
    .action(async (flags: Flags) => {
      await withApi(io, flags, async (client) => {
        const params = { companyId: await pickCompany(client, io, flags) }
        const { include, kind } = flags
        const rows = await client.call(listSecretDeclarations, { params, query: { include, kind } })
        printRows(io, { json: flags.json ?? false, rows, columns })
      })
    })
}
