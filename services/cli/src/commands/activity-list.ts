import { listActivity } from '@paperclip/contracts'
import type { Command } from 'commander'
import { withApi } from '../api/api-session.js'
import type { CliIo } from '../cli-io.js'
import { activityColumns } from '../input/activity-filter.js'
import { collectRows, historyRowsDefault, pageSize, withLimitFlag } from '../output/list-rows.js'
import { printRows } from '../output/print.js'
import { type CompanyFlags, pickCompany, withCompanyFlags } from '../pick/pick-company.js'

interface Flags extends CompanyFlags {
  readonly limit: number
  readonly action?: string
  readonly entityId?: string
}

/** `activity list`. */
export function addActivityList(parent: Command, io: CliIo): void {
  const command = parent.command('list').description('list the changes of a company, newest first')
  withLimitFlag(withCompanyFlags(command), historyRowsDefault)
    .option('--action <name>', 'only these, such as secret.rotated')
    .option('--entity-id <id>', 'only those of one secret, agent, run …')
    .addHelpText('after', '\nExample:\n  $ paperclipai activity list --action env.updated')
    .action(async (flags: Flags) => {
      const filter = {
        ...(flags.action === undefined ? {} : { action: flags.action }),
        ...(flags.entityId === undefined ? {} : { entityId: flags.entityId })
      }
      await withApi(io, flags, async (client) => {
        const companyId = await pickCompany(client, io, flags)
        const query = { limit: pageSize(flags.limit), ...filter }
        const rows = await collectRows(
          io,
          client.pages(listActivity, { params: { companyId }, query }),
          flags.limit
        )
        printRows(io, { json: flags.json ?? false, rows, columns: activityColumns })
      })
    })
}
