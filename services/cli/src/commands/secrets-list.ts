import { listSecrets } from '@paperclip/contracts'
import { type Command, Option } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { collectRows, listRowsDefault, pageSize, withLimitFlag } from '../output/list-rows.js'
import { printRows } from '../output/print.js'
import { secretColumns } from '../output/views.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

interface Flags extends CompanyFlags {
  readonly limit: number
  readonly query?: string
  readonly status?: 'active' | 'disabled' | 'archived'
}

/** `secrets list`. */
export function addSecretsList(parent: Command, io: CliIo): void {
  const command = parent.command('list').description('list the secrets of a company, never their values')
  withLimitFlag(withCompanyFlags(command), listRowsDefault)
    .option('--query <text>', 'only those whose name or key has this')
    .addOption(new Option('--status <status>', 'only these').choices(['active', 'disabled', 'archived']))
    .addHelpText('after', '\nExample:\n  $ paperclipai secrets list --query anthropic')
    .action(async (flags: Flags) => {
      const filter = {
        ...(flags.query === undefined ? {} : { query: flags.query }),
        ...(flags.status === undefined ? {} : { status: flags.status })
      }
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const query = { limit: pageSize(flags.limit), ...filter }
        const rows = await collectRows(
          io,
          client.pages(listSecrets, { params: { companyId }, query }),
          flags.limit
        )
        printRows(io, { json: flags.json ?? false, rows, columns: secretColumns })
      })
    })
}
